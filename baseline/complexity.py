"""Parameters, MACs and bytes of a torch network, as the challenge's organisers count them.

They count with torchinfo, so torchinfo counts here too: every parameter; a convolution's weights
and biases times its output positions; any other layer's parameters once; nothing for pooling,
activations and additions. The front end is outside the count.
"""

from __future__ import annotations

import copy
import operator
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import torchinfo
from torch import nn
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

from baseline.challenge import CLIP_SECONDS, MAX_MACS, MAX_MODEL_BYTES
from baseline.liveness import Step, peak
from deploy.errors import InputError
from deploy.frontend import FrontEnd, front_end

BITS = {"fp32": 32, "fp16": 16, "int8": 8}
"""Bits of a parameter at each precision."""

AS_TRAINED, IN_FILE = "as trained", "in the file"
"""The graphs that are counted: with batch norm as a layer, or folded away in a deployed file."""

VIEWS = {"view", "flatten", "reshape", "unsqueeze", "squeeze", "permute", "dropout"}
"""aten operators whose result is, in an inference, the same memory as their input."""

FUSED = {"relu", "relu6", "hardtanh", "batch_norm"}
"""aten operators that every deployment computes inside the layer before them."""


@dataclass(frozen=True)
class Layer:
    """One row of the layer table."""

    name: str
    """Dotted path, such as `stages.s1.b1.block.0.0`."""
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    """Counted where they are used first: the rows add up to the network's parameters."""
    macs: int


@dataclass(frozen=True)
class Complexity:
    """What a network costs for one second of audio."""

    network: str
    graph: str
    """Which graph was counted: `AS_TRAINED` or `IN_FILE`."""
    input_shape: tuple[int, ...]
    parameters: int
    macs: int
    """As the organisers count them; see the module's docstring."""
    weight_macs: int | None
    """MACs that convolutions and matrix products perform, without biases and batch norm: the usual
    embedded count. None where the network cannot be traced."""
    precision: str
    bytes: int
    """Parameters x bits / 8: the challenge's model size."""
    peak_activation_bytes: int | None
    """Most activation memory alive at once; None where the network cannot be traced."""
    layers: tuple[Layer, ...] = field(repr=False)

    @property
    def within_limits(self) -> bool:
        """Whether both limits of the challenge hold."""
        return self.bytes <= MAX_MODEL_BYTES and self.macs <= MAX_MACS

    def to_dict(self) -> dict[str, Any]:
        """The record that is kept in a run."""
        return asdict(self) | {"within_limits": self.within_limits}


def measure(
    network: nn.Module, input_shape: tuple[int, ...], *, name: str, precision: str
) -> Complexity:
    """Count a torch network on one input of the given shape; the network is left as it was.

    Args:
        input_shape: log-mel (1, 1, mels, frames): the batch is one, for the limits hold for one
            inference.

    Raises:
        InputError: an impossible shape, or the network cannot take such an input.
    """
    _check_shape(input_shape)
    try:
        # torchinfo moves a network to another device and torch.export assigns to its attributes.
        network = copy.deepcopy(network).cpu().eval()
        with _one_thread():
            summary = torchinfo.summary(network, input_shape, verbose=0, device="cpu")
    except Exception as error:  # whatever a user's own network raises
        raise InputError(
            f"network {name}: cannot be run on an input of shape {input_shape} "
            f"({_reason(error)}); check the network and its front end."
        ) from error
    peak_values, weight_macs = _trace(network, input_shape)
    return Complexity(
        network=name,
        graph=AS_TRAINED,
        input_shape=input_shape,
        parameters=summary.total_params,
        macs=summary.total_mult_adds,
        weight_macs=weight_macs,
        precision=precision,
        bytes=model_bytes(summary.total_params, precision),
        peak_activation_bytes=None if peak_values is None else model_bytes(peak_values, precision),
        layers=_layers(network, summary),
    )


def model_bytes(values: int, precision: str) -> int:
    """Bytes of so many parameters or activation values at a precision."""
    return values * BITS[precision] // 8


def input_shape(front_end_name: str | FrontEnd) -> tuple[int, int, int, int]:
    """Shape (1, 1, mels, frames) of the log-mel of one clip."""
    spec = front_end(front_end_name)
    return 1, 1, spec.n_mels, spec.frames(CLIP_SECONDS * spec.rate_hz)


