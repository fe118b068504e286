"""What the files of verbs share: exit codes, how a verb is added, what reads an option."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

WITHIN, OVER, BAD_INPUT, STOPPED = 0, 1, 2, 130
"""Exit codes."""

MAX_SEED = 2**32 - 1
MAX_WORKERS = 256

Verb = Callable[[argparse.Namespace], int | None]


class Parser(argparse.ArgumentParser):
    """A parser that refuses with one sentence, like everything else behind this door."""

    def error(self, message: str) -> NoReturn:
        self.exit(fail(f"{message}; see: {self.prog} --help", BAD_INPUT))


Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"
"""What `add_subparsers` returns."""


def fail(message: str, code: int) -> int:
    """Say why on standard error; returns the exit code."""
    print(f"tinyscene: {message}", file=sys.stderr)
    return code


def say(message: str) -> None:
    """Print a line at once, also into a pipe."""
    print(message, flush=True)


def add_verb(
    verbs: Verbs, name: str, function: Verb, summary: str, example: str
) -> argparse.ArgumentParser:
    """Add a verb that calls a function.

    Args:
        summary: what it does, without capital and full stop.
        example: what may follow the verb.
    """
    sentence = f"{summary[0].upper()}{summary[1:]}."  # capitalize() would write "c" for "C"
    parser = verbs.add_parser(name, help=summary, description=sentence)
    parser.epilog = f"example: {parser.prog} {example}".rstrip()
    parser.set_defaults(verb=function, shared_by_processes=False)
    return parser


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """What reads a whole number in a range, both ends included."""

    def read(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            found = lowest - 1
        if not lowest <= found <= highest:
            raise argparse.ArgumentTypeError(
                f"found '{text}', expected a whole number from {lowest} to {highest}"
            )
        return found

    return read


def number(lowest: float, highest: float) -> Callable[[str], float]:
    """What reads a number in a range, both ends included."""

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not lowest <= found <= highest:
            raise argparse.ArgumentTypeError(
                f"found '{text}', expected a number from {lowest:g} to {highest:g}"
            )
        return found

    return read


def listed(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """What reads words between commas, each once."""
    return lambda text: list(dict.fromkeys(read(word) for word in text.split(",")))
