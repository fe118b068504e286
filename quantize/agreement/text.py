"""The agreement report of `quantize.agreement.report` as tables for the terminal."""

from __future__ import annotations

from typing import Any

from deploy.table import format_table
from quantize.agreement.all_outputs import on_engine
from quantize.agreement.report import LAYER_SYSTEM

Report = dict[str, Any]


def render(report: Report) -> str:
    """All tables under their headings. Systems are numbered; later columns have the numbers."""
    parts = [
        f"Systems on the same {report['clips']:,} test clips, drop in points against float torch:",
        _systems(report),
        "Accuracy in %, per scene and per device:",
        _places(report),
        "Decided alike, % of the clips:",
        _agreement(report),
        *_integers(report),
        *(f"{name} was not run: {reason}" for name, reason in report["left_out"].items()),
        *_layers(report["layers"]),
    ]
    return "\n\n".join(parts)


def _systems(report: Report) -> str:
    rows = [
        [
            number,
            name,
            _percent(scores["macro_accuracy"]),
            f"{scores['drop_points']:.1f}",
            f"{scores['log_loss']:.3f}",
            _percent(scores["agreement_with_float"]),
            f"{scores['largest_logit_difference']:.2g}",
        ]
        for number, (name, scores) in enumerate(report["engines"].items(), start=1)
    ]
    header = ["no", "system", "macro %", "drop", "log loss", "as float %", "largest logit error"]
    return format_table(header, rows)


def _places(report: Report) -> str:
    engines = report["engines"].values()
    first = next(iter(engines))
    rows = [
        [name, row["clips"], *(_percent(scores[kind][name]["accuracy"]) for scores in engines)]
        for kind in ("scenes", "devices")
        for name, row in first[kind].items()
        if row["clips"]
    ]
    return format_table(["", "clips", *_numbers(report)], rows)


def _agreement(report: Report) -> str:
    rows = [
        [number, name, *map(_percent, row.values())]
        for number, (name, row) in enumerate(report["agreement"].items(), start=1)
    ]
    return format_table(["no", "system", *_numbers(report)], rows)


def _integers(report: Report) -> list[str]:
    rows = [
        [system, *pair["engines"], pair["largest_lsb"], pair["clips_that_differ"]]
        for system, pairs in report["integers"].items()
        for pair in pairs
    ]
    if not rows:
        return []
    header = ["TFLite file", "engine", "and engine", "largest difference in LSB", "clips"]
    return [
        "Integers that the same TFLite file gives on two engines, and how many clips differ:",
        format_table(header, rows),
    ]


def _layers(layers: dict[str, Any]) -> list[str]:
    if layers["left_out"]:
        return [f"Noise of the layers was not measured: {layers['left_out']}."]
    rows = [
        [
            row["layer"],
            f"{row['snr_db']:.1f}",
            f"{row['channel_snr_db']:.1f}",
            f"{row['own_snr_db']:.1f}",
            f"{100 * row['added_noise']:.2f}",
            ", ".join(row["causes"]) + (" <- worst" if row["layer"] == layers["worst"] else ""),
        ]
        for row in layers["rows"]
    ]
    header = ["layer", "SNR dB", "median channel", "own rounding alone", "adds %", "cause"]
    file = on_engine(LAYER_SYSTEM, "reference")
    return [
        f"Signal to quantisation noise of {file}, on {len(layers['clips'])} test clips:",
        format_table(header, rows),
        *_verdict(layers),
    ]


def _verdict(layers: dict[str, Any]) -> list[str]:
    rows = {row["layer"]: row for row in layers["rows"]}
    worst, lowest = rows[layers["worst"]], rows[layers["lowest"]]
    lines = [
        f"Worst layer, which adds most noise: {worst['layer']}, {worst['channel_snr_db']:.1f} dB "
        f"in the median channel; {worst['why']}.",
    ]
    if lowest is not worst:
        lines.append(
            f"Lowest ratio: {lowest['layer']}, {lowest['channel_snr_db']:.1f} dB in the median "
            f"channel; {lowest['why']}."
        )
    dead = [row for row in rows.values() if row["dead_channels"] or row["dead_weights"]]
    if layers["float_layers"]:
        lines.append(f"In float32 and not measured: {', '.join(layers['float_layers'])}.")
    lines += [f"{row['layer']}: {row['why']}." for row in dead if row not in (worst, lowest)]
    return ["\n".join(lines)]


def _numbers(report: Report) -> list[str]:
    return [str(number + 1) for number in range(len(report["engines"]))]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
