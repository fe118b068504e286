"""The rules for the runs that a package is made from, and for agreeing with them (S4xx)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from baseline.challenge import SPLITS
from baseline.run import Run
from deploy.errors import InputError
from submission.faults import Fault
from submission.label import csv_name, metadata_name
from submission.metadata import complexity_values, split_results
from submission.metadata_model import split_key
from submission.rules_external import check_external
from submission.rules_metadata import (
    ACCURACY_TOLERANCE,
    COMPLEXITY,
    RESULTS,
    number_at,
)
from submission.safe_yaml import Document, KeyPath

LOG_LOSS_TOLERANCE = 0.01
"""Nats by which a rounded log loss may differ from the run's."""

TOLERANCES = {"accuracy": ACCURACY_TOLERANCE, "logloss": LOG_LOSS_TOLERANCE}
"""By which a value of that key may differ; any other must be the same."""


@dataclass(frozen=True)
class PackagedSystem:
    """What a package says about a system."""

    label: str
    folder: str
    document: Document
    digests: dict[int, str]
    """Split to digest of its CSV, for those that could be read."""


def digest(data: bytes) -> str:
    """Digest of an output CSV, the same with LF and CRLF."""
    return hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest()


def check_runs(runs: Sequence[Run]) -> list[Fault]:
    """Check that runs make up a system: one for each split, alike, evaluated and predicted."""
    return [*_check_splits(runs), *_check_alike(runs), *_check_stages(runs)]


def compare_with_runs(systems: Sequence[PackagedSystem], runs: Sequence[Run]) -> list[Fault]:
    """Check that a package says what the runs say.

    Runs of one recipe are compared with the system that agrees with them best.
    """
    if not systems:
        return []
    faults = list(_check_repeated_splits(runs))
    for group in _by_recipe(runs):
        comparisons = [list(_compare(system, group)) for system in systems]
        nearest = min(comparisons, key=len)
        faults += nearest
    return faults


def _check_splits(runs: Sequence[Run]) -> Iterator[Fault]:
    splits = [run.split for run in runs]
    for split in SPLITS:
        if split not in splits:
            yield Fault("S401", "runs", f"found none of split {split}, expected one a split.")
    yield from _check_repeated_splits(runs)


def _check_repeated_splits(runs: Sequence[Run]) -> Iterator[Fault]:
    for group in _by_recipe(runs):
        first: dict[int, Run] = {}
        for run in group:
            if run.split in first:
                message = f"is of split {run.split} as {first[run.split].folder}, expected one run."
                yield Fault("S402", str(run.folder), message)
            first.setdefault(run.split, run)


def _check_alike(runs: Sequence[Run]) -> Iterator[Fault]:
    first = runs[0] if runs else None
    for run in runs[1:]:
        if first is not None and run.recipe != first.recipe:
            message = f"has another recipe than {first.folder}, expected one for all splits."
            yield Fault("S403", str(run.folder), message)


def _check_stages(runs: Sequence[Run]) -> Iterator[Fault]:
    stages: dict[str, Callable[[Run], object]] = {
        "S404": _require_predictions,
        "S405": split_results,
        "S406": complexity_values,
    }
    for run in runs:
        for code, require in stages.items():
            try:
                require(run)
            except InputError as error:
                yield Fault(code, str(run.folder), str(error))


def _require_predictions(run: Run) -> None:
    path = run.predictions_file(run.recipe.submitted_system)
    if not path.is_file():
        raise InputError(
            f"{path} is missing; run: tinyscene predict {run.folder} --audio EVALUATION_AUDIO"
        )


def _by_recipe(runs: Sequence[Run]) -> list[list[Run]]:
    groups: list[list[Run]] = []
    for run in runs:
        alike = next((group for group in groups if group[0].recipe == run.recipe), None)
        if alike is None:
            groups.append([run])
        else:
            alike.append(run)
    return groups


def _compare(system: PackagedSystem, runs: Sequence[Run]) -> Iterator[Fault]:
    for run in runs:
        results = (*RESULTS, split_key(run.split))
        for code, path, read in (
            ("S411", COMPLEXITY, complexity_values),
            ("S412", results, split_results),
        ):
            try:
                expected = read(run)
            except InputError as error:
                yield Fault("S405" if code == "S412" else "S406", str(run.folder), str(error))
                continue
            yield from _compare_values(system, run, code, path, expected)
        yield from _compare_predictions(system, run)
        file = f"{system.folder}/{metadata_name(system.label)}"
        yield from check_external(system.document, run, file)


def _compare_values(
    system: PackagedSystem, run: Run, code: str, path: KeyPath, expected: dict[str, Any]
) -> Iterator[Fault]:
    different = [
        (inner, value)
        for inner, value in _leaves(expected)
        if not _agrees(number_at(system.document.values, (*path, *inner)), value, inner[-1])
    ]
    if not different:
        return
    inner, value = different[0]
    key = (*path, *inner)
    found = number_at(system.document.values, key)
    more = f" and {len(different) - 1} more" if len(different) > 1 else ""
    message = f"key '{'.'.join(key)}'{more}: found {found}, expected {value} as in {run.folder}."
    file = f"{system.folder}/{metadata_name(system.label)}"
    yield Fault(code, file, message, system.document.line(key))


def _leaves(values: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if not isinstance(values, dict):
        yield path, values
        return
    for key, value in values.items():
        yield from _leaves(value, (*path, key))


def _agrees(found: float | None, expected: float | None, key: str) -> bool:
    if found is None or expected is None:
        return found is expected
    return abs(found - expected) <= TOLERANCES.get(key, 0) + 1e-9


def _compare_predictions(system: PackagedSystem, run: Run) -> Iterator[Fault]:
    path = run.predictions_file(run.recipe.submitted_system)
    found = system.digests.get(run.split)
    if found is not None and path.is_file() and found != digest(path.read_bytes()):
        file = f"{system.folder}/{csv_name(system.label, run.split)}"
        yield Fault("S413", file, f"found other predictions than {path}, expected the same.")
