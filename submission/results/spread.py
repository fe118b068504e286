"""Means and sample standard deviations over seeds, for each recipe and split."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from submission.results.scored_runs import MEASURES, Result, Results


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (divided by n - 1) of n values."""

    n: int
    mean: float | None
    """None of no value."""
    deviation: float | None
    """None of less than two."""


@dataclass(frozen=True)
class Cell:
    """A recipe on a split, or on the mean of several."""

    recipe: str
    system: str
    splits: tuple[int, ...]
    spreads: dict[str, Spread]
    """Of fractions, by measure."""


def spread(values: Iterable[float]) -> Spread:
    """Mean and sample standard deviation of any number of values."""
    known = list(values)
    return Spread(
        n=len(known),
        mean=statistics.fmean(known) if known else None,
        deviation=statistics.stdev(known) if len(known) > 1 else None,
    )


def cells(results: Results) -> list[Cell]:
    """Every recipe on each of its splits, and then on the mean of them, if it has several.

    Over several splits a seed's value is the mean of its runs; the spread is over those seeds that
    have a run of every split.
    """
    return [
        Cell(
            recipe=recipe,
            system=results.of(recipe)[0].system,
            splits=splits,
            spreads={
                measure: spread(by_seed(results.of(recipe), splits, measure).values())
                for measure in MEASURES
            },
        )
        for recipe in results.recipes
        for splits in with_mean(results.splits(recipe))
    ]


def with_mean(splits: Sequence[int]) -> list[tuple[int, ...]]:
    """Each split alone and, of several, all of them together."""
    alone: list[tuple[int, ...]] = [(split,) for split in splits]
    return [*alone, tuple(splits)] if len(alone) > 1 else alone


def by_seed(runs: Iterable[Result], splits: Sequence[int], measure: str) -> dict[int, float]:
    """Each seed's mean accuracy over the splits, a fraction; only seeds with a run of each."""
    found: dict[int, dict[int, float]] = {}
    for run in runs:
        accuracy = run.accuracy(measure)
        if run.split in splits and accuracy is not None:
            found.setdefault(run.seed, {})[run.split] = accuracy
    return {
        seed: statistics.fmean(accuracies.values())
        for seed, accuracies in sorted(found.items())
        if len(accuracies) == len(splits)
    }
