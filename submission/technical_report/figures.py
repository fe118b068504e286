"""The figures of a report, as SVG whose bytes depend on the runs alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from baseline.plots import draw_confusion
from baseline.run import Run
from submission.results.curves import plot_learning_curves, read_curves
from submission.results.plots import plot_devices, plot_splits
from submission.results.scored_runs import Result, Results
from submission.technical_report.markup import pictures
from submission.technical_report.systems import FIRST_SPLIT, LAST_SPLIT, System

FOLDER = "figures"

PAGE_INCHES, COLUMN_INCHES = 6.9, 3.3
"""Widths of the paper's text and of one of its columns."""


def write_figures(systems: Sequence[System], folder: Path) -> dict[str, str]:
    """Write all figures into a folder.

    Returns:
        Markup that shows them, by label; without learning curves where a run keeps none.

    Raises:
        InputError: a damaged learning curve.
    """
    with rc_context(
        {
            "svg.hashsalt": "tinyscene",  # names of clip paths, random otherwise
            "svg.fonttype": "path",  # the same letters on every machine
            "font.size": 8,
            "axes.titlesize": 8,
        }
    ):
        return _write_figures(systems, folder)


def _write_figures(systems: Sequence[System], folder: Path) -> dict[str, str]:
    shown = {
        "splits": _splits(systems, folder),
        "devices": _devices(systems, folder),
        "confusions": _confusions(systems, folder),
    }
    for system in systems:
        if all(run.history_file.is_file() for run in system.runs.values()):
            shown[f"curves-{system.number}"] = _curves(system, folder)
    return shown


def _splits(systems: Sequence[System], folder: Path) -> str:
    figure = plot_splits(_results(systems))
    return pictures(
        [_save(figure, folder, "splits", 2.6)],
        caption="Accuracy against the share of the training data: of all clips, averaged over the "
        "scenes, and of clips of unseen devices.",
        label="splits",
    )


def _devices(systems: Sequence[System], folder: Path) -> str:
    splits = (FIRST_SPLIT, LAST_SPLIT)
    figure = plot_devices(_results(systems, splits))
    return pictures(
        [_save(figure, folder, "devices", 3.6)],
        caption=f"Accuracy by recording device, trained on {splits[0]} % and on {splits[1]} % of "
        "the training data.",
        label="devices",
    )


def _confusions(systems: Sequence[System], folder: Path) -> str:
    return pictures(
        [_confusion(system, folder) for system in systems],
        caption=f"Confusion matrices, trained on {LAST_SPLIT} % of the training data, in percent "
        "of the true scene's clips.",
        label="confusions",
    )


def _confusion(system: System, folder: Path) -> str:
    figure = draw_confusion(system.evaluations[LAST_SPLIT])
    axes = figure.axes[0]
    if axes.images[0].colorbar is not None:  # the numbers say the same
        axes.images[0].colorbar.remove()
    axes.set_title(system.name)
    axes.tick_params(labelsize=6)
    for number in axes.texts:
        number.set_fontsize(6)
    return _save(figure, folder, f"confusion-{system.number}", 3.3, COLUMN_INCHES)


def _curves(system: System, folder: Path) -> str:
    curves = read_curves([_result(system, run) for run in system.runs.values()])
    figure = plot_learning_curves(curves, "")
    figure.axes[0].set_ylabel("loss (nats)")
    return pictures(
        [_save(figure, folder, f"curves-{system.number}", 3.4)],
        caption=f"Learning curves of {system.name}, the float network: the loss that is trained, "
        "the cross entropy of test clips, and accuracy, by epoch and share of the training data.",
        label=f"curves-{system.number}",
    )


def _results(systems: Sequence[System], splits: Sequence[int] = ()) -> Results:
    """The runs as `submission.results` takes them, of some splits or of all."""
    runs = [
        _result(system, run)
        for system in systems
        for split, run in system.runs.items()
        if not splits or split in splits
    ]
    return Results(runs[0].run.folder.parent, tuple(runs), left_out={})


def _result(system: System, run: Run) -> Result:
    return Result(
        run=run,
        recipe=system.recipe.model_copy(update={"name": system.name}),
        split=run.split,
        seed=run.seed,
        data=str(run.record["data"]),
        teachers=None,
        system=system.recipe.submitted_system,
        scores=system.scores[run.split],
        parameters=system.complexity["total_parameters"],
    )


def _save(
    figure: Figure, folder: Path, name: str, height: float, width: float = PAGE_INCHES
) -> str:
    """Write a figure without its title, which is the caption's, at its size on paper in inches."""
    figure.suptitle("")
    figure.set_size_inches(width, height)
    folder.mkdir(exist_ok=True)
    figure.savefig(folder / f"{name}.svg", format="svg", metadata={"Date": None})
    return f"{folder.name}/{name}.svg"
