"""The verdict on a system's budget, and the sentences that explain it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from baseline.challenge import MAX_MACS, MAX_MODEL_BYTES
from baseline.complexity import BITS, Complexity, model_bytes
from quantize.graphs.complexity import FileComplexity


@dataclass(frozen=True)
class Budget:
    """What a system costs against the challenge's limits."""

    target: str
    """What was checked, as the user named it."""
    counted: Complexity
    """The figures that the verdict is on; `counted.graph` says of which graph."""
    deployed: tuple[FileComplexity, ...] = ()
    """The figures of exported files, beside it."""
    notes: tuple[str, ...] = ()
    """Sentences that explain the figures."""

    @property
    def within_limits(self) -> bool:
        """Whether both limits of the challenge hold."""
        return self.counted.within_limits

    @property
    def byte_margin(self) -> int:
        """Bytes left; negative where the limit is passed."""
        return MAX_MODEL_BYTES - self.counted.bytes

    @property
    def mac_margin(self) -> int:
        """MACs left; negative where the limit is passed."""
        return MAX_MACS - self.counted.macs

    @property
    def bytes_at(self) -> dict[str, int]:
        """The bytes that the same number of parameters would take at each precision."""
        return {precision: model_bytes(self.counted.parameters, precision) for precision in BITS}


def network_notes(counted: Complexity) -> tuple[str, ...]:
    """Sentences about a torch network's figures."""
    notes = [
        "Counted by torchinfo's rules on the network as trained, batch norm not folded; the front "
        "end is outside the count."
    ]
    if counted.weight_macs is None:
        notes.append(
            "torch.export cannot trace this network, so its activation memory and its MACs by "
            "weights only are unknown."
        )
    elif counted.weight_macs > counted.macs:
        notes.append(
            f"Its convolutions and matrix products perform {counted.weight_macs:,} MACs, more than "
            f"the {counted.macs:,} of torchinfo, which sees no functional calls and counts a "
            "linear layer once at however many positions it is applied."
        )
    return tuple(notes)


def deployment_notes(deployed: FileComplexity) -> tuple[str, ...]:
    """Sentences about the graph in a file."""
    notes = []
    name = Path(deployed.file).name
    if _has_folded_biases(deployed):
        notes.append(
            f"{name}: biases add {deployed.macs - deployed.weight_macs:,} to torchinfo's MACs, as "
            "folding batch norm into convolutions does, although the computation is the same: "
            f"{deployed.macs:,} by torchinfo's rule on this graph, {deployed.weight_macs:,} by "
            "weights only."
        )
    if deployed.not_int8:
        notes.append(f"{name}: has int8 weights, but is not int8 in {_grouped(deployed.not_int8)}.")
    return tuple(notes)


def _has_folded_biases(deployed: FileComplexity) -> bool:
    """Whether biases raise a file's MACs as folded batch norm does."""
    unfolded = any(layer.kind == "BatchNormalization" for layer in deployed.layers)
    return deployed.macs > deployed.weight_macs and not unfolded


def _grouped(operators: tuple[str, ...]) -> str:
    counts = Counter(operators)
    return ", ".join(f"{count} x {name}" if count > 1 else name for name, count in counts.items())
