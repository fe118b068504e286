"""Learning curves of each recipe: loss and accuracy over the epochs, by split."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from submission.html_report.charts import Series, Value, learning_curve
from submission.html_report.collect import Collected
from submission.html_report.parts import Figure, Group, Section
from submission.results.curves import Curves

QUANTITIES = (
    ("loss", "Loss in nats; on test, cross entropy.", 1.0, None),
    ("accuracy", "Accuracy in percent; on test, macro accuracy.", 100.0, 100.0),
)
"""Columns of a history, with what their charts are called, their scale and the top of the axis."""


def learning_section(found: Collected) -> Section:
    """A pair of charts for each recipe and split."""
    lead = (
        "Means over seeds with a band of one standard deviation; training clips are augmented. "
        "The last epoch counts: none is chosen by the test."
    )
    groups = [
        Group(recipe, figures)
        for number, (recipe, curves) in enumerate(found.curves.items())
        if (figures := list(_figures(f"curve-{number}", curves)))
    ]
    if not groups:
        lead = "No run has a learning curve; tinyscene train writes one."
    return Section("learning", "Learning curves", lead, groups)


def _figures(key: str, curves: Curves) -> Iterator[Figure]:
    for quantity, caption, scale, top in QUANTITIES:
        charts = []
        for split, history in curves.items():
            series = [
                Series(name, values)
                for column, name in (("train", "training"), ("test", "test"))
                if (values := _values(history, f"{column}_{quantity}", scale))
            ]
            if series:
                title = f"{split} %: {quantity}"
                charts.append(learning_curve(f"{key}-{split}-{quantity}", title, series, top=top))
        if charts:
            yield Figure(caption, charts)


def _values(history: pd.DataFrame, column: str, scale: float) -> list[Value]:
    if column not in history:
        return []
    by_epoch = scale * history.dropna(subset=column).groupby("epoch")[column].agg(["mean", "std"])
    return [
        Value(float(str(epoch)), float(row["mean"]), None if pd.isna(row["std"]) else row["std"])
        for epoch, row in by_epoch.iterrows()
    ]
