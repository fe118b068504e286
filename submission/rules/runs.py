"""The rules for the runs that a package is made from, and for agreeing with them (S4xx)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baseline.challenge import SPLITS
from baseline.run import Run
from deploy.errors import InputError
from submission.label import INDICES, csv_name, metadata_name
from submission.metadata import complexity_values, split_results
from submission.metadata_model import split_key
from submission.rules.external_data import check_external
from submission.rules.faults import Fault, examples
from submission.rules.metadata import (
    ACCURACY_TOLERANCE,
    COMPLEXITY,
    RESULTS,
    number_at,
)
from submission.safe_yaml import Document, KeyPath
from submission.systems import group_systems

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
    """Check that runs make up systems: each with a run a split, alike, evaluated and predicted."""
    systems = group_systems(runs)
    faults = list(_check_count(systems))
    for system in systems or [[]]:
        faults += [*_check_splits(system), *_check_alike(system), *_check_stages(system)]
    return faults


def compare_with_runs(systems: Sequence[PackagedSystem], runs: Sequence[Run]) -> list[Fault]:
    """Check that a package says what the runs say.

    Runs of one recipe are compared with the system that agrees with them best.
    """
    if not systems:
        return []
    faults: list[Fault] = []
    for group in group_systems(runs):
        faults += _check_repeated_splits(group)
        predicted = {run.folder: _predictions_digest(run) for run in group}
        comparisons = [list(_compare(system, group, predicted)) for system in systems]
        nearest: list[Fault] = min(comparisons, key=len)
        faults += nearest
    return faults


def _check_count(systems: Sequence[Sequence[Run]]) -> Iterator[Fault]:
    if len(systems) > len(INDICES):
        names = examples([system[0].recipe.name for system in systems], show=len(systems))
        message = f"found {len(systems)} recipes ({names}), expected at most {len(INDICES)}."
        yield Fault("S103", "runs", message)


def _check_splits(runs: Sequence[Run]) -> Iterator[Fault]:
    splits = [run.split for run in runs]
    name = f"runs of {runs[0].recipe.name}" if runs else "runs"
    for split in SPLITS:
        if split not in splits:
            yield Fault("S401", name, f"found none of split {split}, expected one a split.")
    yield from _check_repeated_splits(runs)


def _check_repeated_splits(runs: Sequence[Run]) -> Iterator[Fault]:
    first: dict[int, Run] = {}
    for run in runs:
        if run.split in first:
            message = f"is of split {run.split} as {first[run.split].folder}, expected one run."
            yield Fault("S402", str(run.folder), message)
        first.setdefault(run.split, run)


def _check_alike(runs: Sequence[Run]) -> Iterator[Fault]:
    for run in runs[1:]:
        if run.recipe != runs[0].recipe:
            message = f"has another recipe than {runs[0].folder}, expected one for all splits."
            yield Fault("S403", str(run.folder), message)
        if run.record["data"] != runs[0].record["data"]:
            found = f"was trained on {run.record['data']}, {runs[0].folder} on"
            message = f"{found} {runs[0].record['data']}, expected one dataset."
            yield Fault("S409", str(run.folder), message)


def _check_stages(runs: Sequence[Run]) -> Iterator[Fault]:
    stages: dict[str, Callable[[Run], object]] = {
        "S404": _require_predictions,
        "S405": split_results,
        "S406": complexity_values,
        "S407": _require_current_evaluation,
        "S408": _require_current_predictions,
    }
    for run in runs:
        for code, require in stages.items():
            try:
                require(run)
            except InputError as error:
                yield Fault(code, str(run.folder), str(error))


def _require_current_evaluation(run: Run) -> None:
    system = run.recipe.submitted_system
    path = run.evaluation_file(system)
    if path.is_file() and not run.is_current(path, system):
        raise InputError(
            f"{path} is of another model than {run.source_file(system).name} is now; run: "
            f"tinyscene evaluate {run.folder}"
        )


def _require_current_predictions(run: Run) -> None:
    system = run.recipe.submitted_system
    path, record = run.predictions_file(system), run.predictions_record_file(system)
    if path.is_file() and not run.is_current(record if record.is_file() else path, system):
        raise InputError(
            f"{path} is of another model than {run.source_file(system).name} is now; run: "
            f"tinyscene predict {run.folder} --audio EVALUATION_AUDIO"
        )


def _require_predictions(run: Run) -> None:
    path = run.predictions_file(run.recipe.submitted_system)
    if not path.is_file():
        raise InputError(
            f"{path} is missing; run: tinyscene predict {run.folder} --audio EVALUATION_AUDIO"
        )


def _predictions_digest(run: Run) -> str | None:
    path = run.predictions_file(run.recipe.submitted_system)
    return digest(path.read_bytes()) if path.is_file() else None


def _compare(
    system: PackagedSystem, runs: Sequence[Run], predicted: dict[Path, str | None]
) -> Iterator[Fault]:
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
        yield from _compare_predictions(system, run, predicted[run.folder])
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


def _compare_predictions(
    system: PackagedSystem, run: Run, predicted: str | None
) -> Iterator[Fault]:
    found = system.digests.get(run.split)
    if found is not None and predicted is not None and found != predicted:
        path = run.predictions_file(run.recipe.submitted_system)
        file = f"{system.folder}/{csv_name(system.label, run.split)}"
        yield Fault("S413", file, f"found other predictions than {path}, expected the same.")
