"""Pictures and tables of a run: learning curve, confusion, accuracy per device and scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baseline.challenge import DEVICE_GROUPS, SCENES
from deploy.files import replacing

GROUP_COLOURS = {"real": "#31688e", "seen": "#35b779", "unseen": "#e07b39"}
DOTS_PER_INCH = 120

Scores = dict[str, Any]
"""What `baseline.metrics.evaluate` returns."""


def plot_learning_curve(history: pd.DataFrame, path: Path, title: str) -> None:
    """Loss and accuracy over the epochs, on the training and the test split."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    loss.plot(history.epoch, history.train_loss, label="training, augmented")
    accuracy.plot(history.epoch, 100 * history.train_accuracy, label="training, augmented")
    if "test_loss" in history:
        tested = history.dropna(subset="test_loss")
        loss.plot(tested.epoch, tested.test_loss, "o-", label="test")
        accuracy.plot(tested.epoch, 100 * tested.test_accuracy, "o-", label="test, macro")
    loss.set(xlabel="epoch", ylabel="cross entropy", ylim=(0, None))
    accuracy.set(xlabel="epoch", ylabel="accuracy (%)", ylim=(0, 100))
    for axes in (loss, accuracy):
        axes.legend()
        axes.grid(alpha=0.3)
    figure.suptitle(title)
    _save(figure, path)


def plot_confusion(scores: Scores, path: Path, title: str) -> None:
    """Confusion matrix of a run, with its accuracy, as PNG."""
    figure = draw_confusion(scores)
    figure.suptitle(f"{title}: macro accuracy {100 * scores['macro_accuracy']:.1f} %")
    _save(figure, path)


def draw_confusion(scores: Scores) -> Figure:
    """Confusion matrix, each row in percent of its true scene."""
    counts = np.array(scores["confusion"])
    percent = 100 * counts / np.maximum(1, counts.sum(1, keepdims=True))
    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(*percent.shape):
        if counts[row, column]:
            colour = "white" if percent[row, column] > 55 else "black"
            text = f"{percent[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(SCENES)), SCENES, rotation=45, ha="right")
    axes.set_yticks(range(len(SCENES)), SCENES)
    axes.set(xlabel="predicted scene", ylabel="true scene")
    figure.colorbar(image, label="% of the true scene's clips")
    return figure


def plot_scores(scores: Scores, path: Path, title: str) -> None:
    """Accuracy per scene and per device, devices coloured by group."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    scene_axes, device_axes = figure.subplots(1, 2, sharey=True)
    _bars(scene_axes, scores["scenes"], ["#6b6b6b"] * len(SCENES))
    scene_axes.set_xticks(range(len(SCENES)), SCENES, rotation=45, ha="right")
    colours = [GROUP_COLOURS[group] for group, members in DEVICE_GROUPS.items() for _ in members]
    _bars(device_axes, scores["devices"], colours)
    for group, colour in GROUP_COLOURS.items():
        accuracy = scores["groups"][group]["accuracy"]
        label = group if accuracy is None else f"{group}: {100 * accuracy:.1f} %"
        device_axes.bar(0, 0, color=colour, label=label)
    device_axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False)
    scene_axes.set(ylabel="accuracy (%)", ylim=(0, 106))
    figure.suptitle(f"{title}: macro accuracy {100 * scores['macro_accuracy']:.1f} %")
    _save(figure, path)


def write_score_tables(scores: Scores, stem: Path) -> None:
    """The same figures as CSV: `<stem>-scores.csv` and `<stem>-confusion.csv`."""
    rows = [
        {"kind": kind[:-1], "name": name, **row}
        for kind in ("scenes", "devices", "groups")
        for name, row in scores[kind].items()
    ]
    overall = {key: scores[key] for key in ("accuracy", "log_loss", "clips")}
    table = pd.DataFrame([{"kind": "overall", "name": "all", **overall}, *rows])
    confusion = pd.DataFrame(scores["confusion"], index=list(SCENES), columns=list(SCENES))
    with replacing(stem.with_name(f"{stem.name}-scores.csv")) as temporary:
        table.to_csv(temporary, index=False)
    with replacing(stem.with_name(f"{stem.name}-confusion.csv")) as temporary:
        confusion.to_csv(temporary, index_label="true scene")


def _bars(axes: Axes, rows: dict[str, dict[str, Any]], colours: list[str]) -> None:
    percent = [100 * (row["accuracy"] or 0) for row in rows.values()]
    bars = axes.bar(list(rows), percent, color=colours)
    axes.bar_label(bars, fmt="%.0f", fontsize=8)
    axes.grid(axis="y", alpha=0.3)


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH, format="png")
