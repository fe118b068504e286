"""Places in one arena for buffers that are not all needed at the same time."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)

ALIGNMENT = 8
"""Bytes that each buffer starts at a multiple of."""


def place(sizes: Mapping[Key, int], alive: Mapping[Key, np.ndarray]) -> tuple[dict[Key, int], int]:
    """First byte of each buffer, and the bytes of the arena.

    The largest buffer is placed first, each at the lowest place where none lies that is needed at
    a time when it is.

    Args:
        sizes: bytes of each buffer.
        alive: bool (times,) of each buffer, when it is needed.
    """
    offsets: dict[Key, int] = {}
    for key in sorted(sizes, key=lambda key: -sizes[key]):
        taken = [
            (offsets[other], offsets[other] + sizes[other])
            for other in offsets
            if (alive[key] & alive[other]).any()
        ]
        offsets[key] = _lowest_gap(sorted(taken), sizes[key])
    return offsets, max((offsets[key] + _aligned(sizes[key]) for key in sizes), default=0)


def _lowest_gap(taken: list[tuple[int, int]], size: int) -> int:
    offset = 0
    for start, end in taken:
        if start - offset >= size:
            break
        offset = max(offset, _aligned(end))
    return offset


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
