"""Keeping the converters' own output out of the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STDOUT, STDERR = 1, 2


@contextmanager
def output_to(log: Path) -> Iterator[None]:
    """Append what is written to standard output and error to a file instead.

    The converters print from C++ as well, so the file descriptors are redirected.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(STDOUT), os.dup(STDERR)
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), STDOUT)
            os.dup2(file.fileno(), STDERR)
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, target in zip(saved, (STDOUT, STDERR), strict=True):
            os.dup2(descriptor, target)
            os.close(descriptor)
