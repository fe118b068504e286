"""Learning curves of a recipe's seeds together: mean and spread, a column of axes a split."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baseline.training import read_history
from submission.results.scored_runs import Result

TRAINING_COLOUR, TEST_COLOUR = "#0072B2", "#D55E00"

Curves = dict[int, pd.DataFrame]
"""Histories by split, those of all seeds below each other, with a column `seed`."""


def read_curves(runs: Sequence[Result]) -> Curves:
    """The learning curves of a recipe's runs.

    Raises:
        InputError: one is missing or damaged.
    """
    return {
        split: pd.concat(
            [read_history(run.run).assign(seed=run.seed) for run in runs if run.split == split]
        )
        for split in sorted({run.split for run in runs})
    }


def plot_learning_curves(curves: Curves, title: str) -> Figure:
    """Loss above accuracy, on training and test clips, over the epochs."""
    figure = Figure(figsize=(2 + 3 * max(2, len(curves)), 6.2), layout="constrained")
    losses, accuracies = figure.subplots(2, len(curves), sharex="col", sharey="row", squeeze=False)
    for loss, accuracy, (split, history) in zip(losses, accuracies, curves.items(), strict=True):
        _plot(loss, history, "loss", 1)
        _plot(accuracy, history, "accuracy", 100)
        loss.set(title=f"split {split} %, n = {history.seed.nunique()}")
        accuracy.set(xlabel="epoch", ylim=(0, 100))
        for axes in (loss, accuracy):
            axes.grid(alpha=0.3)
    losses[0].set_ylim(0, None)  # only now, for it ends the choice of a range for all splits
    losses[0].set_ylabel("loss (nats), on test: cross entropy")
    accuracies[0].set_ylabel("accuracy (%)")
    handles, labels = accuracies[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(f"{title}: mean ± sample standard deviation over n seeds", fontsize=11)
    return figure


def _plot(axes: Axes, history: pd.DataFrame, quantity: str, scale: float) -> None:
    for column, colour, style, label in (
        (f"train_{quantity}", TRAINING_COLOUR, "-", "training clips, augmented"),
        (f"test_{quantity}", TEST_COLOUR, "o-", "test clips (accuracy: macro)"),
    ):
        if column in history:
            known = history.dropna(subset=column)
            by_epoch = scale * known.groupby("epoch")[column].agg(["mean", "std"])
            low, high = by_epoch["mean"] - by_epoch["std"], by_epoch["mean"] + by_epoch["std"]
            axes.plot(by_epoch.index, by_epoch["mean"], style, color=colour, label=label)
            axes.lines[-1].set_markersize(3.5)
            axes.fill_between(by_epoch.index, low, high, color=colour, alpha=0.2, linewidth=0)
