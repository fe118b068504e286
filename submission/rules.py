"""The rules that a submission is held against, a row each."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from baseline.challenge import YEARS
from deploy.table import format_table

Severity = Literal["fault", "warning"]


class Rule(NamedTuple):
    """A row of the table."""

    code: str
    """Never changes its meaning."""
    severity: Severity
    """`fault` where the package must not be handed in, `warning` where it may."""
    text: str
    """What is asked for."""
    years: tuple[int, ...] = tuple(YEARS)
    """In which it holds, as far as known here."""


_ROWS = (
    # The container. After one of these nothing inside is read.
    Rule("S001", "fault", "the package and each file in it can be read"),
    Rule("S002", "fault", "names are relative, with forward slashes and without '..'"),
    Rule("S003", "fault", "there are only plain files and folders, no links"),
    Rule("S004", "fault", "each name occurs once, also where case does not count"),
    Rule("S005", "fault", "number, size and compression of the files are plausible"),
    Rule("S006", "fault", "files are stored or deflated, and not encrypted"),
    # Layout and labels.
    Rule("S101", "fault", "everything but the report is in the folder task1"),
    Rule("S102", "fault", "there is at least one system folder"),
    Rule("S103", "fault", "there are at most as many systems as the challenge allows"),
    Rule("S104", "fault", "a label is [Last name]_[Institute]_task1_[index]"),
    Rule("S105", "fault", "the index of a label is allowed"),
    Rule("S106", "warning", "the index of a label is within the task's own template", (2024,)),
    Rule("S107", "warning", "a label has only ASCII letters, digits and hyphens in its parts"),
    Rule("S108", "fault", "there is an output CSV for each split"),
    Rule("S109", "fault", "there is a meta.yaml"),
    Rule("S110", "fault", "CSV and YAML files have the names that the label asks for"),
    Rule("S111", "warning", "there are no files that the challenge does not ask for"),
    Rule("S112", "warning", "there is a technical report"),
    Rule("S113", "fault", "a .pdf is a PDF file"),
    # Output CSVs.
    Rule("S201", "fault", "there is no byte order mark"),
    Rule("S202", "fault", "the text is UTF-8"),
    Rule("S203", "fault", "lines end with LF or CRLF, and there is no NUL"),
    Rule("S204", "fault", "the header has the challenge's columns in its order, TAB separated"),
    Rule("S205", "fault", "each line has as many fields as the header"),
    Rule("S206", "fault", "there are as many rows as evaluation files"),
    Rule("S207", "fault", "file names come without a folder"),
    Rule("S208", "fault", "each name is one of the evaluation set"),
    Rule("S209", "fault", "each name occurs once"),
    Rule("S210", "fault", "no file of the evaluation set is missing"),
    Rule("S211", "fault", "scene_label is one of the ten scenes"),
    Rule("S212", "fault", "probabilities are numbers"),
    Rule("S213", "fault", "probabilities are finite"),
    Rule("S214", "fault", "probabilities lie in [0, 1]"),
    Rule("S215", "fault", "the probabilities of a file sum to 1"),
    Rule("S216", "fault", "scene_label is a most probable scene"),
    Rule("S217", "warning", "the CSVs of two splits differ", (2024,)),
    # meta.yaml.
    Rule("S301", "fault", "meta.yaml is YAML in UTF-8, of a plausible size"),
    Rule("S302", "fault", "there are no tags beyond YAML's own, such as !!python/object"),
    Rule("S303", "fault", "aliases do not make it huge or endless"),
    Rule("S304", "fault", "no key is given twice"),
    Rule("S305", "fault", "each key is one of the challenge's", (2024,)),
    Rule("S306", "fault", "no key is missing", (2024,)),
    Rule("S307", "fault", "each value has the type that its key asks for", (2024,)),
    Rule("S308", "fault", "each value is in the range that its key allows", (2024,)),
    Rule("S309", "fault", "submission.label is the name of the folder"),
    Rule("S310", "fault", "the abbreviation is not too long", (2024,)),
    Rule("S311", "fault", "exactly one author is the corresponding one", (2024,)),
    Rule("S312", "fault", "the MACs are within the limit"),
    Rule("S313", "fault", "the model size is within the limit"),
    Rule("S314", "fault", "model size = parameters x bits / 8", (2024,)),
    Rule("S315", "fault", "overall accuracy is the mean of the class-wise accuracies", (2024,)),
    Rule("S316", "warning", "results are known", (2024,)),
    Rule("S317", "warning", "accuracies are given in percent", (2024,)),
    # The runs that the package is made from.
    Rule("S401", "fault", "there is a run for each split", (2024,)),
    Rule("S402", "fault", "there is one run for each split, not more", (2024,)),
    Rule("S403", "fault", "all runs have the same recipe and network", (2024,)),
    Rule("S404", "fault", "each run has predictions of the evaluation set", (2024,)),
    Rule("S405", "fault", "each run was evaluated on the test split", (2024,)),
    Rule("S406", "fault", "each run has its complexity counted", (2024,)),
    Rule("S407", "fault", "each run was evaluated as its model is now", (2024,)),
    Rule("S408", "fault", "each run's predictions are those of its model as it is now", (2024,)),
    Rule("S409", "fault", "all runs of a system have the same dataset", (2024,)),
    Rule("S411", "fault", "meta.yaml's complexity is that of the runs", (2024,)),
    Rule("S412", "fault", "meta.yaml's results are those of the runs", (2024,)),
    Rule("S413", "fault", "the output CSVs are the runs' predictions", (2024,)),
    # The data that the runs were trained on.
    Rule("S501", "fault", "runs were trained on clips of their split alone"),
    Rule("S502", "fault", "int8 files were calibrated on clips of the split alone"),
    Rule("S503", "fault", "teachers know no clips outside of their student's split"),
    Rule("S504", "fault", "external data that runs used are declared"),
    Rule("S505", "warning", "the data of the runs can be checked"),
)

RULES = {rule.code: rule for rule in _ROWS}
"""Every rule by its code."""


def rules_of(year: int | None) -> list[Rule]:
    """The rules of a year, or all."""
    return [rule for rule in RULES.values() if year is None or year in rule.years]


def format_rules(rules: list[Rule]) -> str:
    """The rules as a table."""
    rows = [[rule.code, rule.severity, _years(rule), rule.text] for rule in rules]
    return format_table(["code", "severity", "years", "asks that"], rows)


def rules_to_json(rules: list[Rule]) -> list[dict[str, Any]]:
    """The rules for a program to read."""
    return [rule._asdict() for rule in rules]


def _years(rule: Rule) -> str:
    return ", ".join(map(str, rule.years))
