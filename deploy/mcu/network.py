"""An integer network as the microcontroller runs it: tensors and layers, free of any file format.

A tensor is seen as rows of columns of channels, the H, W and C of one NHWC image; a vector is one
row of one column. For audio a row is a mel and a column is a frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Tensor:
    """An int8 tensor; value = (q - zero_point) * scale."""

    index: int
    name: str
    rows: int
    columns: int
    channels: int
    scale: float
    zero_point: int

    @property
    def size(self) -> int:
        """Number of values, which are its bytes."""
        return self.rows * self.columns * self.channels


@dataclass(frozen=True)
class Rescaling:
    """int32 -> int8: q = clamp(acc * multiplier / 2**31 * 2**shift + zero_point), per channel."""

    multiplier: np.ndarray
    """int32 (channels,), in [2**30, 2**31) or 0."""
    shift: np.ndarray
    """int32 (channels,), to the left where positive."""
    zero_point: int
    minimum: int
    maximum: int

    def of(self, channels: slice) -> Rescaling:
        """That of some channels."""
        return replace(self, multiplier=self.multiplier[channels], shift=self.shift[channels])


@dataclass(frozen=True)
class Window:
    """What a sliding layer looks at, in rows and columns."""

    rows: int
    columns: int
    row_stride: int
    column_stride: int
    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Layer:
    """One operator of the file."""

    index: int
    kind: str
    """The operator's name in TFLite."""
    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True)
class Convolution(Layer):
    """A convolution of all channels, or a fully connected layer, whose window is all its input.

    In groups, each piece of the output channels reads its own piece of the input's.
    """

    window: Window
    weights: np.ndarray
    """int8 (out_channels, rows, columns, in_channels of a group)."""
    bias: np.ndarray
    """int32 (out_channels,), the input's zero point not yet folded in."""
    rescaling: Rescaling
    groups: int = 1

    def parts(self) -> list[Convolution]:
        """The convolution of each group by itself."""
        count = len(self.weights) // self.groups
        pieces = [slice(first, first + count) for first in range(0, len(self.weights), count)]
        return [
            replace(
                self,
                weights=self.weights[piece],
                bias=self.bias[piece],
                rescaling=self.rescaling.of(piece),
                groups=1,
            )
            for piece in pieces
        ]


@dataclass(frozen=True)
class Depthwise(Layer):
    """A convolution of each channel by itself; output channel c reads channel c // multiplier."""

    window: Window
    weights: np.ndarray
    """int8 (out_channels, rows, columns)."""
    bias: np.ndarray
    rescaling: Rescaling
    multiplier: int


@dataclass(frozen=True)
class Pad(Layer):
    """Rows and columns of the zero point around the input."""

    window: Window
    """Of one row and one column; only its margins matter."""


@dataclass(frozen=True)
class Pool(Layer):
    """One value of a window, of each channel by itself, then clamped."""

    window: Window
    margin_counts: bool
    """Whether the margin takes part, as values of the zero point, or is left out."""
    minimum: int
    maximum: int


@dataclass(frozen=True)
class AveragePool(Pool):
    """Rounded mean of a window."""


@dataclass(frozen=True)
class MaxPool(Pool):
    """Largest value of a window."""


@dataclass(frozen=True)
class Add(Layer):
    """Sum of two tensors of one shape: each input rescaled from 20 extra bits, then the sum."""

    multipliers: tuple[int, int, int]
    """Of the first input, the second and the sum."""
    shifts: tuple[int, int, int]
    minimum: int
    maximum: int


@dataclass(frozen=True)
class Mean(Layer):
    """Mean over all rows and columns."""

    multiplier: int
    shift: int


@dataclass(frozen=True)
class Requantize(Layer):
    """The same values in another scale."""

    multiplier: int
    shift: int


@dataclass(frozen=True)
class Reshape(Layer):
    """The same bytes as a tensor of another shape."""


@dataclass(frozen=True)
class Softmax(Layer):
    """Probabilities over the channels, scaled to 256."""

    multiplier: int
    left_shift: int
    smallest_difference: int
    """A value that lies further below the largest has probability 0."""


@dataclass(frozen=True)
class Network:
    """Layers in an order in which each finds its inputs ready."""

    tensors: dict[int, Tensor]
    layers: tuple[Layer, ...]
    input: int
    output: int


def macs(network: Network, layer: Layer) -> int:
    """Multiplications of weights and values that a layer makes."""
    if not isinstance(layer, Convolution | Depthwise):
        return 0
    output = network.tensors[layer.output]
    return output.rows * output.columns * layer.weights.size
