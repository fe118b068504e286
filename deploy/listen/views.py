"""Showing answers as they come: a view that is drawn over on a terminal, or JSON Lines."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from typing import Protocol, TextIO

from deploy.listen.listener import LOWEST_DBFS, Answer

BAR_CELLS = 30
FULL, EIGHTHS = "█", " ▏▎▍▌▋▊▉"
PERCENT_CELLS = len("  100.0%  ")
CLEAR_LINE, CLEAR_BELOW = "\x1b[K", "\x1b[J"
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"


class View(Protocol):
    """What shows answers."""

    def show(self, answer: Answer, overruns: int) -> None: ...


class JsonLines:
    """One JSON object a line and answer, written at once."""

    def __init__(self, out: TextIO, labels: Sequence[str]) -> None:
        self._out, self._labels = out, labels

    def show(self, answer: Answer, overruns: int) -> None:
        best = int(answer.probabilities.argmax())
        line = {
            "time_s": round(answer.time_s, 6),
            "scene": self._labels[best],
            "probability": round(float(answer.probabilities[best]), 6),
            "level_dbfs": round(answer.level_dbfs, 2),
            "clipped": round(answer.clipped, 6),
            "overruns": overruns,
            "probabilities": {
                label: round(float(probability), 6)
                for label, probability in zip(self._labels, answer.probabilities, strict=True)
            },
        }
        self._out.write(json.dumps(line, allow_nan=False) + "\n")
        self._out.flush()


class LiveView:
    """A bar for each scene on a terminal, drawn over at each answer."""

    def __init__(
        self,
        out: TextIO,
        labels: Sequence[str],
        size: Callable[[], os.terminal_size] = shutil.get_terminal_size,
    ) -> None:
        """Draw on `out`, whose size is asked for at each answer: people resize windows."""
        self._out, self._labels, self._size = out, labels, size
        self._label_cells = max(map(len, labels))
        self._drawn = 0
        self._bar = bar if _can_show(out, FULL + EIGHTHS) else plain_bar

    def show(self, answer: Answer, overruns: int) -> None:
        back = f"\x1b[{self._drawn}A" if self._drawn else ""
        lines = self.lines(answer, overruns)
        self._out.write(back + "".join(f"\r{line}{CLEAR_LINE}\n" for line in lines))
        self._out.write(CLEAR_BELOW)
        self._out.flush()
        self._drawn = len(lines)

    def lines(self, answer: Answer, overruns: int) -> list[str]:
        """A line for each scene, or the likeliest where there is no room, and one with the level.

        No line is wider than the terminal: a wrapped one could not be drawn over.
        """
        columns, rows = self._size()
        widest = max(1, columns - 1)
        cells = min(BAR_CELLS, max(0, widest - self._label_cells - PERCENT_CELLS))
        likeliest = answer.probabilities.argsort()[::-1]
        shown = sorted(likeliest[: max(1, rows - 2)])
        lines = [self._line(index, answer.probabilities[index], cells)[:widest] for index in shown]
        best = shown.index(likeliest[0])
        lines[best] = f"{BOLD}{lines[best]}{PLAIN}"
        condition = f"{answer.time_s:.2f} s  {_condition(answer)}  {overruns} overruns"
        return [*lines, condition[:widest]]

    def _line(self, index: int, probability: float, cells: int) -> str:
        label = f"{self._labels[index]:<{self._label_cells}}"
        return f"{label}  {probability:5.1%}  {self._bar(probability, cells)}"


def bar(share: float, cells: int = BAR_CELLS) -> str:
    """A bar of at most so many cells for a share from 0 to 1, exact to an eighth of a cell."""
    whole, eighths = divmod(round(share * cells * 8), 8)
    return FULL * whole + (EIGHTHS[eighths] if eighths else "")


def plain_bar(share: float, cells: int = BAR_CELLS) -> str:
    """The same in whole cells, for terminals that know ASCII alone."""
    return "#" * round(share * cells)


def _can_show(out: TextIO, text: str) -> bool:
    try:
        text.encode(out.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _condition(answer: Answer) -> str:
    if answer.level_dbfs <= LOWEST_DBFS:
        return "silent: is the microphone on?"
    clipped = f", {answer.clipped:.0%} clipped" if answer.clipped >= 0.005 else ""
    return f"{answer.level_dbfs:.0f} dBFS{clipped}"
