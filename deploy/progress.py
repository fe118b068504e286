"""How far a long work is, on a terminal and only there."""

from __future__ import annotations

import time
from typing import TextIO

REDRAW_SECONDS = 0.1


class Progress:
    """A line on standard error with count, speed and time left, wiped before other output."""

    def __init__(self, total: int, unit: str, out: TextIO) -> None:
        self._total, self._unit, self._out = total, unit, out
        self._show = out.isatty() and total > 1
        self._started = self._drawn = time.monotonic()
        self._done = 0

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if self._show and now - self._drawn >= REDRAW_SECONDS:
            self._drawn = now
            speed = self._done / (now - self._started)
            left = (self._total - self._done) / speed
            self._out.write(
                f"\r{self._done:,} of {self._total:,} {self._unit}, {speed:,.0f} a second, "
                f"{left:.0f} s left\x1b[K"
            )
            self._out.flush()

    def wipe(self) -> None:
        """Remove the line, so that something else can be printed."""
        if self._show:
            self._out.write("\r\x1b[K")
            self._out.flush()
