"""Output CSVs: every rule is broken alone, many in several ways; what is allowed is no fault."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from baseline.challenge import SCENES
from submission.predictions import COLUMNS
from submission.rules_csv import check_csv
from submission.validate import validate
from tests.package_files import (
    CSV,
    NAMES,
    Edit,
    Files,
    Mutations,
    cell,
    codes,
    decision,
    edit_bytes,
    edit_cells,
    edit_lines,
    edit_text,
    write_zip,
)
from tests.synthetic_runs import write_evaluation_list

pytest_plugins = ["tests.package_fixtures"]


def reorder_columns(lines: list[bytes]) -> list[bytes]:
    rows = [line.rstrip().split(b"\t") for line in lines]
    return [b"\t".join([*row[:2], *row[:1:-1]]) + b"\n" for row in rows]


def add_index(lines: list[bytes]) -> list[bytes]:
    return [b"\t" + lines[0], *(b"%d\t" % row + line for row, line in enumerate(lines[1:]))]


def drop_last_column(lines: list[bytes]) -> list[bytes]:
    return [line.rpartition(b"\t")[0] + b"\n" for line in lines]


def all_false(lines: list[bytes]) -> list[bytes]:
    """A whole column that pandas would take for numbers."""
    rows = [f"{name}\tbus\tFalse\t1" + "\t0" * 8 + "\n" for name in NAMES]
    return [lines[0], *(row.encode() for row in rows)]


def least_probable(cells: list[str]) -> None:
    cells[1] = min(SCENES, key=lambda scene: float(cells[COLUMNS.index(scene)]))


def percent(cells: list[str]) -> None:
    cells[2:] = [str(100 * float(cell)) for cell in cells[2:]]


CSVS: Mutations = {
    "byte order mark": ({"S201"}, edit_bytes(lambda data: b"\xef\xbb\xbf" + data)),
    "UTF-16": ({"S202", "S203"}, edit_bytes(lambda data: data.decode().encode("utf-16"))),
    "Latin-1": ({"S202"}, edit_bytes(lambda data: data.replace(b"3.wav", b"\xe4.wav"))),
    "CR only": ({"S203"}, edit_bytes(lambda data: data.replace(b"\n", b"\r"))),
    "one CR": ({"S203"}, edit_text("3.wav", "3\r.wav")),
    "NUL": ({"S203"}, edit_text("3.wav", "\0.wav")),
    "empty": ({"S204"}, edit_bytes(lambda _: b"")),
    "no header": ({"S204"}, edit_lines(lambda lines: lines[1:])),
    "commas": ({"S204"}, edit_bytes(lambda data: data.replace(b"\t", b","))),
    "spaces": ({"S204"}, edit_bytes(lambda data: data.replace(b"\t", b" "))),
    "index column": ({"S204"}, edit_lines(add_index)),
    "other column order": ({"S204"}, edit_lines(reorder_columns)),
    "column renamed": ({"S204"}, edit_text("metro_station", "metrostation")),
    "column capitalised": ({"S204"}, edit_text("filename", "Filename")),
    "column twice": ({"S204"}, edit_text("\tairport\t", "\tbus\t")),
    "column missing": ({"S204"}, edit_lines(drop_last_column)),
    "column too many": ({"S204"}, edit_text("\ttram", "\ttram\ttram")),
    "quoted header": ({"S204"}, edit_text("filename", '"filename"')),
    "field missing": ({"S205", "S206", "S210"}, edit_cells(lambda cells: cells.pop())),
    "field too many": ({"S205", "S206", "S210"}, edit_cells(lambda cells: cells.append("0"))),
    "TAB at each end": (
        {"S205", "S206", "S210"},
        edit_lines(lambda lines: [lines[0], *(row[:-1] + b"\t\n" for row in lines[1:])]),
    ),
    "empty line": ({"S205"}, edit_lines(lambda lines: [*lines[:4], b"\n", *lines[4:]])),
    "header only": ({"S206", "S210"}, edit_lines(lambda lines: lines[:1])),
    "row missing": ({"S206", "S210"}, edit_lines(lambda lines: lines[:-1])),
    "row twice": ({"S206", "S209"}, edit_lines(lambda lines: [*lines, lines[5]])),
    "row too many": ({"S206", "S208"}, edit_lines(lambda lines: [*lines, b"x" + lines[5]])),
    "audio/ prefix": ({"S207"}, edit_bytes(lambda data: data.replace(b"\n1", b"\naudio/1"))),
    "one audio/ prefix": ({"S207"}, cell("filename", "audio/3.wav")),
    "unknown name": ({"S208", "S210"}, cell("filename", "99.wav")),
    "quoted name": ({"S208", "S210"}, cell("filename", '"3.wav"')),
    "no suffix": ({"S208", "S210"}, cell("filename", "3")),
    "empty name": ({"S208", "S210"}, cell("filename", "")),
    "name of another": ({"S209", "S210"}, cell("filename", "7.wav")),
    "unknown scene": ({"S211"}, cell("scene_label", "subway")),
    "class index": ({"S211"}, cell("scene_label", "3")),
    "capital scene": ({"S211"}, cell("scene_label", "Tram")),
    "empty scene": ({"S211"}, cell("scene_label", "")),
    "word": ({"S212"}, cell("bus", "high")),
    "nothing": ({"S212"}, cell("bus", "")),
    "NA": ({"S212"}, cell("bus", "NA")),
    "decimal comma": ({"S212"}, cell("bus", "0,1")),
    "all False": ({"S212"}, edit_lines(all_false)),
    "NaN": ({"S213"}, cell("bus", "nan")),
    "infinity": ({"S213"}, cell("bus", "inf")),
    "too large": ({"S213"}, cell("bus", "1e999")),
    "above 1": ({"S214"}, decision("airport", "1.0004")),
    "below 0": ({"S214"}, decision("airport", "0.9", "0.2", "-0.1")),
    "percent": ({"S214", "S215"}, edit_cells(percent)),
    "sum 1.002": ({"S215"}, decision("airport", "0.9", "0.102")),
    "sum 0.99": ({"S215"}, decision("airport", "0.99")),
    "sum 0": ({"S215"}, decision("airport", "0")),
    "not the best": ({"S216"}, edit_cells(least_probable)),
    "nearly the best": ({"S216"}, decision("bus", "0.500001", "0.499999")),
}

HARMLESS: dict[str, Edit] = {
    "CRLF": edit_bytes(lambda data: data.replace(b"\n", b"\r\n")),
    "no last line end": edit_bytes(lambda data: data.rstrip(b"\n")),
    "empty lines at the end": edit_bytes(lambda data: data + b"\n\n"),
    "other row order": edit_lines(lambda lines: [lines[0], *lines[:0:-1]]),
    "a tie": decision("bus", "0.5", "0.5"),
    "certainty": decision("airport", "1"),
    "whole numbers everywhere": edit_lines(
        lambda lines: [lines[0], *(b"%d.wav\tbus\t0\t1%b\n" % (n, b"\t0" * 8) for n in range(12))]
    ),
    "exponents": decision("bus", "1e-5", "9.9999E-1"),
    "sum 1.001": decision("bus", "0.001", "1"),
    "sum 0.999": decision("airport", "0.999"),
}


@pytest.mark.parametrize("name", CSVS)
def test_each_fault_of_a_csv_is_found(name: str, files: Files) -> None:
    expected, edit = CSVS[name]
    edit(files)
    faults = check_csv(files[CSV], pd.Index(NAMES), CSV)
    assert {fault.code for fault in faults} == expected


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_allowed_in_a_csv_is_no_fault(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    HARMLESS[name](files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation) == set()


def test_thousands_of_bad_rows_are_one_fault_with_a_count(files: Files, tmp_path: Path) -> None:
    names = [f"{number}.wav" for number in range(5_000)]
    rows = [f"{name}\tbus\t" + "\t".join(["0.2"] * 10) for name in names]
    files[CSV] = "\n".join(["\t".join(COLUMNS), *rows]).encode()
    evaluation = write_evaluation_list(tmp_path / "list.csv", names)
    found = validate(write_zip(tmp_path / "task1.zip", files), evaluation_list=evaluation)
    (fault,) = [fault for fault in found if fault.code == "S215"]
    assert fault.line == 2
    assert "sum to 2, expected a sum of 1 within 0.001" in fault.message
    assert "(as on 4,999 more lines: 3, 4, 5 and 4,996 more)" in fault.message
