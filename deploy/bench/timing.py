"""Timing stages in turn, block by block, until the medians of the blocks agree."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

WARM_UP_SECONDS = 0.5
BLOCK_SECONDS = 0.25
LEAST_SECONDS = 2.0
LEAST_ROUNDS = 200
"""Of all blocks together: fewer have no 99th percentile."""

LEAST_BLOCK_ROUNDS, MOST_BLOCK_ROUNDS = 5, 10_000
LAST_BLOCKS = 4
AGREEMENT = 0.02
"""(highest - lowest) / median of the medians of the last blocks at which the timing may end."""

SMALLEST_SHARE = 0.02
"""Of the longest stage: shorter stages need not agree, they are near the clock's own cost."""

Clock = Callable[[], int]
"""Nanoseconds."""


@dataclass(frozen=True)
class Timing:
    """Durations of stages that were called in turn, after a warm-up."""

    stages: tuple[str, ...]
    blocks: tuple[np.ndarray, ...]
    """Milliseconds, each of shape (rounds, stages)."""
    settled: bool
    """Whether the medians of the last blocks agreed before the time was over."""

    @property
    def rounds(self) -> int:
        """How often each stage was timed."""
        return sum(map(len, self.blocks))

    def percentile_ms(self, percentile: float) -> np.ndarray:
        """Of all rounds, shape (stages,)."""
        return np.percentile(np.concatenate(self.blocks), percentile, axis=0)

    def mean_ms(self) -> np.ndarray:
        """Of all rounds, shape (stages,)."""
        return np.concatenate(self.blocks).mean(0)

    def spread(self, percentile: float) -> np.ndarray:
        """Of the blocks' percentiles: interquartile range / median, shape (stages,).

        A range from lowest to highest would grow with the number of blocks.
        """
        values = [np.percentile(block, percentile, axis=0) for block in self.blocks]
        first, median, third = np.percentile(values, (25, 50, 75), axis=0)
        return (third - first) / median

    def matters(self) -> np.ndarray:
        """Which stages are long enough for their spread to tell anything, bool (stages,)."""
        return _matters(self.percentile_ms(50))


def time_in_turn(
    stages: Mapping[str, Callable[[], object]],
    *,
    max_seconds: float,
    after_block: Callable[[], object],
    clock: Clock = time.perf_counter_ns,
) -> Timing:
    """Time stages in turn, so that whatever the machine does besides hits all of them alike.

    After a warm-up, blocks of a quarter of a second follow until there are two seconds and 200
    rounds of them and the medians of the last four agree within 2 %.

    Args:
        stages: what to call, by name.
        max_seconds: when to end though they do not agree; a block that has begun is ended.
        after_block: called between blocks, untimed.
        clock: nanoseconds.
    """
    calls = tuple(stages.values())
    deadline = clock() + max_seconds * 1e9
    with _no_garbage_collection():
        rounds = _warm_up(calls, max_seconds, clock)
        began = clock()
        blocks: list[np.ndarray] = []
        settled = False
        while not blocks or (not settled and clock() < deadline):
            blocks.append(_block(calls, rounds, clock))
            after_block()
            enough = clock() - began >= LEAST_SECONDS * 1e9 and len(blocks) * rounds >= LEAST_ROUNDS
            settled = enough and _agree(blocks[-LAST_BLOCKS:])
    return Timing(tuple(stages), tuple(blocks), settled)


def _warm_up(calls: Sequence[Callable[[], object]], max_seconds: float, clock: Clock) -> int:
    """Call everything for a while; say how many rounds make a block."""
    began, rounds = clock(), 0
    seconds = min(WARM_UP_SECONDS, max_seconds / 4)
    while clock() - began < seconds * 1e9:
        for call in calls:
            call()
        rounds += 1
    round_seconds = (clock() - began) / 1e9 / rounds
    return int(np.clip(BLOCK_SECONDS / round_seconds, LEAST_BLOCK_ROUNDS, MOST_BLOCK_ROUNDS))


def _block(calls: Sequence[Callable[[], object]], rounds: int, clock: Clock) -> np.ndarray:
    nanoseconds = np.empty((rounds, len(calls)), np.int64)
    for row in nanoseconds:
        for index, call in enumerate(calls):
            began = clock()
            call()
            row[index] = clock() - began
    return nanoseconds / 1e6


def _agree(blocks: Sequence[np.ndarray]) -> bool:
    medians = [np.median(block, axis=0) for block in blocks]
    matters = _matters(np.median(medians, axis=0))
    apart = np.ptp(medians, axis=0) / np.median(medians, axis=0)
    return len(blocks) == LAST_BLOCKS and bool((apart[matters] <= AGREEMENT).all())


def _matters(medians: np.ndarray) -> np.ndarray:
    return medians >= SMALLEST_SHARE * medians.max()


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A collection would hit whichever stage happens to trigger it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
