"""Pictures of a folder of runs: learning curves, and accuracy by device, split and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baseline.challenge import DEVICE_GROUPS, DEVICES
from deploy.files import make_folder
from submission.results.curves import plot_learning_curves, read_curves
from submission.results.marks import (
    COLOURS,
    HATCHES,
    MEAN_AND_SPREAD,
    POINTS_APART,
    UNSEEN,
    counts,
    error_bars,
    finish,
    label,
    moved,
    save,
)
from submission.results.parameters import plot_parameters
from submission.results.scored_runs import MACRO, Result, Results
from submission.results.spread import by_seed, spread


def draw(results: Results, folder: Path) -> list[str]:
    """Write all pictures into a folder.

    Returns:
        The paths that were written, and what could not be drawn with the reason.

    Raises:
        InputError: a damaged learning curve, or a folder that cannot be written to.
    """
    with rc_context({"text.parse_math": False}):  # a name may hold dollar signs
        return _draw(results, folder)


def _draw(results: Results, folder: Path) -> list[str]:
    curves = {recipe: read_curves(results.of(recipe)) for recipe in results.recipes}
    make_folder(folder)
    said = []
    for recipe, by_split in curves.items():
        path = folder / f"learning-curves-{recipe}.png"
        save(plot_learning_curves(by_split, f"{recipe} on {results.data_name}"), path)
        said.append(str(path))
    for name, plot in (("devices", plot_devices), ("splits", plot_splits)):
        save(plot(results), folder / f"{name}.png")
        said.append(str(folder / f"{name}.png"))
    counted = [run for run in results.runs if run.parameters and run.accuracy(UNSEEN) is not None]
    if counted:
        save(plot_parameters(results, counted), folder / "parameters.png")
        said.append(str(folder / "parameters.png"))
    if len(counted) < len(results.runs):
        said.append(
            f"parameters.png: shows {len(counted)} of {len(results.runs)} runs; the others have no "
            "complexity.json or no clip of an unseen device"
        )
    return said


def plot_devices(results: Results) -> Figure:
    """Bars of accuracy by device, recipes side by side, a row of axes a split."""
    splits, recipes = results.splits(), results.recipes
    figure = Figure(figsize=(11, 1.2 + 2.6 * len(splits)), layout="constrained")
    rows = figure.subplots(len(splits), sharex=True, squeeze=False)[:, 0]
    for axes, split in zip(rows, splits, strict=True):
        _device_groups(axes)
        for index, recipe in enumerate(recipes):
            runs = [run for run in results.of(recipe) if run.split == split]
            _device_bars(axes, runs, index, len(recipes))
        axes.set(ylim=(0, 112), yticks=range(0, 101, 20))
        axes.set_ylabel(f"accuracy (%)\nsplit {split} %, {counts(results.runs, split)}")
        axes.grid(axis="y", alpha=0.3)
    rows[-1].set_xlabel("recording device")
    finish(figure, rows, f"accuracy by device on {results.data_name}; {MEAN_AND_SPREAD}")
    return figure


def plot_splits(results: Results) -> Figure:
    """Accuracy against the share of the training data: of all clips, and of unseen devices."""
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    for axes, measure in zip(both, (MACRO, UNSEEN), strict=True):
        for index, recipe in enumerate(results.recipes):
            _line_of_splits(axes, results, index, recipe, measure)
        splits = results.splits()
        axes.set_xscale("log")
        axes.set_xticks(splits, [str(split) for split in splits])
        axes.set_xticks([], minor=True)
        axes.set_xlim(splits[0] / 1.5, splits[-1] * 1.5)
        axes.set_xlabel("share of the training data (%)")
        axes.grid(alpha=0.3)
    both[0].set(ylabel="accuracy (%)", title="macro accuracy, all test clips")
    both[1].set(title="accuracy on unseen devices")
    finish(
        figure,
        both,
        f"{results.data_name}, {results.test_clips:,} test clips; {MEAN_AND_SPREAD}, dots: runs",
    )
    return figure


def _device_groups(axes: Axes) -> None:
    """Grounds and names of the groups of devices, and a place for each device."""
    place = 0
    for number, (group, members) in enumerate(DEVICE_GROUPS.items()):
        end = place + len(members) - 0.5
        axes.axvspan(place - 0.5, end, color="#eeeeee" if number % 2 else "#f9f9f9", zorder=0)
        axes.text((place - 0.5 + end) / 2, 104, group, ha="center", va="center", fontsize=10)
        place += len(members)
    axes.set_xticks(range(place), DEVICES)
    axes.set_xlim(-0.5, place - 0.5)


def _device_bars(axes: Axes, runs: Sequence[Result], index: int, recipes: int) -> None:
    width = 0.8 / recipes
    for place, device in enumerate(DEVICES):
        found = [run.scores.devices[device].accuracy for run in runs]
        values = spread(100 * value for value in found if value is not None)
        if values.mean is not None:
            axes.bar(
                place + (index - (recipes - 1) / 2) * width,
                values.mean,
                0.92 * width,
                yerr=values.deviation,
                color=COLOURS[index % len(COLOURS)],
                hatch=HATCHES[index // len(COLOURS) % len(HATCHES)],
                edgecolor="white",
                linewidth=0,
                error_kw={"elinewidth": 1, "capsize": 2, "ecolor": "#444444"},
                label=label(runs),
                zorder=2,
            )


def _line_of_splits(axes: Axes, results: Results, index: int, recipe: str, measure: str) -> None:
    runs = results.of(recipe)
    values = {split: by_seed(runs, [split], measure).values() for split in results.splits(recipe)}
    values = {split: found for split, found in values.items() if found}
    beside = moved(axes, (index - (len(results.recipes) - 1) / 2) * POINTS_APART)
    colour = COLOURS[index % len(COLOURS)]
    for split, found in values.items():
        seeds = [100 * value for value in found]
        axes.plot([split] * len(seeds), seeds, ".", color=colour, alpha=0.3, transform=beside)
        axes.update_datalim([(split, seed) for seed in seeds])
    known = {split: spread(100 * value for value in found) for split, found in values.items()}
    error_bars(axes, known, index, transform=beside, label=label(runs), linestyle="-")
