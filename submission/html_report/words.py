"""Figures as the report writes them."""

from __future__ import annotations

from collections.abc import Sequence

from submission.results.published import Published
from submission.results.spread import Spread

NONE = "–"


def percent(fraction: float | None, digits: int = 1) -> str:
    """A fraction in percent, without the sign."""
    return NONE if fraction is None else f"{100 * fraction:.{digits}f}"


def mean_and_deviation(found: Spread) -> str:
    """Percent of fractions, with the standard deviation where there is one."""
    mean = percent(found.mean)
    return mean if found.deviation is None else f"{mean} ± {percent(found.deviation)}"


def published_accuracy(row: Published) -> str:
    """As published, in percent; a star where it is not macro accuracy."""
    mean = f"{row.accuracy:.2f}{'*' if row.plain else ''}"
    return mean if row.deviation is None else f"{mean} ± {row.deviation:.2f}"


def splits_text(splits: Sequence[int]) -> str:
    """One split, or which ones a mean is of."""
    listed = ", ".join(map(str, splits))
    return f"{listed} %" if len(splits) == 1 else f"mean of {listed} %"


def count(value: int | None) -> str:
    """A whole number with its thousands apart."""
    return NONE if value is None else f"{value:,}"
