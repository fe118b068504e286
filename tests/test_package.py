"""Packaging: five runs make a valid zip of certain bytes, or nothing at all and all reasons."""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from baseline.challenge import MAX_MACS, SPLITS
from baseline.recipe import load_recipe
from baseline.run import Run
from deploy.errors import InputError
from deploy.files import read_json, write_json
from submission.faults import InvalidPackage, is_valid
from submission.package import TIMESTAMP, package
from submission.team import Team, load_team
from submission.validate import validate
from tests.package_files import CSV, FOLDER, META, NAMES, PDF
from tests.synthetic_runs import (
    LABEL,
    write_report,
    write_run,
    write_team,
)

pytest_plugins = ["tests.package_fixtures"]
SYSTEM = "torch-fp16"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return load_team(write_team(tmp_path / "team.yaml"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "task1.zip"


def codes(error: pytest.ExceptionInfo[InvalidPackage]) -> list[str]:
    return [fault.code for fault in error.value.faults]


def test_the_zip_holds_the_challenges_files(
    runs: list[Run], team: Team, evaluation: Path, out: Path, tmp_path: Path
) -> None:
    report = write_report(tmp_path / "report.pdf")
    package(runs, team, out, evaluation_list=evaluation, report=report)
    with zipfile.ZipFile(out) as archive:
        csvs = [f"{FOLDER}/{LABEL}.output.split_{split}.csv" for split in SPLITS]
        assert archive.namelist() == [*csvs, META, PDF]
        assert archive.read(CSV) == runs[2].predictions_file(SYSTEM).read_bytes()
        assert yaml.safe_load(archive.read(META))["submission"]["label"] == LABEL
        assert {entry.date_time for entry in archive.infolist()} == {TIMESTAMP}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {stat.S_IFREG | 0o644}
    assert validate(out, evaluation_list=evaluation, runs=runs) == []


def test_the_same_input_gives_the_same_bytes(
    runs: list[Run], team: Team, evaluation: Path, out: Path, tmp_path: Path
) -> None:
    package(runs, team, out, evaluation_list=evaluation)
    moved = tmp_path / "moved"
    shutil.copytree(tmp_path / "runs", moved)
    again = [Run(moved / run.folder.name) for run in runs]
    package(again[::-1], team, out.with_name("b.zip"), evaluation_list=evaluation)
    assert out.read_bytes() == out.with_name("b.zip").read_bytes()


def test_without_a_report_there_is_a_warning_only(
    runs: list[Run], team: Team, evaluation: Path, out: Path
) -> None:
    package(runs, team, out, evaluation_list=evaluation)
    faults = validate(out, evaluation_list=evaluation)
    assert [fault.code for fault in faults] == ["S112"]
    assert is_valid(faults)


def of_another_recipe(runs: list[Run]) -> None:
    recipe = load_recipe("baseline2024", ["train.epochs=3"])
    write_run(runs[1].folder, runs[1].split, NAMES, recipe)


def of_another_precision(runs: list[Run]) -> None:
    write_run(runs[1].folder, runs[1].split, NAMES, load_recipe("baseline2024", ["precision=int8"]))


def with_broken_evaluation(runs: list[Run]) -> None:
    write_json(runs[0].evaluation_file(SYSTEM), {"system": SYSTEM})


def with_broken_complexity(runs: list[Run]) -> None:
    runs[0].complexity_file.write_text("{")


BAD_RUNS: dict[str, tuple[list[str], Callable[[list[Run]], object]]] = {
    "none": (["S401"] * 5, lambda runs: runs.clear()),
    "one missing": (["S401"], lambda runs: runs.pop(2)),
    "one twice": (["S402"], lambda runs: runs.append(runs[0])),
    "one instead of another": (["S401", "S402"], lambda runs: runs.__setitem__(4, runs[0])),
    "other recipe": (["S403"], of_another_recipe),
    "other precision": (["S403"], of_another_precision),
    "no predictions": (["S404"], lambda runs: runs[1].predictions_file(SYSTEM).unlink()),
    "no evaluation": (["S405"], lambda runs: runs[1].evaluation_file(SYSTEM).unlink()),
    "broken evaluation": (["S405"], with_broken_evaluation),
    "no complexity": (["S406"], lambda runs: runs[1].complexity_file.unlink()),
    "broken complexity": (["S406"], with_broken_complexity),
}


@pytest.mark.parametrize("name", BAD_RUNS)
def test_runs_that_make_no_submission_are_refused(
    name: str, runs: list[Run], team: Team, evaluation: Path, out: Path
) -> None:
    expected, edit = BAD_RUNS[name]
    edit(runs)
    with pytest.raises(InvalidPackage) as error:
        package(runs, team, out, evaluation_list=evaluation)
    assert codes(error) == expected
    assert not out.parent.exists()


def test_everything_that_is_wrong_with_the_runs_is_told_at_once(
    runs: list[Run], team: Team, evaluation: Path, out: Path
) -> None:
    runs[0].predictions_file(SYSTEM).unlink()
    runs[1].evaluation_file(SYSTEM).unlink()
    runs.pop()
    with pytest.raises(InvalidPackage) as error:
        package(runs, team, out, evaluation_list=evaluation)
    assert codes(error) == ["S401", "S404", "S405"]
    assert str(error.value).count("\n") == 4  # a summary, three faults and their count
    assert "run: tinyscene predict" in str(error.value)


def test_a_package_with_faults_is_not_written_and_all_are_told(
    runs: list[Run], team: Team, evaluation: Path, out: Path
) -> None:
    for run in runs:
        counted = read_json(run.complexity_file)
        write_json(run.complexity_file, counted | {"macs": MAX_MACS + 1, "bytes": 128_002})
    predictions = runs[3].predictions_file(SYSTEM)
    predictions.write_text(predictions.read_text().replace("3.wav", "x.wav"))
    out.parent.mkdir()
    out.write_bytes(b"what stood there before")
    with pytest.raises(InvalidPackage) as error:
        package(runs, team, out, evaluation_list=evaluation)
    assert set(codes(error)) == {"S112", "S208", "S210", "S312", "S313", "S314"}
    assert isinstance(error.value, InputError)
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    assert out.read_bytes() == b"what stood there before"


def test_predictions_of_other_files_are_refused(runs: list[Run], team: Team, out: Path) -> None:
    with pytest.raises(InvalidPackage) as error:
        package(runs, team, out)
    assert set(codes(error)) == {"S112", "S206", "S210"}


def test_runs_counted_differently_are_refused(
    runs: list[Run], team: Team, evaluation: Path, out: Path
) -> None:
    counted = read_json(runs[2].complexity_file)
    write_json(runs[2].complexity_file, counted | {"macs": 1_000_000})
    with pytest.raises(InvalidPackage) as error:
        package(runs, team, out, evaluation_list=evaluation)
    assert codes(error) == ["S112", "S411"]


def test_a_report_must_be_a_pdf_that_is_there(
    runs: list[Run], team: Team, evaluation: Path, out: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        package(runs, team, out, evaluation_list=evaluation, report=tmp_path / "none.pdf")
    (tmp_path / "report.pdf").write_text("Dear reader")
    with pytest.raises(InvalidPackage) as error:
        package(runs, team, out, evaluation_list=evaluation, report=tmp_path / "report.pdf")
    assert codes(error) == ["S113"]
    assert not out.exists()
