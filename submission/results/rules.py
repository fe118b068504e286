"""Which runs may be averaged: one recipe a name, one run a cell, the same data for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deploy.errors import InputError
from deploy.files import file_digest
from submission.results.scored_runs import Result


def require_comparable(folder: Path, results: Sequence[Result]) -> None:
    """Refuse runs whose mean or difference would mean nothing.

    Raises:
        InputError: two recipes of one name, two runs of one recipe, split and seed, or runs on
            different data: another folder, other counts of test clips, or other training clips
            in a split.
    """
    for one, other in _alike(results, lambda result: result.recipe.name):
        if one.recipe != other.recipe:
            raise InputError(
                f"{folder}: {one.name} and {other.name} are of different recipes named "
                f"'{one.recipe.name}' (see their {_first_difference(one, other)}), expected one; "
                "train one of them under its own name (--set name=NAME) or keep them in different "
                "folders."
            )
    for one, other in _alike(results, _cell):
        raise InputError(
            f"{folder}: {one.name} and {other.name} are both recipe {one.recipe.name}, split "
            f"{one.split} %, seed {one.seed}, expected one run of each; move one of them away."
        )
    _require_same_data(folder, results)


def _require_same_data(folder: Path, results: Sequence[Result]) -> None:
    apart = "keep the runs on each in a folder of their own."
    for one, other in _alike(results, lambda _: None):
        if one.data != other.data:
            raise InputError(
                f"{folder}: {one.name} is of the data in {one.data}, {other.name} of {other.data}, "
                f"expected one dataset; {apart}"
            )
        if one.scores.counts != other.scores.counts:
            raise InputError(
                f"{folder}: {one.name} and {other.name} were scored on different test clips "
                f"({one.scores.clips:,} and {other.scores.clips:,}), expected the same; evaluate "
                "both again."
            )
    for one, other in _alike(results, lambda result: result.split):
        if _training_list(one) != _training_list(other):
            raise InputError(
                f"{folder}: {one.name} and {other.name} learnt from different lists of clips "
                f"called split {one.split} %, expected the same; {apart}"
            )


def _alike(
    results: Sequence[Result], key: Callable[[Result], object]
) -> Iterator[tuple[Result, Result]]:
    """Each result that has an earlier one's key, after the first that has it."""
    first: dict[object, Result] = {}
    for result in results:
        if (earlier := first.setdefault(key(result), result)) is not result:
            yield earlier, result


def _cell(result: Result) -> tuple[str, int, int]:
    return result.recipe.name, result.split, result.seed


def _training_list(result: Result) -> str | None:
    path = result.run.training_list_file
    return file_digest(path) if path.is_file() else None


def _first_difference(one: Result, other: Result) -> str:
    """Dotted key of the first setting in which two recipes differ."""
    ours, theirs = _flat(one.recipe.model_dump()), _flat(other.recipe.model_dump())
    return next(key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key))


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{key}.")
        else:
            flat[before + key] = value
    return flat
