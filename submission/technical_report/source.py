"""The text of a report as Typst markup: what follows from the runs, and places for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from baseline.challenge import MAX_MACS, MAX_MODEL_BYTES, SPLITS, TEST_CLIPS
from baseline.teacher_logits import read_logits
from submission.adaptations import difference
from submission.metadata_model import Author
from submission.results.published import DATASET
from submission.technical_report.description import paragraphs
from submission.technical_report.markup import breakable, string, text, todo
from submission.technical_report.references import cite
from submission.technical_report.systems import FIRST_SPLIT, LAST_SPLIT, System
from submission.technical_report.tables import (
    complexity_table,
    device_table,
    forms_table,
    results_table,
    scene_table,
    stage_table,
)

BIBLIOGRAPHY = "references.yml"
LAYOUT = "layout.typ"

Figures = Mapping[str, str]
"""Markup of the figures by label."""


def report_source(
    systems: Sequence[System], authors: Sequence[Author], figures: Figures, pdf: str
) -> str:
    """The whole report.

    Args:
        pdf: name of the PDF, for the remark on how to make it again.
    """
    parts = [
        f"// A draft. After editing: typst compile --ignore-system-fonts report.typ {pdf}",
        f"#import {string(LAYOUT)}: data-table, report, todo",
        _front_matter(systems, authors),
        *_introduction(),
        *_data(systems),
        *_descriptions(systems),
        *_complexity(systems),
        *_results(systems, figures),
        f"= Discussion\n\n{todo('what the results show, and what did not work.')}",
        f"= Conclusion\n\n{todo('one paragraph.')}",
        "#place.flush()",
        f'#bibliography({string(BIBLIOGRAPHY)}, title: "References", style: "ieee")',
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(systems: Sequence[System], authors: Sequence[Author]) -> str:
    names = "".join(f"{string(_name(author))}, " for author in authors)
    affiliations = "".join(f"\n    [{_affiliation(author)}]," for author in authors)
    titles = ", ".join(system.title for system in systems)
    return (
        "#show: report.with(\n"
        f"  title: {string(breakable(titles))},\n"
        f"  names: ({names}),\n"
        f"  affiliations: ({affiliations}\n  ),\n"
        f"  abstract: [{_abstract(systems)}],\n"
        ")"
    )


def _name(author: Author) -> str:
    return f"{author.firstname} {author.lastname}"


def _affiliation(author: Author) -> str:
    where = author.affiliation
    lines = [where.department, where.institute or where.abbreviation, where.location, author.email]
    shown = [f"_{text(_name(author))}_", *(text(line) for line in lines if line)]
    return " \\ ".join(shown)


def _abstract(systems: Sequence[System]) -> str:
    submitted = "one system" if len(systems) == 1 else f"{len(systems)} systems"
    figures = " ".join(_abstract_of(system) for system in systems)
    return (
        f"This report describes {submitted} for Task 1 of the DCASE Challenge, data-efficient "
        f"low-complexity acoustic scene classification. {todo('what is new about it.')} {figures}"
    )


def _abstract_of(system: System) -> str:
    accuracy = {split: 100 * system.scores[split].macro_accuracy for split in SPLITS}
    counted = system.complexity
    return (
        f"{system.name} has {counted['total_parameters']:,} parameters of "
        f"{counted['total_model_size']:,} bytes and takes {counted['macs']:,} MACs for a second of "
        f"audio. On the development test it reaches a macro accuracy of "
        f"{accuracy[FIRST_SPLIT]:.2f} % when trained on {FIRST_SPLIT} % of the training data, "
        f"{accuracy[LAST_SPLIT]:.2f} % on {LAST_SPLIT} %, and {fmean(accuracy.values()):.2f} % "
        "averaged over the splits."
    )


def _introduction() -> Iterator[str]:
    splits = f"{', '.join(map(str, SPLITS[:-1]))} or {SPLITS[-1]}"
    yield "= Introduction"
    yield (
        f"Task 1 of the DCASE Challenge{cite('challenge')} asks for the acoustic scene of a "
        "recording of one second. Recording devices that are not in the training data are in the "
        f"test data, only {splits} % of the training data may be used, and the network may have "
        f"at most {MAX_MODEL_BYTES:,} bytes of parameters and {MAX_MACS:,} multiply-accumulate "
        f"operations (MACs). {todo('the idea, and how it relates to earlier work.')}"
    )


def _data(systems: Sequence[System]) -> Iterator[str]:
    yield "= Data and evaluation"
    yield (
        f"The task's data is {DATASET}{cite('dataset')}: ten scenes, recorded in European cities "
        "with real devices or simulated as if with others. A system is trained on each split on "
        "its own. Its score is the macro accuracy on the development test, the mean of the "
        "accuracies of the scenes. " + _trained(systems) + _foreign_data(systems)
    )


def _trained(systems: Sequence[System]) -> str:
    seeds = sorted({run.seed for system in systems for run in system.runs.values()})
    seed = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
    return f"Each system was trained once a split ({seed})."


def _foreign_data(systems: Sequence[System]) -> str:
    clips = {scores.clips for system in systems for scores in system.scores.values()}
    if clips == {TEST_CLIPS}:
        return ""
    names = {Path(run.record["data"]).name for system in systems for run in system.runs.values()}
    return (
        f" The figures in this draft are of other data ({text(', '.join(sorted(names)))}): they do "
        "not count for the challenge."
    )


def _descriptions(systems: Sequence[System]) -> Iterator[str]:
    yield "= System description" if len(systems) == 1 else "= System descriptions"
    for system in systems:
        yield f"== {system.name}: {text(system.title)}"
        yield f"Submitted as {text(system.label)}. {_difference(system, systems[0])}"
        yield from _own_paragraphs(system, systems[0])
        if system.recipe.distill is not None:
            yield _teachers(system)
        yield stage_table(system)


def _difference(system: System, first: System) -> str:
    """How a system that is not the first is told apart from it."""
    if system is first:
        return ""
    if any(_own_paragraphs(system, first)):
        return f"What is not described here is as in {first.name}."
    told = difference(system.recipe, first.recipe)
    return f"It is {first.name} with {text(told)}." if told else f"It is {first.name} again."


def _own_paragraphs(system: System, first: System) -> Iterator[str]:
    """What the system does; after the first system, only what it does differently."""
    known = set() if system is first else set(paragraphs(first.recipe))
    for heading, described in paragraphs(system.recipe):
        if (heading, described) not in known:
            yield f"*{heading}.* {described}"


def _teachers(system: System) -> str:
    """The teachers' names by split, as far as their logits are still there."""
    told = []
    for split, run in system.runs.items():
        file = Path(run.record.get("teachers", ""))
        if file.is_file():
            names = ", ".join(read_logits(file).teachers)
            told.append(f"on {split} %, {text(names)}")
    known = f"The teachers are: {'; '.join(told)}. " if told else ""
    return known + todo("what the teachers are, and what they were trained on.")


