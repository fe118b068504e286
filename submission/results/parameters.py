"""The picture of widths: accuracy on unseen devices against the network's parameters.

After K. Koutini et al., Over-parameterization and generalization in audio classification (arXiv
2107.08933), who widen CP-ResNets and look at devices that were not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from submission.results.marks import (
    MEAN_AND_SPREAD,
    POINTS_APART,
    UNSEEN,
    counts,
    error_bars,
    finish,
    label,
    moved,
)
from submission.results.scored_runs import Result, Results
from submission.results.spread import Spread, spread

PANELS_A_ROW = 3


def plot_parameters(results: Results, counted: Sequence[Result]) -> Figure:
    """A panel a split; recipes that differ in the network's width alone are joined by a line.

    Args:
        counted: those of the runs whose parameters and accuracy on unseen devices are known.
    """
    splits = sorted({run.split for run in counted})
    figure, panels = _panels(len(splits))
    sizes = [run.parameters or 1 for run in counted]
    for axes, split in zip(panels, splits, strict=True):
        runs = [run for run in counted if run.split == split]
        _parameter_axis(axes, min(sizes), max(sizes))
        axes.set_title(f"split {split} %, {counts(counted, split)}")
        _join_widths(axes, runs)
        _marks(axes, runs, results.recipes)
    for axes in panels[::PANELS_A_ROW]:
        axes.set_ylabel("accuracy on unseen devices (%)")
    finish(figure, panels, f"unseen devices of {results.data_name}; {MEAN_AND_SPREAD}")
    return figure


def _panels(number: int) -> tuple[Figure, list[Axes]]:
    """So many axes of one scale."""
    columns = min(PANELS_A_ROW, number)
    rows = -(-number // columns)
    figure = Figure(figsize=(2 + 3.6 * max(2, columns), 1 + 3.6 * rows), layout="constrained")
    every = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes in every[number:]:
        axes.remove()
    for axes in every[:number]:
        axes.tick_params(labelbottom=True)  # also above a place that stays empty
    return figure, every[:number]


def _parameter_axis(axes: Axes, smallest: int, largest: int) -> None:
    axes.set(xscale="log", xlabel="parameters (equal ones side by side)")
    axes.set_xlim(smallest / 1.6, largest * 1.6)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="both", alpha=0.25)


def _marks(axes: Axes, runs: Sequence[Result], recipes: Sequence[str]) -> None:
    sizes = {run.recipe.name: run.parameters or 1 for run in runs}
    for name, parameters in sizes.items():
        mine = [run for run in runs if run.recipe.name == name]
        alike = [other for other, size in sizes.items() if size == parameters]
        aside = (alike.index(name) - (len(alike) - 1) / 2) * POINTS_APART
        error_bars(
            axes,
            {parameters: _unseen(mine)},
            recipes.index(name),
            transform=moved(axes, aside),
            label=f"{label(mine)}, {parameters:,}",
            linestyle="none",
        )


def _join_widths(axes: Axes, runs: Sequence[Result]) -> None:
    names = ["only the width differs", *[None] * len(runs)]  # one of the lines in the legend
    for points, name in zip(_widened(runs), names, strict=False):
        places, heights = zip(*points, strict=True)
        axes.plot(places, heights, color="#888888", linewidth=1, label=name, zorder=1)


def _widened(runs: Sequence[Result]) -> list[list[tuple[int, float]]]:
    """Parameters and mean accuracy of recipes that share everything but name and width."""
    families: dict[str, dict[str, list[Result]]] = {}
    for run in runs:
        settings = run.recipe.model_dump(exclude={"name"})
        width = settings["network_options"].pop("width", None)
        families.setdefault(repr(settings), {}).setdefault(repr(width), []).append(run)
    return [
        sorted((mine[0].parameters or 1, _unseen(mine).mean or 0.0) for mine in by_width.values())
        for by_width in families.values()
        if len(by_width) > 1
    ]


def _unseen(runs: Sequence[Result]) -> Spread:
    """Of the accuracy on unseen devices, percent."""
    found = [run.accuracy(UNSEEN) for run in runs]
    return spread(100 * value for value in found if value is not None)
