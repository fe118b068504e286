"""Pictures of the agreement report: who decides alike, and the noise of each layer."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baseline.plots import DOTS_PER_INCH
from deploy.files import replacing

Report = dict[str, Any]

FLOAT_COLOUR, INT8_COLOUR, WORST_COLOUR, MEDIAN_COLOUR = "#6b6b6b", "#31688e", "#c0392b", "#e07b39"
SHOWN_REASON = 90
"""Characters a line of the reason under the worst layer."""


def plot_agreement(report: Report, path: Path, title: str) -> None:
    """Share of clips decided alike for each pair of systems, and each system's accuracy."""
    count = len(report["engines"])
    figure = Figure(figsize=(6.5 + 0.8 * count, 2.2 + 0.55 * count), layout="constrained")
    heat, bars = figure.subplots(1, 2, width_ratios=(1.2, 1))
    _agreement(heat, report)
    _accuracy(bars, report)
    figure.suptitle(f"{title}: the same {report['clips']:,} test clips")
    _save(figure, path)


def plot_layer_noise(report: Report, path: Path, title: str) -> None:
    """Signal-to-quantisation-noise of each layer with the worst one marked; none without rows."""
    layers = report["layers"]
    if layers["left_out"]:
        path.unlink(missing_ok=True)  # of an earlier report
        return
    rows = layers["rows"]
    figure = Figure(figsize=(10, 2.2 + 0.24 * len(rows)), layout="constrained")
    axes = figure.subplots()
    _layer_bars(axes, rows, layers["worst"])
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    worst = next(row for row in rows if row["layer"] == layers["worst"])
    figure.suptitle(
        f"{title}: noise of the layers of {layers['system']}, {len(layers['clips'])} test clips\n"
        f"worst, adding most of it: {_wrapped(worst['layer'] + ', ' + worst['why'])}",
        fontsize=10,
    )
    _save(figure, path)


def _agreement(axes: Axes, report: Report) -> None:
    names = list(report["agreement"])
    percent = 100 * np.array([list(row.values()) for row in report["agreement"].values()])
    low = min(98.0, float(np.floor(percent.min())) - 1)
    image = axes.imshow(percent, cmap="Blues", vmin=low, vmax=100, aspect="auto")
    for row, column in np.ndindex(*percent.shape):
        value = percent[row, column]
        colour = "white" if value > (low + 100) / 2 else "black"
        text = f"{value:.1f}" if value < 100 else "100"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_title("decided alike (% of the clips)", fontsize=10)
    axes.figure.colorbar(image, ax=axes, fraction=0.04)


def _accuracy(axes: Axes, report: Report) -> None:
    engines = report["engines"]
    percent = [100 * scores["macro_accuracy"] for scores in engines.values()]
    colours = [FLOAT_COLOUR if "fp32" in name else INT8_COLOUR for name in engines]
    bars = axes.barh(list(engines), percent, color=colours)
    gains = [value - percent[0] for value in percent]  # the first is float torch
    labels = [f"{value:.1f} ({gain:+.1f})" for value, gain in zip(percent, gains, strict=True)]
    axes.bar_label(bars, labels, fontsize=8, padding=3)
    axes.set_ylim(len(engines) - 0.5, -0.5)  # rows in line with the other half's
    axes.set_yticks([])
    axes.set_xlim(0, max(percent) * 1.3)
    axes.set_title("macro accuracy (%), and points from float torch", fontsize=10)
    axes.grid(axis="x", alpha=0.3)


def _layer_bars(axes: Axes, rows: list[dict[str, Any]], worst: str) -> None:
    names = [row["layer"] for row in rows]
    colours = [WORST_COLOUR if name == worst else INT8_COLOUR for name in names]
    places = range(len(rows))
    axes.barh(places, [row["snr_db"] for row in rows], color=colours, label="all values")
    medians = [row["channel_snr_db"] for row in rows]
    (dots,) = axes.plot(medians, places, "o", color=MEDIAN_COLOUR, label="median channel")
    dots.set(markersize=4, clip_on=False, zorder=3)  # whole where they stand at 0 dB
    own = [row["own_snr_db"] for row in rows]
    axes.plot(own, places, "k|", markersize=9, label="if only this were rounded")
    axes.set_yticks(places, names, fontsize=8)
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        if name == worst:
            label.set(color=WORST_COLOUR, fontweight="bold")
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlabel("signal to quantisation noise (dB)")
    axes.grid(axis="x", alpha=0.3)


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, SHOWN_REASON))


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH, format="png")
