"""A schedule as loops: the longest repetition becomes a loop, and so on before, in and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST_SAVED = 3
"""Entries that a loop must save to be worth its lines."""


@dataclass(frozen=True)
class Loop:
    """A part of a schedule that is gone through several times."""

    times: int
    body: tuple[int | Loop, ...]


def as_loops(schedule: Sequence[int] | np.ndarray) -> tuple[int | Loop, ...]:
    """The same schedule, its repetitions as loops."""
    entries = np.asarray(schedule)
    start, period, times = _best_repetition(entries)
    if (times - 1) * period < LEAST_SAVED:
        return tuple(int(entry) for entry in entries)
    end = start + period * times
    loop = Loop(times, as_loops(entries[start : start + period]))
    return (*as_loops(entries[:start]), loop, *as_loops(entries[end:]))


def unrolled(loops: Sequence[int | Loop]) -> list[int]:
    """The schedule that the loops stand for."""
    entries: list[int] = []
    for entry in loops:
        if isinstance(entry, Loop):
            entries += unrolled(entry.body) * entry.times
        else:
            entries.append(entry)
    return entries


def _best_repetition(entries: np.ndarray) -> tuple[int, int, int]:
    """Start, period and number of the repetitions that save most entries."""
    best, most = (0, 1, 1), 0
    for period in range(1, len(entries) // 2 + 1):
        start, length = _longest_run(entries[:-period] == entries[period:])
        times = (length + period) // period
        if (times - 1) * period > most:
            best, most = (start, period, times), (times - 1) * period
    return best


def _longest_run(same: np.ndarray) -> tuple[int, int]:
    """Start and length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.view(np.int8), [0]])))
    if len(edges) == 0:
        return 0, 0
    starts, ends = edges[::2], edges[1::2]
    longest = int((ends - starts).argmax())
    return int(starts[longest]), int(ends[longest] - starts[longest])
