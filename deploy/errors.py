"""The one exception for wrong input, and how its sentences end."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """What the user gave cannot be used.

    The message is one sentence: what is wrong, where, what was found, what was expected and what
    to do. The command line prints it and exits with code 2.
    """


def suggestion(word: str, valid: Iterable[str]) -> str:
    """The end of a sentence: the nearest of the valid words, or a full stop if there is none."""
    nearest = difflib.get_close_matches(word, list(valid), n=1, cutoff=0)
    return f"; did you mean '{nearest[0]}'?" if nearest else "."
