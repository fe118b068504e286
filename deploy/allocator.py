"""An allocator setting that makes training on a CPU several times faster, and reading twice."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
TRAINING_BYTES, RUN_TIME_BYTES = 256 * 2**20, 8 * 2**20
"""Address space, not memory, that the process asks for at a time."""


def keep_memory(at_a_time: int = TRAINING_BYTES) -> bool:
    """Tell glibc to keep freed memory instead of returning it to the system at every step.

    Large temporaries, torch's and numpy's, are otherwise mapped and unmapped again and again, and
    the time goes into page faults. Call it before they are allocated.

    Returns:
        Whether it took effect: only with glibc, that is on most Linux systems.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, at_a_time))
    return all(mallopt(option, value) == 1 for option, value in settings)
