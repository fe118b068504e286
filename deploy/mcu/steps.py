"""What there is to compute, row by row: the layers, each with the padding of its input."""

from __future__ import annotations

from dataclasses import dataclass, replace

from deploy.mcu import network as net

SLIDING = (net.Convolution, net.Depthwise, net.Pool)
"""Layers that see the margins of their input as they slide over it, so need no padded copy."""


@dataclass(frozen=True)
class Step:
    """One layer's work, or the reading of the network's input, in turns of one row."""

    layer: net.Layer | None
    """None where the rows come from outside."""
    inputs: tuple[int, ...]
    output: int
    window: net.Window
    """With the margins of a pad that has been taken over."""
    input_rows: int
    output_rows: int

    @property
    def turns(self) -> int:
        """Turns it takes for all rows of the output."""
        return self.input_rows if isinstance(self.layer, net.Mean) else self.output_rows

    def turns_for(self, row: int) -> int:
        """Turns after which an output row is there."""
        return self.turns if isinstance(self.layer, net.Mean) else row + 1

    def reads_outside(self) -> bool:
        """Whether its window takes in rows that are not there."""
        if isinstance(self.layer, net.Pool) and not self.layer.margin_counts:
            return False
        return isinstance(self.layer, SLIDING) and (self.window.top > 0 or self.window.bottom > 0)

    def reads(self, turn: int) -> range:
        """Rows of each input that a turn reads."""
        if self.layer is None:
            return range(0)
        if isinstance(self.layer, net.Reshape):
            return range(self.input_rows)
        first = turn * self.window.row_stride - self.window.top
        return range(max(first, 0), max(min(first + self.window.rows, self.input_rows), 0))


ROW_BY_ROW = net.Window(1, 1, 1, 1, 0, 0, 0, 0)
"""The window of a layer that reads one row to write one."""


def steps_of(network: net.Network) -> tuple[Step, ...]:
    """The steps of a network, in the order of its layers; what no step reads is left out."""
    layers = {layer.output: layer for layer in network.layers}
    steps = {network.input: _input_step(network)}
    for layer in network.layers:
        steps[layer.output] = _step(network, layer, layers)
    needed = {network.output, network.input}
    for layer in reversed(network.layers):
        if layer.output in needed:
            needed.update(steps[layer.output].inputs)
    return tuple(step for index, step in steps.items() if index in needed)


def _input_step(network: net.Network) -> Step:
    rows = network.tensors[network.input].rows
    return Step(None, (), network.input, ROW_BY_ROW, rows, rows)


def _step(network: net.Network, layer: net.Layer, layers: dict[int, net.Layer]) -> Step:
    pad = layers.get(layer.inputs[0])
    if isinstance(layer, SLIDING) and isinstance(pad, net.Pad) and _may_take_over(layer):
        layer, inputs = _padded(layer, pad), pad.inputs
    else:
        inputs = layer.inputs
    window = getattr(layer, "window", ROW_BY_ROW)
    input_rows = network.tensors[inputs[0]].rows
    return Step(layer, inputs, layer.output, window, input_rows, network.tensors[layer.output].rows)


def _may_take_over(layer: net.Layer) -> bool:
    """A pool that leaves its own margin out cannot count another one."""
    if not isinstance(layer, net.Pool):
        return True
    window = layer.window
    return not any((window.top, window.left, window.bottom, window.right))


def _padded(layer: net.Layer, pad: net.Pad) -> net.Layer:
    """The layer on the input of the pad, its window's margins larger by the pad's."""
    assert isinstance(layer, SLIDING)
    own, more = layer.window, pad.window
    window = replace(
        own,
        top=own.top + more.top,
        left=own.left + more.left,
        bottom=own.bottom + more.bottom,
        right=own.right + more.right,
    )
    if isinstance(layer, net.Pool):
        return replace(layer, window=window, margin_counts=True)
    return replace(layer, window=window)
