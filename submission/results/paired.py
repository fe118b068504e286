"""Paired differences between recipes, with confidence intervals.

Runs of two recipes are paired by split and seed; over several splits each seed's accuracies are
averaged first. The interval is Student's t over the seeds' differences (W. S. Gosset, The probable
error of a mean, Biometrika 6, 1908), which takes them for independent and roughly normal.

All seeds share one dataset and one test split. The interval therefore tells what another seed
would do on the same data, and nothing about other data. Of many intervals of 95 %, one in twenty
would leave out zero even if no recipe differed from another.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from deploy.errors import InputError, suggestion
from submission.results.scored_runs import MEASURES, Results
from submission.results.spread import by_seed, with_mean
from submission.results.student_t import two_sided_quantile

CONFIDENCE = 0.95
CAVEAT = (
    f"{100 * CONFIDENCE:.0f} % confidence intervals by Student's t over seeds, which share this "
    "data: they say nothing about other data, and one in "
    f"{1 / (1 - CONFIDENCE):.0f} of them excludes zero where there is no difference"
)


@dataclass(frozen=True)
class Interval:
    """Mean of n differences, fractions, and the confidence interval of that mean."""

    n: int
    mean: float
    low: float | None
    """None, as `high`, of a single difference."""
    high: float | None

    def __str__(self) -> str:
        """In points, with signs."""
        if self.low is None or self.high is None:
            return "needs two pairs"
        return f"{100 * self.low:+.2f} to {100 * self.high:+.2f}"

    @property
    def includes_zero(self) -> bool | None:
        """Whether zero lies in the interval, if there is one."""
        return None if self.low is None or self.high is None else self.low <= 0 <= self.high


@dataclass(frozen=True)
class Difference:
    """A recipe's accuracy minus another's."""

    recipe: str
    against: str
    splits: tuple[int, ...]
    measure: str
    interval: Interval


def differences(results: Results, against: str | None = None) -> list[Difference]:
    """Differences of all pairs of recipes, or of all recipes to one.

    Each on every split that both have, and on the mean of those; a pair without a common seed has
    no row.

    Raises:
        InputError: no run of the recipe `against`.
    """
    if against is not None and against not in results.recipes:
        raise InputError(
            f"--against {against}: there is no run of this recipe in {results.folder}, expected "
            f"one of {', '.join(results.recipes)}{suggestion(against, results.recipes)}"
        )
    return [
        Difference(recipe, other, splits, measure, paired_interval(pairs))
        for recipe, other in _pairs(results.recipes, against)
        for splits in with_mean([x for x in results.splits(recipe) if x in results.splits(other)])
        for measure in MEASURES
        if (pairs := _differences_by_seed(results, recipe, other, splits, measure))
    ]


def paired_interval(values: Sequence[float]) -> Interval:
    """Mean of at least one difference, with its confidence interval."""
    mean, n = statistics.fmean(values), len(values)
    if n < 2:
        return Interval(n, mean, None, None)
    half = two_sided_quantile(CONFIDENCE, n - 1) * statistics.stdev(values) / math.sqrt(n)
    return Interval(n, mean, mean - half, mean + half)


def difference_row(row: Difference, splits: str) -> list[str]:
    """A difference as a row of text: recipes, splits, measure, pairs, mean, interval, zero.

    Args:
        splits: how the row's splits are written.
    """
    interval = row.interval
    zero = {True: "included", False: "excluded", None: "-"}[interval.includes_zero]
    recipes, mean = f"{row.recipe} - {row.against}", f"{100 * interval.mean:+.2f}"
    return [recipes, splits, row.measure, str(interval.n), mean, str(interval), zero]


def _pairs(recipes: Sequence[str], against: str | None) -> list[tuple[str, str]]:
    if against is None:
        return [(later, earlier) for earlier, later in combinations(recipes, 2)]
    return [(recipe, against) for recipe in recipes if recipe != against]


def _differences_by_seed(
    results: Results, recipe: str, against: str, splits: Sequence[int], measure: str
) -> list[float]:
    ours = by_seed(results.of(recipe), splits, measure)
    theirs = by_seed(results.of(against), splits, measure)
    return [value - theirs[seed] for seed, value in ours.items() if seed in theirs]
