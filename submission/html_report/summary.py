"""The summary: accuracy by recipe and split, beside what others published; what was left out."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from submission.html_report.charts import Series, Value, accuracy_by_split
from submission.html_report.collect import Collected
from submission.html_report.parts import Figure, Headline, Part, Section, Table, Text
from submission.html_report.words import (
    NONE,
    count,
    mean_and_deviation,
    percent,
    published_accuracy,
    splits_text,
)
from submission.results.paired import CAVEAT, Difference, difference_row, differences
from submission.results.published import BASELINE_2024, DATASET, PUBLISHED, TEST, Published
from submission.results.scored_runs import MACRO, MEASURES, Results
from submission.results.spread import Cell, cells


def headlines(found: Collected) -> list[Headline]:
    """For each recipe the accuracy that it is ranked by, and what it costs."""
    return [_headline(found, name) for name in found.results.recipes]


def summary_section(found: Collected) -> Section:
    """Means and spreads, published rows, and the runs that do not count."""
    results = found.results
    rows = cells(results)
    parts: list[Part] = [
        Figure("Macro accuracy over the splits; bars are one standard deviation.", [_chart(rows)]),
        _means(rows),
        *_differences(results),
        *_published(results),
    ]
    left_out = results.left_out | found.stale
    if left_out:
        parts.append(Table("Left out", ["run", "why"], list(left_out.items()), words=2))
    lead = (
        f"{len(results.runs)} runs on {results.data_name}, each scored on the same "
        f"{results.test_clips:,} test clips. Accuracy in percent, mean ± sample standard deviation "
        "over n seeds. Macro accuracy, the mean of the scenes' accuracies, ranks systems."
    )
    return Section("summary", "Summary", lead, parts)


def _headline(found: Collected, name: str) -> Headline:
    cell = [row for row in cells(found.results) if row.recipe == name][-1]
    macro = cell.spreads[MACRO]
    facts = [("as", cell.system), ("runs", str(len(found.results.of(name))))]
    facts += [(f"{group} devices", _unit(cell, group)) for group in MEASURES[1:]]
    if cost := found.complexity.get(name):
        facts += [("model size", f"{cost.bytes:,} bytes"), ("MACs", f"{cost.macs:,}")]
    return Headline(
        name=name,
        figure=f"{percent(macro.mean)} %",
        meaning=f"macro accuracy, {splits_text(cell.splits)}"
        + (f", ± {percent(macro.deviation)} over {macro.n} seeds" if macro.deviation else ""),
        facts=facts,
    )


def _unit(cell: Cell, measure: str) -> str:
    mean = cell.spreads[measure].mean
    return NONE if mean is None else f"{percent(mean)} %"


def _means(rows: Sequence[Cell]) -> Table:
    return Table(
        "These runs",
        ["recipe", "system", "split", "n", *MEASURES],
        [
            [
                row.recipe,
                row.system,
                splits_text(row.splits),
                count(row.spreads[MACRO].n),
                *(mean_and_deviation(row.spreads[measure]) for measure in MEASURES),
            ]
            for row in rows
        ],
        words=3,
    )


def _differences(results: Results) -> list[Part]:
    rows = differences(results)
    if not rows:
        return []
    ranked = [row for row in rows if row.measure == MACRO]
    groups = [row for row in rows if row.measure != MACRO]
    return [
        _difference_table("Differences of recipes in points of macro accuracy", ranked),
        Text(f"Paired by split and seed. {CAVEAT}."),
        _difference_table("Differences on each group of devices", groups, folded=True),
    ]


def _difference_table(caption: str, rows: Sequence[Difference], *, folded: bool = False) -> Table:
    columns = ["recipe minus recipe", "split", "accuracy", "pairs", "mean", "interval", "zero"]
    lines = [difference_row(row, splits_text(row.splits)) for row in rows]
    return Table(caption, columns, lines, words=3, folded=folded)


def _published(results: Results) -> list[Part]:
    wanted = [row for row in PUBLISHED if row.split in results.splits()]
    if not wanted:
        return []
    rows = [
        [
            row.system,
            row.tested_on,
            f"{row.split} %",
            row.source,
            count(row.runs),
            published_accuracy(row),
            *(NONE if x is None else f"{x:.2f}" for x in row.by_group.values()),
        ]
        for row in wanted
    ]
    columns = ["system", "tested on", "split", "source", "runs", *MEASURES]
    note = (
        f"Published figures are of {DATASET}; those of another dataset cannot be compared with "
        "them. A star marks plain accuracy, mean of each run's last five epochs."
    )
    return [Table(f"Published on {DATASET}", columns, rows, words=4, folded=True), Text(note)]


def _chart(rows: Sequence[Cell]) -> Markup:
    alone = [row for row in rows if len(row.splits) == 1]
    splits = sorted({row.splits[0] for row in alone})
    series = [
        Series(
            recipe,
            [_value(splits.index(row.splits[0]), row) for row in alone if row.recipe == recipe],
        )
        for recipe in dict.fromkeys(row.recipe for row in alone)
    ]
    baseline = [row for row in PUBLISHED if row.source == BASELINE_2024 and row.tested_on == TEST]
    series.append(_published_series([row for row in baseline if row.split in splits], splits))
    return accuracy_by_split("summary-chart", splits, [one for one in series if one.values])


def _value(place: int, row: Cell) -> Value:
    macro = row.spreads[MACRO]
    deviation = None if macro.deviation is None else 100 * macro.deviation
    return Value(place, 100 * (macro.mean or 0), deviation)


def _published_series(rows: Sequence[Published], splits: Sequence[int]) -> Series:
    values = [Value(splits.index(row.split), row.accuracy, row.deviation) for row in rows]
    return Series("DCASE 2024 baseline, published on TAU", values, published=True)
