"""The report on a folder of runs for the terminal: tables that say how many runs stand behind."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from baseline.challenge import DEVICE_GROUPS, SPLITS, TEST_CLIPS
from deploy.table import format_table
from submission.results.paired import CAVEAT, Difference, difference_row
from submission.results.published import DATASET, PUBLISHED, Published
from submission.results.report import Report
from submission.results.scored_runs import MEASURES, Results
from submission.results.spread import Spread

SOURCES = {
    source: number
    for number, source in enumerate(dict.fromkeys(row.source for row in PUBLISHED), 1)
}
"""Sources of the published rows, numbered."""


def render(found: Report) -> str:
    """Means, published rows, differences and what was left out."""
    parts = [_means(found), _published(found.results)]
    if found.differences:
        parts.append(_differences(found.differences))
    parts += _remarks(found.results)
    return "\n\n".join(parts)


def _means(found: Report) -> str:
    results = found.results
    title = (
        f"{len(results.runs)} runs on {results.data_name}, each scored on the same "
        f"{results.test_clips:,} test clips; accuracy in %, mean ± sample standard deviation over "
        "n seeds"
    )
    rows = [
        [
            cell.recipe,
            cell.system,
            _splits(cell.splits),
            cell.spreads[MEASURES[0]].n,
            *(_spread(cell.spreads[measure]) for measure in MEASURES),
        ]
        for cell in found.cells
    ]
    return f"{title}\n{format_table(['recipe', 'system', 'split %', 'n', *MEASURES], rows)}"


def _published(results: Results) -> str:
    same = results.test_clips == TEST_CLIPS
    title = f"published on {DATASET}, in %: " + (
        f"{TEST_CLIPS:,} test clips, as many as here"
        if same
        else f"not {results.data_name}, whose accuracies cannot be compared with these"
    )
    header = ["published system", "tested on", "split %", "n", *MEASURES, "source"]
    table = format_table(header, _published_rows(results.splits()))
    sources = "\n".join(f"[{number}] {source}" for source, number in SOURCES.items())
    return f"{title}\n{table}\n{sources}\n* plain accuracy, mean of each run's last five epochs"


def _published_rows(splits: Sequence[int]) -> Iterator[list[str]]:
    for row in PUBLISHED:
        if row.split in splits:
            yield [
                row.system,
                row.tested_on,
                str(row.split),
                str(row.runs or "-"),
                _published_accuracy(row),
                *("-" if x is None else f"{x:.2f}" for x in row.by_group.values()),
                f"[{SOURCES[row.source]}]",
            ]
    if tuple(splits) == SPLITS:
        for rows in _of_all_splits():
            mean = statistics.fmean(row.accuracy for row in rows)
            known = [rows[0].system, rows[0].tested_on, _splits(SPLITS), str(rows[0].runs or "-")]
            yield [*known, f"{mean:.2f}", *"-" * len(DEVICE_GROUPS), f"[{SOURCES[rows[0].source]}]"]


def _of_all_splits() -> Iterator[list[Published]]:
    """Rows of each system that has all splits, by where it was tested."""
    for key in dict.fromkeys((row.system, row.tested_on) for row in PUBLISHED):
        rows = [row for row in PUBLISHED if (row.system, row.tested_on) == key]
        if tuple(row.split for row in rows) == SPLITS:
            yield rows


def _published_accuracy(row: Published) -> str:
    text = f"{row.accuracy:.2f}" + ("*" if row.plain else "")
    return text if row.deviation is None else f"{text} ± {row.deviation:.2f}"


def _differences(rows: Sequence[Difference]) -> str:
    title = f"differences in points, paired by split and seed;\n{CAVEAT}"
    header = ["recipe minus recipe", "split %", "accuracy", "pairs", "mean", "interval", "zero"]
    table = format_table(header, [difference_row(row, _splits(row.splits)) for row in rows])
    return f"{title}\n{table}"


def _remarks(results: Results) -> list[str]:
    remarks = []
    if results.left_out:
        lines = [f"  {name}: {reason}" for name, reason in results.left_out.items()]
        remarks.append("\n".join([f"left out, {len(lines)} runs:", *lines]))
    for recipe in results.recipes:
        for split in results.splits(recipe):
            teachers = {run.teachers for run in results.of(recipe) if run.split == split}
            if len(teachers) > 1:
                remarks.append(
                    f"note: the runs of {recipe} on split {split} % learnt from "
                    f"{len(teachers)} different files of teachers' logits"
                )
    return remarks


def _splits(splits: Sequence[int]) -> str:
    listed = ", ".join(map(str, splits))
    return listed if len(splits) == 1 else f"mean of {listed}"


def _spread(spread: Spread) -> str:
    if spread.mean is None:
        return "-"
    mean = f"{100 * spread.mean:.2f}"
    return mean if spread.deviation is None else f"{mean} ± {100 * spread.deviation:.2f}"
