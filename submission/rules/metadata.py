"""The rules for meta.yaml (S3xx)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from baseline.challenge import DEFAULT_YEAR, SCENES, SPLITS, YEARS, Year
from baseline.recipe import Precision
from submission.metadata_model import MODELS, Score, split_key
from submission.rules.faults import Fault
from submission.safe_yaml import Document, KeyPath, read_yaml
from submission.schema import Problem, problems

ACCURACY_TOLERANCE = 0.1
"""Percentage points by which rounded accuracies may disagree."""

BITS = sorted(int(re.sub(r"\D", "", precision)) for precision in get_args(Precision))
"""Bits of a parameter; a precision's name ends in them."""

COMPLEXITY: KeyPath = ("system", "complexity")
RESULTS: KeyPath = ("results", "development_dataset")

Finding = tuple[str, KeyPath, str]
"""Code, key and sentence."""


def check_metadata(
    data: bytes, label: str, file: str, year: int = DEFAULT_YEAR
) -> tuple[list[Fault], Document]:
    """Check a meta.yaml.

    Args:
        data: the whole file.
        label: name of the folder it is in.
        file: its name, for the faults.

    Returns:
        The faults, and what the file says.
    """
    document = read_yaml(data)
    faults = [Fault(flaw.code, file, flaw.message, flaw.line) for flaw in document.flaws]
    if document.values is None:
        return faults, document
    findings = [
        *((problem.code, problem.path, problem.message) for problem in _problems(document, year)),
        *_check_label(document.values, label),
        *_check_complexity(document.values, YEARS[year]),
        *_check_results(document.values),
    ]
    faults += [Fault(code, file, text, document.line(path)) for code, path, text in findings]
    return faults, document


def value_at(values: Any, path: KeyPath) -> Any:
    """The value at a path, or None where there is none."""
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def number_at(values: Any, path: KeyPath) -> float | None:
    """The number at a path, or None where there is none."""
    value = value_at(values, path)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None


def _problems(document: Document, year: int) -> list[Problem]:
    return problems(MODELS[year], document.values)


def _check_label(values: Any, label: str) -> Iterator[Finding]:
    path = ("submission", "label")
    found = value_at(values, path)
    if isinstance(found, str) and found != label:
        message = f"key 'submission.label': found '{found[:60]}', expected the folder's '{label}'."
        yield "S309", path, message


def _check_complexity(values: Any, year: Year) -> Iterator[Finding]:
    size, parameters, macs = (
        number_at(values, (*COMPLEXITY, key))
        for key in ("total_model_size", "total_parameters", "macs")
    )
    if macs is not None and macs > year.max_macs:
        message = f"found {macs:,} MACs, expected at most {year.max_macs:,}."
        yield "S312", (*COMPLEXITY, "macs"), message
    if size is None:
        return
    path = (*COMPLEXITY, "total_model_size")
    if size > year.max_model_bytes:
        yield "S313", path, f"found {size:,} bytes, expected at most {year.max_model_bytes:,}."
    if parameters is not None:
        yield from _check_size(size, parameters, path, year)


def _check_size(size: float, parameters: float, path: KeyPath, year: Year) -> Iterator[Finding]:
    found = f"found {size:,} bytes for {parameters:,} parameters"
    if year.size == "precision" and 8 * size not in [parameters * bits for bits in BITS]:
        expected = " or ".join(str(bits) for bits in BITS)
        yield "S314", path, f"{found}, expected {expected} bits each."
    fewest, most = BITS[0], BITS[-1]
    if year.size == "dtype" and not fewest * parameters <= 8 * size <= most * parameters:
        yield "S318", path, f"{found}, expected {fewest} to {most} bits each."


def _check_results(values: Any) -> Iterator[Finding]:
    for split in SPLITS:
        path = (*RESULTS, split_key(split))
        yield from _check_unknown(values, path)
        overall = number_at(values, (*path, "overall", "accuracy"))
        if overall is None:
            continue
        if 0 < overall <= 1:
            message = f"split {split}: found the accuracy {overall:g}, expected percent."
            yield "S317", (*path, "overall", "accuracy"), message
        yield from _check_mean(values, path, overall)


def _check_mean(values: Any, path: KeyPath, overall: float) -> Iterator[Finding]:
    scenes = [number_at(values, (*path, "class_wise", scene, "accuracy")) for scene in SCENES]
    known = [accuracy for accuracy in scenes if accuracy is not None]
    if not known:
        return
    mean = sum(known) / len(known)
    # Not finite values are a fault of their own.
    if abs(mean - overall) > ACCURACY_TOLERANCE + 1e-9:
        yield (
            "S315",
            (*path, "overall", "accuracy"),
            f"{path[-1]}: found the overall accuracy {overall:g}, expected {mean:.2f}, "
            "the mean of the class-wise ones.",
        )


def _check_unknown(values: Any, path: KeyPath) -> Iterator[Finding]:
    unknown = [
        ".".join((*inner, key))
        for inner, score in _scores(value_at(values, path))
        for key in Score.model_fields
        if key in score and score[key] is None
    ]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        message = f"{path[-1]}: found null for {unknown[0]}{more}, expected results where known."
        yield "S316", path, message


def _scores(results: Any) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """The scores of a split with their paths inside it."""
    if not isinstance(results, dict):
        return
    overall = results.get("overall")
    if isinstance(overall, dict):
        yield ("overall",), overall
    for group in ("class_wise", "device_wise"):
        rows = results.get(group)
        if isinstance(rows, dict):
            yield from (((group, str(k)), row) for k, row in rows.items() if isinstance(row, dict))
