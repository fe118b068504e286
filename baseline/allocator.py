"""An allocator setting that makes training on a CPU several times faster."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
TOP_PAD_BYTES = 256 * 2**20


def keep_memory() -> bool:
    """Tell glibc to keep freed memory instead of returning it to the system at every step.

    torch's large temporaries are otherwise mapped and unmapped again and again, and most of the
    time goes into page faults. Call it before torch allocates.

    Returns:
        Whether it took effect: only with glibc, that is on most Linux systems.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, TOP_PAD_BYTES))
    return all(mallopt(option, value) == 1 for option, value in settings)
