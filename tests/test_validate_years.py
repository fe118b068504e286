"""The rules of 2025, the table of all years, and what programs read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tinyscene
from baseline.challenge import DEFAULT_YEAR, MAX_MACS, YEARS
from baseline.run import Run
from deploy.errors import InputError
from deploy.files import read_json, write_json, write_text
from submission.commands import packages
from submission.rules.catalogue import RULES, rules_of
from submission.rules.device_models import check_device_models
from submission.rules.fault_report import outcome
from submission.validate import validate
from tests.package_files import (
    AUTHOR,
    COMPLEXITY,
    CSV,
    META,
    NAMES,
    Edit,
    Files,
    add,
    both,
    cell,
    edit_bytes,
    edit_meta,
    label_of,
    meta,
    no_meta,
    remove,
    rename,
    write_zip,
)
from tests.synthetic_runs import LABEL, PARAMETERS

pytest_plugins = ["tests.package_fixtures"]

CSV_2025 = CSV.replace(".split_25", "")


def of_2025(files: Files) -> None:
    """A package of one output."""
    for split in YEARS[2024].splits:
        name = CSV.replace("_25", f"_{split}")
        if split == 25:
            rename(name, CSV_2025)(files)
        else:
            remove(name)(files)


def in_csv(edit: Edit) -> Edit:
    """An edit of 2024's CSV, made on that of 2025."""
    return both(rename(CSV_2025, CSV), edit, rename(CSV, CSV_2025))


OF_2025: dict[str, tuple[set[str], Edit]] = {
    "nothing": (set(), both()),
    "name of 2024": ({"S108", "S110"}, rename(CSV_2025, CSV)),
    "names with their folder": (
        set(),
        edit_bytes(lambda data: data.replace(b"\n", b"\naudio/").removesuffix(b"audio/"), CSV_2025),
    ),
    "word": ({"S212"}, in_csv(cell("bus", "high"))),
    "unknown keys": (set(), edit_meta(lambda values: values["system"].update(device_models=7))),
    "no results": (set(), no_meta("results")),
    "no author": ({"S308"}, meta("submission", "authors", value=[])),
    "e-mail": ({"S308"}, meta(*AUTHOR, "email", value="nobody")),
    "label of another": ({"S309"}, meta("submission", "label", value=label_of(2))),
    "Python tag": ({"S302"}, add(META, b"x: !!python/name:os.abort")),
    "MACs over": ({"S312"}, meta(*COMPLEXITY, "macs", value=MAX_MACS + 1)),
    "mixed dtypes": (set(), meta(*COMPLEXITY, "total_model_size", value=PARAMETERS + 1_000)),
    "less than 8 bits": ({"S318"}, meta(*COMPLEXITY, "total_model_size", value=PARAMETERS - 1)),
    "more than 32 bits": (
        {"S318"},
        both(
            meta(*COMPLEXITY, "total_parameters", value=1_000),
            meta(*COMPLEXITY, "total_model_size", value=4_001),
        ),
    ),
}


@pytest.fixture
def list_2025(tmp_path: Path) -> Path:
    """The evaluation files with their devices."""
    rows = "".join(f"audio/{name}\ts1\n" for name in NAMES)
    write_text(tmp_path / "list.csv", f"filename\tdevice_id\n{rows}")
    return tmp_path / "list.csv"


@pytest.mark.parametrize("name", OF_2025)
def test_the_rules_of_2025(name: str, files: Files, list_2025: Path, tmp_path: Path) -> None:
    expected, edit = OF_2025[name]
    of_2025(files)
    edit(files)
    path = write_zip(tmp_path / "task1.zip", files)
    found = validate(path, evaluation_list=list_2025, year=2025)
    assert {fault.code for fault in found} == expected


def test_2025_needs_a_list_with_devices(valid_zip: Path, evaluation: Path) -> None:
    with pytest.raises(InputError, match="whose number in 2025 is not known here"):
        validate(valid_zip, year=2025)
    with pytest.raises(InputError, match="column 'device_id' is missing"):
        validate(valid_zip, evaluation_list=evaluation, year=2025)


def test_each_devices_model_is_counted_for_itself(runs: list[Run]) -> None:
    assert list(check_device_models(runs, 2025)) == []  # though together they are far beyond
    path = runs[1].complexity_file
    write_json(path, read_json(path) | {"macs": MAX_MACS + 1, "bytes": 128_001})
    runs[2].complexity_file.unlink()
    found = list(check_device_models(runs, 2025))
    assert [(fault.code, fault.file) for fault in found] == [
        ("S414", str(runs[1].folder)),
        ("S414", str(runs[1].folder)),
        ("S414", str(runs[2].folder)),
    ]


def test_years_stand_in_the_challenges_table() -> None:
    assert tuple(YEARS) == packages.YEARS
    assert packages.DEFAULT_YEAR == DEFAULT_YEAR
    assert {code for year in YEARS for code in rules_of(year)} == set(RULES)
    assert "S314" not in rules_of(2025)
    assert "S318" not in rules_of(2024)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs the command; its exit code and what it printed."""

    def run(*arguments: object) -> tuple[int, str]:
        code = tinyscene.main(list(map(str, arguments)))
        return code, capsys.readouterr().out

    return run


def test_rules_are_printed(say: Callable[..., tuple[int, str]]) -> None:
    code, text = say("rules")
    assert code == 0
    assert all(rule in text for rule in RULES)
    _, text = say("rules", "--year", 2025)
    assert "S314" not in text
    assert all(unknown[:60] in text for unknown in YEARS[2025].unknown)
    _, text = say("rules", "--year", 2024, "--json")
    parsed = json.loads(text)
    assert parsed["years"]["2024"]["splits"] == [5, 10, 25, 50, 100]
    assert [row["code"] for row in parsed["rules"]] == list(rules_of(2024))
    assert parsed["rules"][0]["severity"] == "fault"


def test_validate_prints_an_object(
    files: Files, evaluation: Path, tmp_path: Path, say: Callable[..., tuple[int, str]]
) -> None:
    path = write_zip(tmp_path / "task1.zip", files)
    code, text = say("validate", path, "--list", evaluation, "--json")
    assert code == 0
    valid: dict[str, Any] = json.loads(text)
    assert valid == {
        "format": 1,
        "package": str(path),
        "year": 2024,
        "valid": True,
        "counts": {"fault": 0, "warning": 0},
        "faults": [],
    }
    cell("bus", "high")(files)
    write_zip(path, files)
    code, text = say("validate", path, "--list", evaluation, "--json")
    assert code == 1
    assert json.loads(text)["faults"] == [
        {
            "code": "S212",
            "file": CSV,
            "message": "found 'high' for bus, expected a number such as 0.25.",
            "line": 5,
            "severity": "fault",
        }
    ]
    assert say("validate", tmp_path / "none.zip", "--json")[0] == 2


def test_the_object_counts_warnings_apart(files: Files, evaluation: Path, tmp_path: Path) -> None:
    add(f"task1/{LABEL}/notes.txt")(files)
    path = write_zip(tmp_path / "task1.zip", files)
    found = outcome(path, 2024, validate(path, evaluation_list=evaluation))
    assert found["valid"]
    assert found["counts"] == {"fault": 0, "warning": 1}
