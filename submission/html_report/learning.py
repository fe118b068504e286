"""Learning curves of each recipe: loss and accuracy over the epochs, by split."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from submission.html_report.charts import Series, Value, learning_curve
from submission.html_report.collect import Collected
from submission.html_report.parts import Figure, Group, Section


def learning_section(found: Collected) -> Section:
    """A pair of charts for each recipe and split."""
    lead = (
        "Means over seeds with a band of one standard deviation; training clips are augmented. "
        "The last epoch counts: none is chosen by the test."
    )
    groups = []
    for number, (recipe, curves) in enumerate(found.curves.items()):
        charts = [
            chart
            for split, history in curves.items()
            for chart in _charts(f"curve-{number}-{split}", split, history)
        ]
        if charts:
            groups.append(Group(recipe, [Figure("Loss in nats; accuracy in percent.", charts)]))
    if not groups:
        lead = "No run has a learning curve; tinyscene train writes one."
    return Section("learning", "Learning curves", lead, groups)


def _charts(key: str, split: int, history: pd.DataFrame) -> list[Markup]:
    charts = []
    for quantity, scale, top in (("loss", 1.0, None), ("accuracy", 100.0, 100.0)):
        series = [
            Series(name, values)
            for column, name in (("train", "training"), ("test", "test"))
            if (values := _values(history, f"{column}_{quantity}", scale))
        ]
        if series:
            title = f"{split} %: {quantity}"
            charts.append(learning_curve(f"{key}-{quantity}", title, series, top=top))
    return charts


def _values(history: pd.DataFrame, column: str, scale: float) -> list[Value]:
    if column not in history:
        return []
    by_epoch = scale * history.dropna(subset=column).groupby("epoch")[column].agg(["mean", "std"])
    return [
        Value(float(str(epoch)), float(row["mean"]), None if pd.isna(row["std"]) else row["std"])
        for epoch, row in by_epoch.iterrows()
    ]
