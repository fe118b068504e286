"""The forms that a network was scored in: confusion matrices, and float against int8."""

from __future__ import annotations

from collections.abc import Sequence

from baseline.challenge import SCENES
from quantize.system_names import FLOAT_SYSTEM
from submission.html_report.collect import Collected, confusion_of
from submission.html_report.parts import MAX_HEAT, Cell, Group, Heat, Part, Section, Table, Text
from submission.html_report.records import DetailedScores
from submission.html_report.words import NONE, mean_and_deviation, percent
from submission.results.scored_runs import Result
from submission.results.spread import spread


def confusion_section(found: Collected) -> Section:
    """A matrix for each recipe, system and split; the first of each recipe stands open."""
    lead = (
        "Rows are true scenes, columns the answers: percent of the row's clips, summed over seeds. "
        "The diagonal is right."
    )
    parts: list[Part] = []
    for recipe, systems in found.systems.items():
        tables = [
            _confusion(f"{recipe}, {system}, split {split} %", runs)
            for system, of_system in systems.items()
            for split, runs in reversed(_by_split(of_system).items())
        ]
        folded = Group(f"{recipe}: other splits and systems", tables[1:], folded=True)
        parts.append(Group(recipe, [tables[0], folded] if tables[1:] else tables))
    return Section("confusion", "Confusion matrices", lead, parts)


def forms_section(found: Collected) -> Section:
    """Scores of all forms of the same weights, and what the agreement reports say."""
    lead = (
        "The same weights as float and as exported. The drop is in points of macro accuracy "
        "against float torch, run by run; below zero is a gain. Agreement is the share of test "
        "clips that are decided as by float torch."
    )
    parts: list[Part] = [
        Table(
            f"{recipe}: every system that was scored",
            ["split", "system", "n", "macro %", "log loss", "drop", "agreement %"],
            [
                _form(split, system, runs, _by_split(systems.get(FLOAT_SYSTEM, [])).get(split, []))
                for split in found.results.splits(recipe)
                for system, of_system in systems.items()
                if (runs := _by_split(of_system).get(split))
            ],
            words=2,
        )
        for recipe, systems in found.systems.items()
    ]
    return Section("int8", "Float against int8", lead, [*parts, *_agreements(found)])


def _by_split(runs: Sequence[Result]) -> dict[int, list[Result]]:
    return {
        split: [run for run in runs if run.split == split]
        for split in sorted({run.split for run in runs})
    }


def _confusion(caption: str, runs: Sequence[Result]) -> Table:
    rows: list[list[Cell]] = []
    for scene, counts in zip(SCENES, confusion_of(runs), strict=True):
        clips = sum(counts)
        cells = [_heat(scene, answer, n, clips) for answer, n in zip(SCENES, counts, strict=True)]
        rows.append([scene, *cells])
    return Table(f"{caption}: true scene by answer", ["true", *SCENES], rows, dense=True)


def _heat(scene: str, answer: str, clips: int, of: int) -> Heat:
    share = clips / of if of else 0.0
    words = f"{scene} taken for {answer}: {clips:,} of {of:,} clips"
    return Heat(f"{100 * share:.0f}", round(MAX_HEAT * share), words)


def _form(split: int, system: str, runs: Sequence[Result], exact: Sequence[Result]) -> list[str]:
    scores = [run.scores for run in runs if isinstance(run.scores, DetailedScores)]
    accuracy = {run.name: run.scores.macro_accuracy for run in exact}
    drops = spread(
        accuracy[run.name] - run.scores.macro_accuracy for run in runs if run.name in accuracy
    )
    alike = spread(
        row.agreement_with_float for row in scores if row.agreement_with_float is not None
    )
    losses = spread(row.log_loss for row in scores).mean
    return [
        f"{split} %",
        system,
        str(len(runs)),
        mean_and_deviation(spread(row.macro_accuracy for row in scores)),
        NONE if losses is None else f"{losses:.3f}",
        NONE if drops.mean is None else f"{100 * drops.mean:+.2f}",
        mean_and_deviation(alike),
    ]


def _agreements(found: Collected) -> list[Part]:
    if not found.agreements:
        advice = "tinyscene quantize RUN --report compares every backend and adds a table here."
        return [Text(f"No run has a report of agreement; {advice}")]
    rows = [
        [
            name,
            engine,
            percent(row.macro_accuracy),
            f"{row.drop_points:+.2f}",
            percent(row.agreement_with_float),
            f"{row.largest_logit_difference:.3f}",
        ]
        for name, report in found.agreements.items()
        for engine, row in report.engines.items()
    ]
    columns = ["run", "engine", "macro %", "drop", "agreement %", "largest logit difference"]
    return [Table("Reports of agreement", columns, rows, words=2, folded=True)]
