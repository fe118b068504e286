"""The rules for labels and for which files there are (S1xx)."""

from __future__ import annotations

from collections.abc import Iterator

from baseline.challenge import DEFAULT_YEAR, YEARS
from deploy.errors import InputError
from submission.archive import Contents, printable
from submission.label import INDICES, TASK, csv_names, label_problems, metadata_name
from submission.rules.faults import Fault

REPORT_SUFFIX = ".pdf"
PDF_START = b"%PDF-"


def system_labels(contents: Contents) -> list[str]:
    """Names of the system folders, in alphabetical order."""
    parts = [name.split("/") for name in (*contents.files, *contents.folders)]
    return sorted({part[1] for part in parts if len(part) > 2 and part[0] == TASK and part[1]})


def check_layout(contents: Contents, year: int = DEFAULT_YEAR) -> list[Fault]:
    """Check which folders and files there are; reads nothing."""
    labels = system_labels(contents)
    return [
        *_check_top(contents),
        *_check_systems(labels),
        *(fault for label in labels for fault in _check_system(contents, label, year)),
        *_check_others(contents, labels, year),
    ]


def check_reports(contents: Contents) -> Iterator[Fault]:
    """Check that there is a report and that it is a PDF."""
    reports = [name for name in contents.files if name.lower().endswith(REPORT_SUFFIX)]
    if not reports:
        yield Fault("S112", TASK, f"found no {REPORT_SUFFIX} file, expected a technical report.")
    for name in reports:
        try:
            start = contents.read(name, len(PDF_START))
        except InputError as error:
            yield Fault("S001", printable(name), str(error))
            continue
        if start != PDF_START:
            yield Fault("S113", printable(name), f"starts with {start!r}, expected a PDF file.")


def _check_top(contents: Contents) -> Iterator[Fault]:
    for name in (*contents.files, *contents.folders):
        is_report = "/" not in name and name.lower().endswith(REPORT_SUFFIX)
        if name.split("/")[0] != TASK and not is_report:
            yield Fault("S101", printable(name), f"is outside of {TASK}/, expected it inside.")


def _check_systems(labels: list[str]) -> Iterator[Fault]:
    if not labels:
        yield Fault("S102", TASK, "found no system folder, expected one named as its label.")
    if len(labels) > len(INDICES):
        message = f"found {len(labels)} system folders, expected at most {len(INDICES)}."
        yield Fault("S103", TASK, message)


def _check_system(contents: Contents, label: str, year: int) -> Iterator[Fault]:
    folder = f"{TASK}/{label}"
    for code, message in label_problems(label):
        yield Fault(code, printable(folder), message)
    for name in csv_names(label, year).values():
        if f"{folder}/{name}" not in contents.files:
            yield Fault("S108", printable(f"{folder}/{name}"), "is missing, expected a CSV.")
    name = f"{folder}/{metadata_name(label)}"
    if name not in contents.files:
        yield Fault("S109", printable(name), "is missing, expected the system's metadata.")


def _check_others(contents: Contents, labels: list[str], year: int) -> Iterator[Fault]:
    expected = {
        f"{TASK}/{label}/{name}"
        for label in labels
        for name in (*csv_names(label, year).values(), metadata_name(label))
    }
    for name in contents.files:
        if name in expected or name.lower().endswith(REPORT_SUFFIX) or name.split("/")[0] != TASK:
            continue
        if name.lower().endswith((".csv", ".yaml", ".yml")):
            pattern = YEARS[year].output_csv.format(label="<label>", split="<n>")
            message = f"is not a name that the label asks for, expected {pattern}"
            yield Fault("S110", printable(name), f"{message} or <label>.meta.yaml.")
        else:
            yield Fault("S111", printable(name), "is not asked for, expected CSVs and meta.yaml.")
