"""Peak memory of a graph whose buffers live from their making to their last use."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any


@dataclass(frozen=True)
class Step:
    """One operator in the order of execution."""

    reads: Collection[Hashable] = ()
    makes: Mapping[Any, int] = field(default_factory=dict)
    """Buffers made here and their sizes, in whatever unit the caller counts."""


def peak(steps: Sequence[Step]) -> int:
    """Most memory alive at once, in the unit of the sizes.

    A buffer is alive in the step that makes it, in the last one that reads it and in between.
    The caller ends with a step that reads the graph's outputs, or they die where they are made.
    """
    changes = [0] * (len(steps) + 1)
    for size, first, last in _lives(steps):
        changes[first] += size
        changes[last + 1] -= size
    return max(accumulate(changes))


def _lives(steps: Sequence[Step]) -> Iterable[tuple[int, int, int]]:
    made: dict[Hashable, tuple[int, int]] = {}
    last_use: dict[Hashable, int] = {}
    for time, step in enumerate(steps):
        for buffer, size in step.makes.items():
            made.setdefault(buffer, (size, time))
        for buffer in {*step.reads, *step.makes}:
            last_use[buffer] = time
    return [(size, time, last_use[buffer]) for buffer, (size, time) in made.items()]
