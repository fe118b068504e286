"""A budget as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from baseline.challenge import MAX_MACS, MAX_MODEL_BYTES
from baseline.complexity import IN_FILE, Complexity, Layer
from deploy.table import format_table
from quantize.graphs.complexity import FileComplexity
from submission.verdict import Budget

Counted = TypeVar("Counted")
Count = Callable[[Counted], int | None]

SUMMARY_ROWS: tuple[tuple[str, Count[Complexity], Count[FileComplexity]], ...] = (
    ("parameters", lambda network: network.parameters, lambda file: file.parameters),
    ("MACs, organisers' count", lambda network: network.macs, lambda file: file.macs),
    ("MACs, weights only", lambda network: network.weight_macs, lambda file: file.weight_macs),
    (
        "bytes, parameters x bits / 8",
        lambda network: network.bytes,
        lambda file: file.parameter_bytes,
    ),
    (
        "peak bytes of activations",
        lambda network: network.peak_activation_bytes,
        lambda file: file.peak_activation_bytes,
    ),
)
"""Rows of the summary: a name, and the value for a torch network and for a file."""

FILE_ROWS: tuple[tuple[str, Count[FileComplexity]], ...] = (
    ("bytes of the file", lambda file: file.file_bytes),
    ("  weights", lambda file: file.weight_bytes),
    ("  biases", lambda file: file.bias_bytes),
    ("  scales and zero points", lambda file: file.quantization_bytes),
    ("  names, settings, padding", lambda file: file.other_bytes),
)
"""Rows that only a file has."""


def render(budget: Budget) -> str:
    """The budget as text: summary, layer table, notes and the verdict with its margins."""
    parts = [
        _summary(budget),
        _layer_table(budget.counted.layers or budget.deployed[0].layers),
        "\n".join(budget.notes),
        _precision_table(budget),
        _limit_table(budget),
        _verdict(budget),
    ]
    return "\n\n".join(parts)


def to_json(budget: Budget) -> dict[str, Any]:
    """The budget for programs: all that `render` shows."""
    return {
        "target": budget.target,
        "within_limits": budget.within_limits,
        "counted": budget.counted.to_dict(),
        "limits": {"bytes": MAX_MODEL_BYTES, "macs": MAX_MACS},
        "margins": {"bytes": budget.byte_margin, "macs": budget.mac_margin},
        "bytes_at": budget.bytes_at,
        "deployed": [asdict(deployed) for deployed in budget.deployed],
        "notes": list(budget.notes),
    }


def _summary(budget: Budget) -> str:
    """A column for the network as trained and one for each file."""
    counted, files = budget.counted, budget.deployed
    networks = [] if counted.graph == IN_FILE else [counted]
    columns = [
        *(f"{network.graph}, {network.precision}" for network in networks),
        *(f"{Path(file.file).name}, {file.precision}" for file in files),
    ]
    rows = [
        [name, *map(network_value, networks), *map(file_value, files)]
        for name, network_value, file_value in SUMMARY_ROWS
    ]
    if files:
        rows += [[name, *(None for _ in networks), *map(value, files)] for name, value in FILE_ROWS]
    title = f"{budget.target} on {_shape(counted.input_shape)}"
    return format_table([title, *columns], _cells(rows))


def _layer_table(layers: tuple[Layer, ...]) -> str:
    counted = [layer for layer in layers if layer.parameters or layer.macs]
    rows = [
        [layer.name, layer.kind, _shape(layer.output_shape), layer.parameters, layer.macs]
        for layer in counted
    ]
    table = format_table(["layer", "operator", "output", "parameters", "MACs"], _cells(rows))
    others = len(layers) - len(counted)
    return f"{table}\nand {others} layers without parameters (listed by --json)"


def _precision_table(budget: Budget) -> str:
    rows = [
        [precision, f"{size:,}", "fits" if size <= MAX_MODEL_BYTES else "does not fit"]
        for precision, size in budget.bytes_at.items()
    ]
    return format_table(["precision", "bytes", f"in {MAX_MODEL_BYTES:,}"], rows)


def _limit_table(budget: Budget) -> str:
    counted = budget.counted
    rows = [
        _limit_row("bytes", counted.bytes, MAX_MODEL_BYTES, budget.byte_margin),
        _limit_row("MACs", counted.macs, MAX_MACS, budget.mac_margin),
    ]
    return format_table(["limit on", "counted", "limit", "margin", ""], rows)


def _limit_row(name: str, counted: int, limit: int, margin: int) -> list[str]:
    return [name, f"{counted:,}", f"{limit:,}", f"{margin:+,}", "within" if margin >= 0 else "OVER"]


def _verdict(budget: Budget) -> str:
    counted = budget.counted
    verdict = "within the limits" if budget.within_limits else "OVER the limits"
    graph = "graph in the file" if counted.graph == IN_FILE else "network as trained"
    return f"{verdict}, counted on the {graph} at {counted.precision}"


def _cells(rows: Iterable[Sequence[object]]) -> list[list[str]]:
    return [[_cell(value) for value in row] for row in rows]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
