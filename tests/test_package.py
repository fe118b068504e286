"""Packaging: five runs make a valid zip of certain bytes, or nothing at all and all reasons."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import ANY

import pytest
import yaml

from baseline.challenge import MAX_MACS, SPLITS
from baseline.recipe import load_recipe
from baseline.run import MODEL_DIGEST, Run
from deploy.errors import InputError
from deploy.files import file_digest, read_json, write_json
from submission.package import TIMESTAMP, package, repackage
from submission.rules.faults import Fault, InvalidPackage, is_valid
from submission.team import Team, load_team
from submission.validate import validate
from tests.package_files import CSV, FOLDER, META, NAMES, PDF
from tests.synthetic_runs import (
    LABEL,
    TEAM,
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
        assert archive.namelist() == sorted([*csvs, META, PDF])
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


def trained_again(run: Run) -> None:
    """Weights that are neither those of the evaluation nor older than the predictions."""
    later = run.predictions_file(SYSTEM).stat().st_mtime_ns + 1
    run.weights_file.write_bytes(b"other weights")
    os.utime(run.weights_file, ns=(later, later))


def on_other_data(run: Run) -> None:
    write_json(run.record_file, read_json(run.record_file) | {"data": "elsewhere"})


def of_more_recipes(runs: list[Run], names: Sequence[str]) -> list[Run]:
    """The same runs once more for each name of a recipe."""
    place = runs[0].folder.parent
    more = []
    for name in names:
        recipe = load_recipe("baseline2024", [f"name={name}", "augment.mixup_alpha=0.3"])
        for split in SPLITS:
            more.append(write_run(place / f"{name}{split}", split, NAMES, recipe))
    return more


def team_of(tmp_path: Path, *recipes: str) -> Team:
    """A team with a system for each recipe."""
    words = {key: value for key, value in TEAM.items() if key == "authors"}
    systems = [
        {"recipe": name, "name": f"System {name}", "abbreviation": name[:10]} for name in recipes
    ]
    values = {"lastname": "Doe", "institute": "TINY", **words, "systems": systems}
    (tmp_path / "team.yaml").write_text(yaml.safe_dump(values))
    return load_team(tmp_path / "team.yaml")


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
    "trained again": (["S407", "S408"], lambda runs: trained_again(runs[1])),
    "other data": (["S409"], lambda runs: on_other_data(runs[1])),
    "too many systems": (["S103"], lambda runs: runs.extend(of_more_recipes(runs, "abcd"))),
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


@pytest.mark.slow
def test_systems_of_several_recipes_are_one_package(
    runs: list[Run], evaluation: Path, out: Path, tmp_path: Path
) -> None:
    team = team_of(tmp_path, "baseline2024", "a", "b", "c")
    every = [*runs, *of_more_recipes(runs, "abc")]
    package(every, team, out, evaluation_list=evaluation, report=write_report(tmp_path / "x.pdf"))
    assert validate(out, evaluation_list=evaluation, runs=every) == [
        Fault("S106", "task1/Doe_TINY_task1_4", ANY)
    ]
    with zipfile.ZipFile(out) as archive:
        names = archive.namelist()
        metadata = [
            yaml.safe_load(archive.read(f"task1/{label}/{label}.meta.yaml"))
            for label in (f"Doe_TINY_task1_{index}" for index in range(1, 5))
        ]
    assert len(names) == 4 * 6 + 1
    assert "task1/Doe_TINY_task1.technical_report.pdf" in names
    assert [values["submission"]["name"] for values in metadata] == [
        "System baseline2024",
        "System a",
        "System b",
        "System c",
    ]
    said = [values["system"]["description"]["system_adaptations"] for values in metadata]
    assert said == [None, *["augment.mixup_alpha: 0.3 instead of 0"] * 3]


@pytest.mark.parametrize(
    ("recipes", "words"),
    [
        (["baseline2024"], "describes no system of recipe 'a'"),
        (["baseline2024", "a", "b"], "describes a system of recipe 'b', found no runs of it"),
    ],
)
def test_systems_are_those_of_the_team(
    recipes: list[str], words: str, runs: list[Run], evaluation: Path, out: Path, tmp_path: Path
) -> None:
    every = [*runs, *of_more_recipes(runs, "a")]
    with pytest.raises(InputError, match=words):
        package(every, team_of(tmp_path, *recipes), out, evaluation_list=evaluation)
    assert not out.parent.exists()


def test_a_team_of_one_system_has_no_two(
    runs: list[Run], team: Team, evaluation: Path, out: Path
) -> None:
    with pytest.raises(InputError, match="describes one system, found runs of the recipes"):
        package([*runs, *of_more_recipes(runs, "a")], team, out, evaluation_list=evaluation)


def test_an_unzipped_package_gives_the_same_zip_again(
    valid_zip: Path, evaluation: Path, out: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(valid_zip) as archive:
        archive.extractall(tmp_path / "unzipped")
    for place in (tmp_path / "unzipped", tmp_path / "unzipped" / "task1"):
        repackage(place, out, evaluation_list=evaluation)
        assert out.read_bytes() == valid_zip.read_bytes()
    (tmp_path / "unzipped" / CSV).write_text("filename")
    with pytest.raises(InvalidPackage, match="S204"):
        repackage(tmp_path / "unzipped", out, evaluation_list=evaluation)
    assert out.read_bytes() == valid_zip.read_bytes()


def test_an_unzipped_package_with_links_is_refused(out: Path, tmp_path: Path) -> None:
    (tmp_path / "task1").mkdir()
    (tmp_path / "task1" / "secret.pdf").symlink_to("/etc/passwd")
    with pytest.raises(InvalidPackage, match="S003"):
        repackage(tmp_path, out)
    assert not out.exists()


def test_copied_runs_are_not_outdated(
    runs: list[Run], team: Team, evaluation: Path, out: Path
) -> None:
    for run in runs:  # as after copying a folder, which gives files the time of the copy
        run.weights_file.touch()
        write_json(
            run.predictions_record_file(SYSTEM), {MODEL_DIGEST: file_digest(run.weights_file)}
        )
    package(runs, team, out, evaluation_list=evaluation)


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
