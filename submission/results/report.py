"""All that is said of a folder of runs, for programs: as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from submission.results.paired import CONFIDENCE, Difference, differences
from submission.results.published import DATASET, PUBLISHED
from submission.results.scored_runs import MEASURES, Results
from submission.results.spread import Cell, cells

COLUMNS = (
    "kind",
    "recipe",
    "against",
    "system",
    "splits",
    "seed",
    "measure",
    "n",
    "value",
    "deviation",
    "low",
    "high",
)


@dataclass(frozen=True)
class Report:
    """Runs with their means and the differences between their recipes."""

    results: Results
    cells: list[Cell]
    differences: list[Difference]


def report(results: Results, against: str | None = None) -> Report:
    """Means of all recipes; differences of all pairs, or of all recipes to one.

    Raises:
        InputError: no run of the recipe `against`.
    """
    return Report(results, cells(results), differences(results, against))


def to_json(found: Report) -> dict[str, Any]:
    """Everything by name; accuracies and differences are fractions, published ones percent."""
    results = found.results
    return {
        "folder": str(results.folder),
        "data": results.runs[0].data,
        "test_clips": results.test_clips,
        "runs": [
            {
                "name": run.name,
                "recipe": run.recipe.name,
                "split": run.split,
                "seed": run.seed,
                "system": run.system,
                "parameters": run.parameters,
                "accuracy": {measure: run.accuracy(measure) for measure in MEASURES},
                "devices": {name: row.accuracy for name, row in run.scores.devices.items()},
            }
            for run in results.runs
        ],
        "left_out": results.left_out,
        "means": [asdict(cell) for cell in found.cells],
        "confidence": CONFIDENCE,
        "differences": [
            asdict(row) | {"includes_zero": row.interval.includes_zero} for row in found.differences
        ],
        "published": {"dataset": DATASET, "percent": [asdict(row) for row in PUBLISHED]},
    }


def to_csv(found: Report) -> str:
    """A line for each run, mean and difference, by measure; accuracies are fractions.

    `value` is a run's accuracy, a mean or a mean difference; `deviation` the sample standard
    deviation of a mean; `low` and `high` the confidence interval of a difference.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for rows in (_runs(found), _means(found), _differences(found)):
        writer.writerows(rows)
    return text.getvalue()


Row = dict[str, object]


def _runs(found: Report) -> Iterator[Row]:
    for run in found.results.runs:
        for measure in MEASURES:
            yield {
                "kind": "run",
                "recipe": run.recipe.name,
                "system": run.system,
                "splits": run.split,
                "seed": run.seed,
                "measure": measure,
                "n": 1,
                "value": run.accuracy(measure),
            }


def _means(found: Report) -> Iterator[Row]:
    for cell in found.cells:
        for measure, spread in cell.spreads.items():
            yield {
                "kind": "mean",
                "recipe": cell.recipe,
                "system": cell.system,
                "splits": " ".join(map(str, cell.splits)),
                "measure": measure,
                "n": spread.n,
                "value": spread.mean,
                "deviation": spread.deviation,
            }


def _differences(found: Report) -> Iterator[Row]:
    for row in found.differences:
        yield {
            "kind": "difference",
            "recipe": row.recipe,
            "against": row.against,
            "splits": " ".join(map(str, row.splits)),
            "measure": row.measure,
            "n": row.interval.n,
            "value": row.interval.mean,
            "low": row.interval.low,
            "high": row.interval.high,
        }