def _complexity(systems: Sequence[System]) -> Iterator[str]:
    yield "= Complexity"
    yield (
        "@complexity shows parameters, bytes and MACs. The front end is not counted. "
        + (" ".join(_excesses(systems)) or "Each system is within both limits.")
    )
    yield complexity_table(systems)


def _excesses(systems: Sequence[System]) -> Iterator[str]:
    for what, key, limit in (
        ("bytes", "total_model_size", MAX_MODEL_BYTES),
        ("MACs", "macs", MAX_MACS),
    ):
        over = [system.name for system in systems if system.complexity[key] > limit]
        if over:
            yield f"Over the limit on {what}: {', '.join(over)}."


def _results(systems: Sequence[System], figures: Figures) -> Iterator[str]:
    yield "= Results"
    yield (
        "@results and @splits show macro accuracy and log loss on the development test, @devices "
        "the accuracy by recording device, @confusions which scenes are mistaken for which. "
        + " ".join(_shown(system, figures) for system in systems)
    )
    yield results_table(systems)
    yield figures["splits"]
    yield figures["devices"]
    yield figures["confusions"]
    for system in systems:
        yield device_table(system)
        yield scene_table(system)
        yield forms_table(system)
        yield figures.get(f"curves-{system.number}", "")


def _shown(system: System, figures: Figures) -> str:
    number = system.number
    forms = f" @forms-{number} compares the forms of its network." if forms_table(system) else ""
    has_curves = f"curves-{number}" in figures
    curves = f" Its learning curves are in @curves-{number}." if has_curves else ""
    return (
        f"Figures of {system.name} by device and by scene are in @devices-{number} and "
        f"@scenes-{number}.{curves}{forms}"
    )
