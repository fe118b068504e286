"""Everything that is wrong with a submission package, at once.

Stricter than the organisers' validator: all splits, all nested results, every probability and
every name; see `submission.rules.catalogue.RULES` for the rules and their codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from baseline.challenge import DEFAULT_YEAR
from baseline.run import Run
from deploy.errors import InputError
from submission.archive import Contents, open_contents, printable
from submission.label import TASK, csv_names, metadata_name
from submission.predictions import evaluation_names
from submission.rules.catalogue import rules_of
from submission.rules.csv_files import check_csv
from submission.rules.data import check_data
from submission.rules.device_models import check_device_models
from submission.rules.faults import Fault, format_faults, is_valid
from submission.rules.layout import check_layout, check_reports, system_labels
from submission.rules.metadata import check_metadata
from submission.rules.runs import PackagedSystem, compare_with_runs, digest
from submission.safe_yaml import Document

__all__ = ["Fault", "format_faults", "is_valid", "validate"]


def validate(
    path: Path,
    *,
    evaluation_list: Path | None = None,
    runs: Sequence[Run] = (),
    year: int = DEFAULT_YEAR,
) -> list[Fault]:
    """Find all faults of a package.

    Args:
        path: zip file; or a folder, which is `task1` itself or holds it.
        evaluation_list: names of the evaluation files; by default those of the official set.
        runs: what the package must agree with, and whose data is checked; any number of them.
        year: whose rules hold, one of `baseline.challenge.YEARS`.

    Returns:
        Faults and warnings, container first; `is_valid` tells whether there are only warnings.

    Raises:
        InputError: no such package, or an evaluation list or run that cannot be read.
    """
    in_force = rules_of(year)
    return [fault for fault in _faults(path, evaluation_list, runs, year) if fault.code in in_force]


def _faults(
    path: Path, evaluation_list: Path | None, runs: Sequence[Run], year: int
) -> list[Fault]:
    """Faults by the rules of all years."""
    expected = pd.Index(evaluation_names(evaluation_list, year))
    with open_contents(path) as contents:
        if contents.faults:  # nothing inside may be read
            return list(contents.faults)
        faults = [*check_layout(contents, year), *check_reports(contents)]
        systems = []
        for label in system_labels(contents):
            system_faults, system = _check_system(contents, label, expected, year)
            faults += system_faults
            systems.append(system)
    return [
        *faults,
        *compare_with_runs(systems, runs),
        *check_device_models(runs, year),
        *check_data(runs),
    ]


def _check_system(
    contents: Contents, label: str, expected: pd.Index, year: int
) -> tuple[list[Fault], PackagedSystem]:
    folder = f"{TASK}/{label}"
    faults: list[Fault] = []
    document = Document(None)
    name = f"{folder}/{metadata_name(label)}"
    data = _read(contents, name, faults)
    if data is not None:
        found, document = check_metadata(data, label, printable(name), year)
        faults += found
    digests = {}
    names = csv_names(label, year)
    for split, file in names.items():
        name = f"{folder}/{file}"
        data = _read(contents, name, faults)
        if data is not None:
            faults += check_csv(data, expected, printable(name))
            digests[split] = digest(data)
    faults += _check_different(digests, folder, names)
    return faults, PackagedSystem(label, printable(folder), document, digests)


def _read(contents: Contents, name: str, faults: list[Fault]) -> bytes | None:
    """A file, or None with a fault added; the layout's rules tell where there is none at all."""
    if name not in contents.files:
        return None
    try:
        return contents.read(name)
    except InputError as error:
        faults.append(Fault("S001", printable(name), str(error)))
        return None


def _check_different(
    digests: dict[int, str], folder: str, names: dict[int, str]
) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for split, value in digests.items():
        if first.setdefault(value, split) != split:
            name = printable(f"{folder}/{names[split]}")
            message = f"is the same as that of split {first[value]}, expected other predictions."
            yield Fault("S217", name, message)
