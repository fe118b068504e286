"""The rules for output CSVs (S2xx).

Lines are cut in numpy and cells are parsed by pandas, so that a full-size file takes half a
second; every rule looks at all rows at once and reports the first ones that break it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from baseline.challenge import SCENES
from deploy.errors import suggestion
from submission.predictions import (
    AUDIO_FOLDER,
    COLUMNS,
    SEPARATOR,
    SUM_TOLERANCE,
    is_numeric,
    parse_table,
)
from submission.rules.faults import Fault, examples

BOM = b"\xef\xbb\xbf"
LF, CR, TAB = b"\n\r\t"
FLOAT_ERROR = 1e-9
"""Sums of ten parsed numbers are exact to well below this."""


@dataclass(frozen=True)
class _Table:
    """The lines of a CSV that have all their fields."""

    rows: pd.DataFrame
    lines: np.ndarray
    """Line number of each row."""
    file: str

    def faults(self, code: str, broken: np.ndarray, found: str, expected: str) -> Iterator[Fault]:
        """One fault for all rows where `broken` is true."""
        lines = self.lines[broken]
        if len(lines):
            more = f" (as on {_more_lines(lines[1:])})" if len(lines) > 1 else ""
            yield Fault(
                code, self.file, f"found {found}, expected {expected}{more}.", int(lines[0])
            )


def check_csv(data: bytes, expected: pd.Index, file: str) -> list[Fault]:
    """Check an output CSV.

    Args:
        data: the whole file.
        expected: names of the evaluation files.
        file: its name, for the faults.
    """
    faults = list(_check_bytes(data, file))
    if any(fault.code in ("S202", "S203") for fault in faults):
        return faults
    data = data.removeprefix(BOM).rstrip(b"\r\n") + b"\n"
    header_faults, columns = _check_header(data, file)
    faults += header_faults
    if columns is None:
        return faults
    field_faults, table = _cut_lines(data, len(columns), file)
    faults += field_faults
    faults += _check_names(table, expected)
    faults += _check_scenes(table)
    faults += _check_probabilities(table)
    return faults


def _check_bytes(data: bytes, file: str) -> Iterator[Fault]:
    if data.startswith(BOM):
        yield Fault("S201", file, "starts with a byte order mark, expected text at once.", 1)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = data[error.start : error.start + 1].hex()
        yield Fault("S202", file, f"found the byte 0x{found}, expected UTF-8.", line)
    for position, what in ((_lone_cr(data), "a CR without LF"), (data.find(b"\0"), "a NUL")):
        if position >= 0:
            line = data.count(b"\n", 0, position) + 1
            message = f"found {what}, expected lines that end with LF or CRLF."
            yield Fault("S203", file, message, line)


def _lone_cr(data: bytes) -> int:
    if data.count(b"\r") == data.count(b"\r\n"):
        return -1
    raw = np.frombuffer(data + b"\0", np.uint8)
    return int(np.argmax((raw[:-1] == CR) & (raw[1:] != LF)))


def _check_header(data: bytes, file: str) -> tuple[list[Fault], list[str] | None]:
    """Faults, and the columns in the file's order if all of them are there."""
    line = data[: data.index(b"\n")].decode("utf-8").removesuffix("\r")
    columns = line.split(SEPARATOR)
    if tuple(columns) == COLUMNS:
        return [], columns
    complete = sorted(columns) == sorted(COLUMNS)
    reason = "another order" if complete else _header_difference(line, columns)
    message = f"found {reason}, expected the TAB separated columns {' '.join(COLUMNS)}."
    return [Fault("S204", file, message, 1)], columns if complete else None


def _header_difference(line: str, columns: Sequence[str]) -> str:
    if not line:
        return "an empty first line"
    if len(columns) == 1:
        return f"no TAB in {line[:60]!r}"
    if columns[0] == "":
        return "a nameless first column, perhaps an index"
    unknown = [column for column in columns if column not in COLUMNS]
    missing = [column for column in COLUMNS if column not in columns]
    if unknown:
        hint = suggestion(unknown[0], missing).rstrip("?.")
        return f"the unknown column {unknown[0][:60]!r}{hint}"
    return f"no column {missing[0]}" if missing else "a column twice"


def _cut_lines(data: bytes, fields: int, file: str) -> tuple[list[Fault], _Table]:
    """Parse the lines that have all fields; a fault if others have not."""
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw == LF)
    tabs = np.flatnonzero(raw == TAB)
    found = np.diff(np.searchsorted(tabs, ends), prepend=0) + 1
    complete = found == fields
    faults = []
    if not complete.all():
        bad = np.flatnonzero(~complete) + 1
        more = f" (as on {_more_lines(bad[1:])})" if len(bad) > 1 else ""
        message = f"found {_fields(data, ends, found, bad[0])}, expected {fields}{more}."
        faults.append(Fault("S205", file, message, int(bad[0])))
        data = b"".join(np.array(data.splitlines(keepends=True), object)[complete])
    rows = parse_table(data)
    if not is_numeric(rows):
        rows = parse_table(data, as_text=True)
    return faults, _Table(rows, np.flatnonzero(complete)[1:] + 1, file)


