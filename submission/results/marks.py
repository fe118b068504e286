"""What the pictures of a folder of runs share: a recipe's colour and mark, error bars, legends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation, Transform

from baseline.plots import DOTS_PER_INCH
from deploy.files import replacing
from submission.results.scored_runs import Result
from submission.results.spread import Spread

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
"""Of recipes, told apart by colour-blind eyes too: M. Okabe and K. Ito, Color universal design."""

MARKERS = "osD^vP*X"
HATCHES = ("", "//", "..", "xx", "++", "oo")
"""Of bars, where there are more recipes than colours."""

UNSEEN = "unseen"
POINTS_APART = 5.0
"""Between marks of recipes that would cover one another, 1/72 inch."""

LEGEND_COLUMN_INCHES = 3.4
MEAN_AND_SPREAD = "mean ± sample standard deviation over seeds"


def error_bars(
    axes: Axes,
    spreads: Mapping[int, Spread],
    index: int,
    *,
    transform: Transform,
    label: str,
    linestyle: str,
) -> None:
    """Means with bars of one standard deviation either way, at their x."""
    axes.errorbar(
        list(spreads),
        [row.mean or 0.0 for row in spreads.values()],
        yerr=[row.deviation or 0.0 for row in spreads.values()],
        color=COLOURS[index % len(COLOURS)],
        marker=MARKERS[index % len(MARKERS)],
        markersize=6,
        capsize=3,
        linewidth=1.2,
        linestyle=linestyle,
        label=label,
        transform=transform,
    )
    # Moved marks are not counted when the axes' ranges are chosen, so they are told here.
    for x, row in spreads.items():
        mean, deviation = row.mean or 0.0, row.deviation or 0.0
        axes.update_datalim([(x, mean - deviation), (x, mean + deviation)])
    axes.autoscale_view()


def moved(axes: Axes, points: float) -> Transform:
    """The data's places, some points to the right on paper."""
    assert axes.figure is not None
    return axes.transData + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)


def label(runs: Sequence[Result]) -> str:
    """A recipe and how it was scored."""
    return f"{runs[0].recipe.name} ({runs[0].system})"


def counts(runs: Sequence[Result], split: int) -> str:
    """How many seeds stand behind each recipe's mean, in the order of the legend.

    Args:
        runs: of all splits, so that a recipe without one of this split is counted as 0.
    """
    found = Counter(run.recipe.name for run in runs if run.split == split)
    numbers = [found[name] for name in sorted({run.recipe.name for run in runs})]
    alike = len(set(numbers)) == 1
    return f"n = {', '.join(map(str, numbers[:1] if alike else numbers))}"


def finish(figure: Figure, all_axes: Iterable[Axes], title: str) -> None:
    """A title above all axes, and a legend of all their labels below."""
    handles: dict[str, Artist] = {}
    for axes in all_axes:
        found, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, found, strict=True))
    columns = int(figure.get_figwidth() / LEGEND_COLUMN_INCHES)
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=columns,
        frameon=False,
    )
    figure.suptitle(title, fontsize=11)


def save(figure: Figure, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH, format="png")
