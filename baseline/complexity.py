"""Parameters, MACs and bytes of a torch network, as the challenge's organisers count them.

They count with torchinfo, so torchinfo counts here too: every parameter; a convolution's weights
and biases times its output positions; any other layer's parameters once; nothing for pooling,
activations and additions. The front end is outside the count.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import torchinfo
from torch import nn
from torch.utils import _pytree as pytree

from baseline.challenge import CLIP_SECONDS, MAX_MACS, MAX_MODEL_BYTES
from deploy.errors import InputError
from deploy.frontend import front_end

BITS = {"fp32": 32, "fp16": 16, "int8": 8}

NO_COPY_OPERATORS = {"view", "flatten", "reshape", "unsqueeze", "squeeze", "permute", "dropout"}
"""aten operators whose result takes no memory of its own in an inference."""


@dataclass(frozen=True)
class Layer:
    """One row of the layer table."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int


@dataclass(frozen=True)
class Complexity:
    """What a network costs for one second of audio."""

    network: str
    graph: str
    """Which graph was counted: as trained, or a deployed file with batch norm folded."""
    parameters: int
    macs: int
    precision: str
    peak_activation_bytes: int
    layers: list[Layer] = field(repr=False)

    @property
    def bytes(self) -> int:
        """Parameters x bits / 8: the challenge's model size."""
        return self.parameters * BITS[self.precision] // 8

    @property
    def within_limits(self) -> bool:
        """Whether both limits of the challenge hold."""
        return self.bytes <= MAX_MODEL_BYTES and self.macs <= MAX_MACS

    def to_dict(self) -> dict[str, Any]:
        """The record that is kept in a run."""
        return asdict(self) | {"bytes": self.bytes, "within_limits": self.within_limits}


def measure(
    network: nn.Module, input_shape: tuple[int, ...], *, name: str, precision: str
) -> Complexity:
    """Count a torch network on one input of the given shape.

    Raises:
        InputError: the network cannot take such an input.
    """
    was_training = network.training
    network.eval()
    try:
        summary = torchinfo.summary(network, input_shape, verbose=0, device="cpu")
        peak = peak_activation_values(network, input_shape) * BITS[precision] // 8
    except Exception as error:  # whatever a user's own network raises
        reason = str(error.__cause__ or error).splitlines()[0]
        raise InputError(
            f"network {name}: cannot be run on an input of shape {input_shape} ({reason}); "
            "check the network and its front end."
        ) from error
    finally:
        network.train(was_training)
    layers = [
        Layer(
            layer.var_name, layer.class_name, tuple(layer.output_size), layer.num_params, layer.macs
        )
        for layer in summary.summary_list
        if layer.is_leaf_layer
    ]
    return Complexity(
        network=name,
        graph="as trained",
        parameters=summary.total_params,
        macs=summary.total_mult_adds,
        precision=precision,
        peak_activation_bytes=peak,
        layers=layers,
    )


def input_shape(front_end_name: str) -> tuple[int, int, int, int]:
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
    nodes = [node for node in program.graph.nodes if node.op in ("placeholder", "call_function")]
    constants = set(program.graph_signature.inputs_to_parameters)
    constants |= set(program.graph_signature.inputs_to_buffers)
    storage: dict[torch.fx.Node, torch.fx.Node] = {}
    last_use: dict[torch.fx.Node, int] = {}
    made_at: dict[torch.fx.Node, int] = {}
    for time, node in enumerate(nodes):
        if node.name in constants:
            continue
        sources = [storage[source] for source in node.all_input_nodes if source in storage]
        fused = sources and _takes_no_memory(node)
        storage[node] = sources[0] if fused else node
        made_at.setdefault(storage[node], time)
        for owner in {*sources, storage[node]}:
            last_use[owner] = time
    sizes = {node: _values(node) for node in made_at}
    return max(
        sum(sizes[node] for node in made_at if made_at[node] <= time <= last_use[node])
        for time in range(len(nodes))
    )


def _takes_no_memory(node: torch.fx.Node) -> bool:
    operator = str(node.target).removeprefix("aten.").split(".")[0].rstrip("_")
    return operator in NO_COPY_OPERATORS or operator in {"relu", "hardtanh", "batch_norm"}


def _values(node: torch.fx.Node) -> int:
    leaves = pytree.tree_leaves(node.meta.get("val"))
    return sum(leaf.numel() for leaf in leaves if isinstance(leaf, torch.Tensor))
