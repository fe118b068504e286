"""Cutting a stream of samples into the seconds that a network hears at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

SHORTEST_SECONDS = 0.1
"""Of what can be classified; less than a second is repeated until it fills one."""


def seconds(blocks: Iterable[np.ndarray], rate_hz: int) -> Iterator[np.ndarray]:
    """Cut a stream into windows of one second.

    The last window ends with the stream, so it overlaps the one before where the length is not a
    whole number of seconds. A stream of less than a second is repeated until it fills one.

    Args:
        blocks: samples at `rate_hz`, one block after another, not empty together.

    Yields:
        Arrays of shape (rate_hz,).
    """
    window, waiting = np.empty(0, np.float32), np.empty(0, np.float32)
    for block in blocks:
        waiting = np.concatenate([waiting, block]) if len(waiting) else block
        while len(waiting) >= rate_hz:
            window, waiting = waiting[:rate_hz], waiting[rate_hz:]
            yield window
    if not len(window):
        yield np.resize(waiting, rate_hz)
    elif len(waiting):
        yield np.concatenate([window, waiting])[-rate_hz:]