def require_within_limits(complexity: Complexity) -> None:
    """Refuse a network that is over a limit.

    Raises:
        InputError: over the limit on bytes or MACs.
    """
    if not complexity.within_limits:
        raise InputError(
            f"network {complexity.network}: found {complexity.bytes:,} bytes and "
            f"{complexity.macs:,} MACs, the limits are {MAX_MODEL_BYTES:,} and {MAX_MACS:,}; "
            "make it smaller, or train it all the same with --over-budget."
        )


def peak_activation_values(network: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Most activation values alive at once when each lives from its making to its last use.

    Batch norm and ReLU are taken to be fused into the layer before them, as every deployment does.
    """
    program = torch.export.export(network, (torch.zeros(input_shape),))
    signature = program.graph_signature
    constants = {*signature.inputs_to_parameters, *signature.inputs_to_buffers}
    storage: dict[torch.fx.Node, torch.fx.Node] = {}
    steps = []
    for node in program.graph.nodes:
        if node.name in constants or node.op == "get_attr":
            continue
        if node.all_input_nodes and all(part.name in constants for part in node.all_input_nodes):
            constants.add(node.name)  # such as damped weights, which a deployment multiplies once
            continue
        sources = [storage[source] for source in node.all_input_nodes if source in storage]
        storage[node] = sources[0] if sources and _takes_no_memory(node) else node
        made = {node: _values(node)} if storage[node] is node and node.op != "output" else {}
        steps.append(Step(sources, made))
    return peak(steps)


def _check_shape(shape: tuple[int, ...]) -> None:
    if not shape or min(shape) < 1 or shape[0] != 1:
        raise InputError(
            f"input shape {shape}: expected sizes above zero with a batch of one first, "
            "for example 1,1,256,65."
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """One clip is little work: on busy cores, threads that wait for each other take seconds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _reason(error: Exception) -> str:
    """One line on what went wrong inside torchinfo, which wraps the network's own exception."""
    cause = error.__cause__ or error
    return " ".join(str(cause).split())[:200] or type(cause).__name__


def _layers(network: nn.Module, summary: torchinfo.ModelStatistics) -> tuple[Layer, ...]:
    names = {id(module): name for name, module in network.named_modules()}
    rows = []
    for layer in summary.summary_list:
        # A container has a row only for parameters that it holds itself, beside its layers.
        own = layer.num_params if layer.is_leaf_layer else layer.leftover_params()
        parameters = 0 if layer.is_recursive else max(own, 0)
        if layer.is_leaf_layer or parameters:
            name = names.get(layer.layer_id, layer.var_name) or layer.class_name
            macs = layer.macs if layer.is_leaf_layer else 0
            rows.append(Layer(name, layer.class_name, tuple(layer.output_size), parameters, macs))
    return tuple(rows)


def _trace(network: nn.Module, input_shape: tuple[int, ...]) -> tuple[int | None, int | None]:
    """Peak activation values and weight MACs, or None where tracing fails.

    A network with Python control flow over its values runs and can be counted, but not traced.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch.export, about the user's own layers
            return peak_activation_values(network, input_shape), _weight_macs(network, input_shape)
    except Exception:  # torch.export raises whatever the network made it stumble over
        return None, None


def _weight_macs(network: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Half the floating-point operations of all convolutions and matrix products.

    On the meta device nothing is computed, and fused kernels that the counter cannot see into,
    such as an LSTM's, are taken apart.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.to("meta")(torch.zeros(input_shape, device="meta"))
    return int(counter.get_total_flops()) // 2


def _takes_no_memory(node: torch.fx.Node) -> bool:
    source = node.all_input_nodes[0]
    name = str(node.target).removeprefix("aten.").split(".")[0].rstrip("_")
    if name in FUSED:
        # Where something else also reads the layer's own result, both results are kept.
        return len(source.users) == 1 and source.op == "call_function"
    return name in VIEWS or node.target is operator.getitem


def _values(node: torch.fx.Node) -> int:
    leaves = pytree.tree_leaves(node.meta.get("val"))
    return sum(leaf.numel() for leaf in leaves if isinstance(leaf, torch.Tensor))
