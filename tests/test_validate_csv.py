"""Output CSVs: every rule is broken alone, many in several ways; what is allowed is no fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from submission.predictions import COLUMNS
from submission.validate import validate
from tests.package_files import (
    CSV,
    Edit,
    Files,
    codes,
    decision,
    edit_bytes,
    edit_lines,
    write_zip,
)
from tests.synthetic_runs import write_evaluation_list

pytest_plugins = ["tests.package_fixtures"]


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