def _fields(data: bytes, ends: np.ndarray, found: np.ndarray, line: int) -> str:
    empty = not data[ends[line - 2] + 1 : ends[line - 1]].strip()
    return "an empty line" if empty else f"{found[line - 1]} fields"


def _check_names(table: _Table, expected: pd.Index) -> Iterator[Fault]:
    if len(table.rows) != len(expected):
        message = f"found {len(table.rows):,} rows, expected {len(expected):,}, one for each file."
        yield Fault("S206", table.file, message)
    names = table.rows["filename"]
    if len(names) == len(expected) and np.array_equal(names.to_numpy(), expected.to_numpy()):
        return
    prefixed = names.str.startswith(AUDIO_FOLDER).to_numpy(bool)
    yield from table.faults("S207", prefixed, f"names with '{AUDIO_FOLDER}'", "names without it")
    names = names.str.removeprefix(AUDIO_FOLDER)
    positions = expected.get_indexer(pd.Index(names))
    unknown = positions < 0
    yield from table.faults(
        "S208", unknown, f"the unknown file {_first(names, unknown)}", f"such as {expected[0]!r}"
    )
    repeated = names.duplicated().to_numpy() & ~unknown
    yield from table.faults("S209", repeated, f"{_first(names, repeated)} again", "each file once")
    missing = expected[np.setdiff1d(np.arange(len(expected)), positions)]
    if len(missing):
        message = f"found no row for {examples(missing.to_list())}, expected one for each file."
        yield Fault("S210", table.file, message)


def _check_scenes(table: _Table) -> Iterator[Fault]:
    scenes = table.rows["scene_label"]
    unknown = _labels(table) < 0
    first = _first(scenes, unknown)
    hint = suggestion(first.strip("'"), SCENES).rstrip("?.")
    yield from table.faults(
        "S211", unknown, f"the unknown scene {first}{hint}", f"one of {', '.join(SCENES)}"
    )


def _check_probabilities(table: _Table) -> Iterator[Fault]:
    probabilities, is_word = _numbers(table.rows)
    cells = table.rows[list(SCENES)]
    yield from _cell_faults(table, "S212", is_word, cells, "a number such as 0.25")
    infinite = ~np.isfinite(probabilities) & ~is_word
    yield from _cell_faults(table, "S213", infinite, cells, "a finite number")
    with np.errstate(invalid="ignore"):
        outside = ((probabilities < 0) | (probabilities > 1)) & ~infinite
    yield from _cell_faults(table, "S214", outside, cells, "a probability from 0 to 1")
    finite = np.isfinite(probabilities).all(1)
    sums = np.where(finite, probabilities.sum(1, where=finite[:, None]), 1)
    wrong = np.abs(sums - 1) > SUM_TOLERANCE + FLOAT_ERROR
    found = f"probabilities that sum to {sums[wrong][0]:.6g}" if wrong.any() else ""
    yield from table.faults("S215", wrong, found, f"a sum of 1 within {SUM_TOLERANCE:g}")
    yield from _check_decisions(table, probabilities, finite)


def _check_decisions(
    table: _Table, probabilities: np.ndarray, finite: np.ndarray
) -> Iterator[Fault]:
    labels = _labels(table)
    chosen = probabilities[np.arange(len(labels)), labels]
    with np.errstate(invalid="ignore"):
        lower = (chosen < probabilities.max(1)) & finite & (labels >= 0)
    if not lower.any():
        return
    row = int(np.argmax(lower))
    best = SCENES[int(probabilities[row].argmax())]
    found = f"scene_label {SCENES[labels[row]]} where {best} is more probable"
    yield from table.faults("S216", lower, found, "the most probable scene")


def _cell_faults(
    table: _Table, code: str, broken: np.ndarray, cells: pd.DataFrame, expected: str
) -> Iterator[Fault]:
    if not broken.any():
        return
    row, column = np.argwhere(broken)[0]
    found = f"{str(cells.iat[row, column])[:40]!r} for {SCENES[column]}"
    yield from table.faults(code, np.any(broken, axis=1), found, expected)


def _numbers(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (rows, classes), NaN where a cell holds none; and which of them are words."""
    cells = rows[list(SCENES)]
    if is_numeric(rows):
        return cells.to_numpy(np.float64), np.zeros(cells.shape, bool)
    numbers = cells.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    not_nan = cells.apply(lambda cell: cell.str.lower()).to_numpy() != "nan"
    return numbers, np.isnan(numbers) & not_nan


def _labels(table: _Table) -> np.ndarray:
    """Class index of each row's scene_label, -1 where it is unknown."""
    labels: np.ndarray = pd.Index(SCENES).get_indexer(pd.Index(table.rows["scene_label"]))
    return labels


def _first(values: pd.Series, chosen: np.ndarray) -> str:
    return repr(str(values[chosen].iloc[0])[:60]) if chosen.any() else ""


def _more_lines(lines: np.ndarray) -> str:
    if len(lines) == 1:
        return f"line {lines[0]}"
    return f"{len(lines):,} more lines: {examples(lines.tolist())}"
