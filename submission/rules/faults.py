"""Faults of a submission package: what a broken rule looks like, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deploy.errors import InputError
from submission.rules.catalogue import RULES, Severity

MAX_EXAMPLES = 3
"""Examples shown of a fault that many rows share."""


@dataclass(frozen=True)
class Fault:
    """A broken rule at one place."""

    code: str
    """A key of `submission.rules.catalogue.RULES`."""
    file: str
    """Name inside the package, or the path of a run or of the package itself."""
    message: str
    """One sentence: what was found and what was expected."""
    line: int | None = None
    """Counted from 1; the first one where many lines share the fault."""

    @property
    def severity(self) -> Severity:
        """`fault` where the package must not be handed in, `warning` where it may."""
        return RULES[self.code].severity

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
