"""What a network costs: the challenge's budget, its layers, time on machines, microcontrollers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from baseline.challenge import MAX_MACS, MAX_MODEL_BYTES
from baseline.complexity import model_bytes
from deploy.bench.text import stage_name
from deploy.mcu.report import Cost
from submission.html_report.charts import gauge
from submission.html_report.collect import Collected
from submission.html_report.parts import Bar, Cell, Figure, Group, Part, Section, Table, Text
from submission.html_report.records import Complexity, Layer
from submission.html_report.words import NONE, count


def budget_section(found: Collected) -> Section:
    """Gauges of parameter bytes and MACs."""
    lead = (
        f"Limits for one second of sound: {MAX_MODEL_BYTES:,} bytes of parameters and "
        f"{MAX_MACS:,} MACs, counted by torchinfo's rules on the network as trained."
    )
    parts: list[Part] = []
    for number, recipe in enumerate(found.results.recipes):
        cost = found.complexity.get(recipe)
        content = [_gauges(number, cost)] if cost else [_no_count()]
        parts.append(Group(recipe, content))
    return Section("budget", "Budget", lead, parts)


def layer_section(found: Collected) -> Section:
    """A table of layers for each recipe."""
    lead = (
        "Every layer as trained. Activation is the size of its output at the recipe's precision; "
        "bars show the share of the network's parameters and MACs."
    )
    parts: list[Part] = [
        _layers(recipe, found.complexity[recipe]) if recipe in found.complexity else _no_count()
        for recipe in found.results.recipes
    ]
    return Section("layers", "Layers", lead, parts)


def latency_section(found: Collected) -> Section:
    """Tables of the reports of `tinyscene bench`."""
    if not found.benches:
        lead = (
            "No measurement was given; tinyscene bench MODEL.tflite --out FILE.json makes one, and "
            "tinyscene report --bench FILE.json shows it."
        )
        return Section("latency", "Latency", lead, [])
    lead = "Milliseconds for one clip on the machine named, by tinyscene bench."
    return Section("latency", "Latency", lead, [x for b in found.benches for x in _bench(b)])


def board_section(found: Collected) -> Section:
    """Tables of the reports of `tinyscene mcu report`."""
    title = "Microcontrollers"
    if not found.boards:
        lead = (
            "No figures were given; tinyscene mcu report FOLDER --json > FILE.json makes them, and "
            "tinyscene report --mcu FILE.json shows them."
        )
        return Section("boards", title, lead, [])
    lead = "Instructions under emulation, not cycles of silicon."
    columns = ["board", "toolchain", "flash bytes", "RAM bytes", "network", "front end", "MACs"]
    boards = Table("Boards", columns, [_board(cost) for cost in found.boards], words=2)
    layers = [_board_layers(cost) for cost in found.boards if cost.network_instructions]
    return Section("boards", title, lead, [boards, *layers])


def _no_count() -> Text:
    return Text("Its runs hold no count of parameters and MACs; tinyscene check RUN prints it.")


def _gauges(number: int, cost: Complexity) -> Figure:
    size = f"Model size at {cost.precision}"
    return Figure(
        f"{cost.network}: {cost.parameters:,} parameters at {cost.precision}; peak activation "
        f"memory {count(cost.peak_activation_bytes)} bytes.",
        [
            gauge(f"bytes-{number}", size, cost.bytes, MAX_MODEL_BYTES, "bytes"),
            gauge(f"macs-{number}", "Computation", cost.macs, MAX_MACS, "MACs"),
        ],
    )


def _layers(recipe: str, cost: Complexity) -> Table:
    rows = [_layer(layer, cost) for layer in cost.layers]
    total = ["sum", "", "", count(cost.parameters), count(cost.macs), ""]
    columns = ["layer", "kind", "output", "parameters", "MACs", "activation bytes"]
    caption = f"{recipe}: the {len(rows)} layers of {cost.network}"
    return Table(caption, columns, [*rows, total], words=3, folded=len(rows) > 12)


def _layer(layer: Layer, cost: Complexity) -> list[Cell]:
    values = 1
    for size in layer.output_shape:
        values *= size
    return [
        layer.name,
        layer.kind,
        " × ".join(map(str, layer.output_shape[1:])) or "1",
        Bar(count(layer.parameters), layer.parameters / max(cost.parameters, 1)),
        Bar(count(layer.macs), layer.macs / max(cost.macs, 1)),
        count(model_bytes(values, cost.precision)),
    ]


def _bench(report: dict[str, Any]) -> Iterator[Part]:
    machine = report["environment"]
    rows = [
        [stage_name(stage), *(f"{times[part]:.3f}" for part in ("p50", "p90", "p99", "worst"))]
        for stage, times in report["latency_ms"].items()
    ]
    where = machine["board"] or machine["processor"]
    caption = (
        f"{report['model']['name']} on {where}: {report['interpreter']['name']}, "
        f"{report['settings']['threads']} threads"
    )
    yield Table(caption, ["stage", "median ms", "90 %", "99 %", "worst"], rows)
    cold = report["cold_start_ms"]
    peak = report["memory"]["peak_bytes"]
    yield Text(
        f"Cold start {NONE if cold is None else format(cold['median'], '.0f')} ms; peak memory "
        f"{count(peak)} bytes; measured {report['measured_at']}."
    )
    if report["warnings"]:
        yield Text("Doubtful: " + " ".join(report["warnings"]))


def _board(cost: Cost) -> list[str]:
    return [
        cost.board,
        cost.toolchain,
        count(cost.flash_bytes),
        count(cost.ram_bytes),
        count(cost.network_instructions),
        count(cost.front_end_instructions),
        count(cost.macs),
    ]


def _board_layers(cost: Cost) -> Table:
    most = max((layer.instructions for layer in cost.layers), default=0) or 1
    rows: list[list[Cell]] = [
        [
            str(layer.index),
            layer.kind,
            Bar(count(layer.instructions), layer.instructions / most),
            count(layer.macs),
        ]
        for layer in cost.layers
        if layer.instructions
    ]
    columns = ["layer", "operator", "instructions", "MACs"]
    return Table(f"{cost.board}: by layer", columns, rows, words=2, folded=True)
