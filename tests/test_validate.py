"""Whole packages: agreement with the runs, and faults that say where and what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from baseline.challenge import EVALUATION_CLIPS, MAX_MACS
from baseline.run import Run
from deploy.errors import InputError
from submission.package import package
from submission.predictions import evaluation_names
from submission.rules.catalogue import RULES
from submission.rules.faults import format_faults
from submission.team import load_team
from submission.validate import validate
from tests.package_files import (
    AUTHOR,
    COMPLEXITY,
    CSV,
    META,
    PDF,
    SPLIT_5,
    Edit,
    Files,
    Mutations,
    both,
    cell,
    codes,
    edit_cells,
    edit_lines,
    edit_text,
    label_of,
    meta,
    no_meta,
    remove,
    systems,
    write_zip,
)
from tests.package_mutations import MUTATIONS
from tests.synthetic_runs import LABEL, MACS, PARAMETERS, write_report, write_runs, write_team
from tests.test_rules_data import DATA_RULES, EXTERNAL
from tests.test_validate_years import OF_2025
from tests.test_validate_zip import CONTAINER

pytest_plugins = ["tests.package_fixtures"]

OTHER_THAN_RUNS: Mutations = {
    "other size": (
        {"S411"},
        both(
            meta(*COMPLEXITY, "total_parameters", value=PARAMETERS - 1),
            meta(*COMPLEXITY, "total_model_size", value=2 * PARAMETERS - 2),
        ),
    ),
    "other MACs": ({"S411"}, meta(*COMPLEXITY, "macs", value=MACS - 1)),
    "other log loss": ({"S412"}, meta(*SPLIT_5, "overall", "logloss", value=0.5)),
    "other device": ({"S412"}, meta(*SPLIT_5, "device_wise", "s6", "accuracy", value=99.0)),
    "unknown though measured": (
        {"S316", "S412"},
        meta(*SPLIT_5, "device_wise", "s6", "accuracy", value=None),
    ),
    "other predictions": ({"S413"}, edit_lines(lambda lines: [lines[0], *lines[:0:-1]])),
}


@pytest.mark.parametrize("name", OTHER_THAN_RUNS)
def test_each_difference_from_the_runs_is_found(
    name: str, files: Files, evaluation: Path, made_runs: list[Run], tmp_path: Path
) -> None:
    expected, edit = OTHER_THAN_RUNS[name]
    edit(files)
    path = write_zip(tmp_path / "task1.zip", files)
    assert codes(path, evaluation, made_runs) == expected
    assert codes(path, evaluation) == expected - {"S411", "S412", "S413"}


def test_a_package_agrees_with_the_runs_that_it_was_made_from(
    valid_zip: Path, files: Files, evaluation: Path, made_runs: list[Run], tmp_path: Path
) -> None:
    assert codes(valid_zip, evaluation, made_runs) == set()
    assert codes(valid_zip, evaluation, made_runs[1:3]) == set()
    assert codes(valid_zip, evaluation, [*made_runs, made_runs[0]]) == {"S402"}
    systems(2)(files)  # of which only the second is theirs
    meta(*COMPLEXITY, "macs", value=MACS - 1)(files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation, made_runs) == set()


def test_every_rule_is_broken_by_a_table_or_in_test_package() -> None:
    tables: list[dict[str, Any]] = [MUTATIONS, OTHER_THAN_RUNS, CONTAINER, DATA_RULES, EXTERNAL]
    found = {code for table in [*tables, OF_2025] for codes, *_ in table.values() for code in codes}
    of_runs = {f"S40{number}" for number in range(1, 10)}  # in test_package
    assert set(RULES) - found == {*of_runs, "S414"}  # the last in test_validate_years


def test_faults_of_several_systems_are_all_found(
    files: Files, evaluation: Path, tmp_path: Path
) -> None:
    systems(2)(files)
    second = label_of(2)
    cell("bus", "nan")(files)
    remove(CSV.replace(LABEL, second))(files)
    edit_text("framework", "framwork", META.replace(LABEL, second))(files)
    path = write_zip(tmp_path / "task1.zip", files)
    assert codes(path, evaluation) == {"S108", "S213", "S305", "S306"}


def test_several_faults_of_one_file_are_all_found(
    files: Files, evaluation: Path, tmp_path: Path
) -> None:
    broken: list[Edit] = [
        edit_cells(lambda cells: cells.pop(), line=2),
        edit_cells(lambda cells: cells.__setitem__(0, "audio/2.wav"), line=4),
        edit_cells(lambda cells: cells.__setitem__(1, "beach"), line=6),
        edit_cells(lambda cells: cells.__setitem__(3, "x"), line=7),
        edit_cells(lambda cells: cells.__setitem__(slice(2, None), ["0.2"] * 10), line=8),
        no_meta(*SPLIT_5, "class_wise", "tram"),
        meta(*SPLIT_5, "class_wise", "bus", "accuracy", value="many"),
        meta(*COMPLEXITY, "macs", value=MAX_MACS + 1),
    ]
    both(*broken)(files)
    in_csv = {"S205", "S206", "S207", "S210", "S211", "S212", "S215"}
    in_meta = {"S306", "S307", "S312", "S315"}
    found = codes(write_zip(tmp_path / "task1.zip", files), evaluation)
    assert found == in_csv | in_meta


SENTENCES: dict[str, tuple[Edit, str, str]] = {
    "cell": (
        cell("bus", "high"),
        "3.wav",
        "found 'high' for bus, expected a number such as 0.25.",
    ),
    "scene": (
        cell("scene_label", "metro_stat"),
        "3.wav",
        "found the unknown scene 'metro_stat'; did you mean 'metro_station', expected one of",
    ),
    "two rows": (
        both(edit_cells(lambda c: c.pop(), line=3), edit_cells(lambda c: c.pop(), line=9)),
        "1.wav",
        "found 11 fields, expected 12 (as on line 9).",
    ),
    "limit": (
        meta(*COMPLEXITY, "macs", value=30_000_001),
        "macs: 30000001",
        "found 30,000,001 MACs, expected at most 30,000,000.",
    ),
    "range": (
        meta(*SPLIT_5, "device_wise", "a", "accuracy", value=101),
        "accuracy: 101",
        "key 'results.development_dataset.split_5.device_wise.a.accuracy': found 101, "
        "expected at most 100.",
    ),
    "type": (
        meta("submission", "name", value=12),
        "name: 12",
        "key 'submission.name': found 12, expected text.",
    ),
    "e-mail": (
        meta(*AUTHOR, "email", value="nobody"),
        "email: nobody",
        "key 'submission.authors.0.email': found 'nobody', expected an e-mail address.",
    ),
    "unknown key": (
        meta(*COMPLEXITY, "mac", value=1),
        "mac: 1",
        "unknown key 'system.complexity.mac'; did you mean 'macs'?",
    ),
    "unknown scene": (
        meta(*SPLIT_5, "class_wise", "trams", value={"accuracy": 1, "logloss": 1}),
        "trams:",
        "key 'results.development_dataset.split_5.class_wise.trams': is unknown; "
        "did you mean 'tram'?",
    ),
    "missing key": (
        no_meta(*COMPLEXITY, "macs"),
        "complexity:",
        "key 'system.complexity.macs' is missing.",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_fault_says_where_what_was_found_and_what_was_expected(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    edit, line, message = SENTENCES[name]
    edit(files)
    found = validate(write_zip(tmp_path / "task1.zip", files), evaluation_list=evaluation)
    fault = next(fault for fault in found if message in fault.message)
    assert fault.line is not None
    assert files[fault.file].decode().splitlines()[fault.line - 1].strip().startswith(line)


def test_faults_are_told_a_line_each(files: Files, evaluation: Path, tmp_path: Path) -> None:
    both(cell("bus", "high"), remove(PDF))(files)
    path = write_zip(tmp_path / "task1.zip", files)
    text = format_faults(validate(path, evaluation_list=evaluation))
    assert text.splitlines() == [
        "S112 warning: task1: found no .pdf file, expected a technical report.",
        f"S212 fault: {CSV}:5: found 'high' for bus, expected a number such as 0.25.",
        "not valid: 1 fault, 1 warning",
    ]
    assert format_faults([]) == "valid: 0 faults, 0 warnings"


def test_nothing_to_validate_is_bad_input(valid_zip: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such package"):
        validate(tmp_path / "none.zip")
    with pytest.raises(InputError, match="there is no such evaluation list"):
        validate(valid_zip, evaluation_list=tmp_path / "none.csv")


def test_without_a_list_the_official_evaluation_set_is_expected(valid_zip: Path) -> None:
    found = validate(valid_zip)
    assert {fault.code for fault in found} == {"S206", "S210"}
    assert f"found 12 rows, expected {EVALUATION_CLIPS:,}" in found[0].message


@pytest.mark.slow
def test_a_full_size_package_is_valid(tmp_path: Path) -> None:
    runs = write_runs(tmp_path / "runs", evaluation_names(None))
    out = tmp_path / "task1.zip"
    team = load_team(write_team(tmp_path / "team.yaml"))
    package(runs, team, out, report=write_report(tmp_path / "report.pdf"))
    assert validate(out, runs=runs) == []
