"""Faults of a submission package: the rules, what a broken one looks like, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from deploy.errors import InputError

Severity = Literal["fault", "warning"]

MAX_EXAMPLES = 3
"""Examples shown of a fault that many rows share."""

RULES: dict[str, tuple[Severity, str]] = {
    # The container. After one of these nothing inside is read.
    "S001": ("fault", "the package and each file in it can be read"),
    "S002": ("fault", "names are relative, with forward slashes and without '..'"),
    "S003": ("fault", "there are only plain files and folders, no links"),
    "S004": ("fault", "each name occurs once, also where case does not count"),
    "S005": ("fault", "number, size and compression of the files are plausible"),
    "S006": ("fault", "files are stored or deflated, and not encrypted"),
    # Layout and labels.
    "S101": ("fault", "everything but the report is in the folder task1"),
    "S102": ("fault", "there is at least one system folder"),
    "S103": ("fault", "there are at most as many systems as the challenge allows"),
    "S104": ("fault", "a label is [Last name]_[Institute]_task1_[index]"),
    "S105": ("fault", "the index of a label is allowed"),
    "S106": ("warning", "the index of a label is within the task's own template"),
    "S107": ("warning", "a label has only ASCII letters, digits and hyphens in its parts"),
    "S108": ("fault", "there is an output CSV for each split"),
    "S109": ("fault", "there is a meta.yaml"),
    "S110": ("fault", "CSV and YAML files have the names that the label asks for"),
    "S111": ("warning", "there are no files that the challenge does not ask for"),
    "S112": ("warning", "there is a technical report"),
    "S113": ("fault", "a .pdf is a PDF file"),
    # Output CSVs.
    "S201": ("fault", "there is no byte order mark"),
    "S202": ("fault", "the text is UTF-8"),
    "S203": ("fault", "lines end with LF or CRLF, and there is no NUL"),
    "S204": ("fault", "the header has the challenge's columns in its order, TAB separated"),
    "S205": ("fault", "each line has as many fields as the header"),
    "S206": ("fault", "there are as many rows as evaluation files"),
    "S207": ("fault", "file names come without a folder"),
    "S208": ("fault", "each name is one of the evaluation set"),
    "S209": ("fault", "each name occurs once"),
    "S210": ("fault", "no file of the evaluation set is missing"),
    "S211": ("fault", "scene_label is one of the ten scenes"),
    "S212": ("fault", "probabilities are numbers"),
    "S213": ("fault", "probabilities are finite"),
    "S214": ("fault", "probabilities lie in [0, 1]"),
    "S215": ("fault", "the probabilities of a file sum to 1"),
    "S216": ("fault", "scene_label is a most probable scene"),
    "S217": ("warning", "the CSVs of two splits differ"),
    # meta.yaml.
    "S301": ("fault", "meta.yaml is YAML in UTF-8, of a plausible size"),
    "S302": ("fault", "there are no tags beyond YAML's own, such as !!python/object"),
    "S303": ("fault", "aliases do not make it huge or endless"),
    "S304": ("fault", "no key is given twice"),
    "S305": ("fault", "each key is one of the challenge's"),
    "S306": ("fault", "no key is missing"),
    "S307": ("fault", "each value has the type that its key asks for"),
    "S308": ("fault", "each value is in the range that its key allows"),
    "S309": ("fault", "submission.label is the name of the folder"),
    "S310": ("fault", "the abbreviation is not too long"),
    "S311": ("fault", "exactly one author is the corresponding one"),
    "S312": ("fault", "the MACs are within the limit"),
    "S313": ("fault", "the model size is within the limit"),
    "S314": ("fault", "model size = parameters x bits / 8"),
    "S315": ("fault", "overall accuracy is the mean of the class-wise accuracies"),
    "S316": ("warning", "results are known"),
    "S317": ("warning", "accuracies are given in percent"),
    # The runs that the package is made from.
    "S401": ("fault", "there is a run for each split"),
    "S402": ("fault", "there is one run for each split, not more"),
    "S403": ("fault", "all runs have the same recipe and network"),
    "S404": ("fault", "each run has predictions of the evaluation set"),
    "S405": ("fault", "each run was evaluated on the test split"),
    "S406": ("fault", "each run has its complexity counted"),
    "S407": ("fault", "each run was evaluated as its model is now"),
    "S408": ("fault", "each run's predictions are those of its model as it is now"),
    "S409": ("fault", "all runs of a system have the same dataset"),
    "S411": ("fault", "meta.yaml's complexity is that of the runs"),
    "S412": ("fault", "meta.yaml's results are those of the runs"),
    "S413": ("fault", "the output CSVs are the runs' predictions"),
}
"""Every rule by its code: how bad it is to break it, and what it asks for."""


@dataclass(frozen=True)
class Fault:
    """A broken rule at one place."""

    code: str
    """A key of `RULES`."""
    file: str
    """Name inside the package, or the path of a run or of the package itself."""
    message: str
    """One sentence: what was found and what was expected."""
    line: int | None = None
    """Counted from 1; the first one where many lines share the fault."""

    @property
    def severity(self) -> Severity:
        """`fault` where the package must not be handed in, `warning` where it may."""
        return RULES[self.code][0]

    @property
    def place(self) -> str:
        """File and line, as `file:line`."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.code} {self.severity}: {self.place}: {self.message}"


class InvalidPackage(InputError):  # noqa: N818  # a package, not an accident
    """A submission package that breaks rules; `faults` lists all of them."""

    def __init__(self, summary: str, faults: Sequence[Fault]) -> None:
        super().__init__(f"{summary}\n{format_faults(faults)}")
        self.faults = list(faults)


def is_valid(faults: Iterable[Fault]) -> bool:
    """Whether there are warnings at most."""
    return all(fault.severity == "warning" for fault in faults)


def format_faults(faults: Sequence[Fault]) -> str:
    """One line a fault with code, place and sentence; a count of both severities at the end."""
    bad = sum(fault.severity == "fault" for fault in faults)
    verdict = f"{'not valid' if bad else 'valid'}: {_count(bad, 'fault')}"
    return "\n".join([*map(str, faults), f"{verdict}, {_count(len(faults) - bad, 'warning')}"])


def examples(values: Sequence[object], *, show: int = MAX_EXAMPLES) -> str:
    """The first few values, and how many more there are."""
    shown = ", ".join(map(str, values[:show]))
    rest = len(values) - show
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
