"""The rules for the data of the runs: what was trained on, learned from and declared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from baseline.recipe import load_recipe, save_recipe
from baseline.run import Run
from baseline.teacher_logits import TeacherLogits, write_logits
from deploy.files import read_json, write_json, write_text
from submission.faults import is_valid
from submission.rules_data import check_data
from submission.validate import validate

pytest_plugins = ["tests.package_fixtures"]

TEST_CLIP = "audio/bus-paris-4-0-0-s4.wav"
CLIP_OF_NO_LIST = "audio/bus-paris-5-0-0-a.wav"
CLIP_OF_100 = "audio/tram-lisbon-3-1-1-a.wav"


def add(path: Path, clip: str) -> None:
    old = path.read_text() if path.is_file() else ""
    write_text(path, old + clip + "\n")


def taught_by(run: Run, split: int) -> None:
    path = run.folder / "teachers.npz"
    write_logits(path, TeacherLogits(("x",), np.zeros((1, 1, 10), np.float32), split, ("t",)))
    write_text(run.recipe_file, save_recipe(load_recipe("student")))
    write_json(run.record_file, read_json(run.record_file) | {"teachers": str(path)})


def lose_data(run: Run) -> None:
    write_json(run.record_file, read_json(run.record_file) | {"data": "/nowhere"})


CASES: dict[str, tuple[list[str], str, Callable[[Run], object]]] = {
    "sound": ([], "", lambda run: None),
    "a test clip": (
        ["S501"],
        "found 1 clips outside of split 5, 1 of them to test on",
        lambda run: add(run.training_list_file, TEST_CLIP),
    ),
    "a clip of no list": (
        ["S501"],
        "0 of them to test on",
        lambda run: add(run.training_list_file, CLIP_OF_NO_LIST),
    ),
    "a clip of a larger split": (
        ["S501"],
        CLIP_OF_100,
        lambda run: add(run.training_list_file, CLIP_OF_100),
    ),
    "calibrated on a test clip": (
        ["S502"],
        TEST_CLIP,
        lambda run: add(run.calibration_file, TEST_CLIP),
    ),
    "teachers of more": (["S503"], "teachers of split 25", lambda run: taught_by(run, 25)),
    "teachers of the same": ([], "", lambda run: taught_by(run, 5)),
    "no record of the clips": (
        ["S505"],
        "found no training_clips.txt",
        lambda run: run.training_list_file.unlink(),
    ),
    "the dataset is gone": (["S505"], "/nowhere", lose_data),
}


@pytest.mark.parametrize("name", CASES)
def test_data_of_a_run(name: str, runs: list[Run]) -> None:
    codes, words, edit = CASES[name]
    edit(runs[0])
    found = check_data(runs)
    assert [fault.code for fault in found] == codes
    assert words in "".join(map(str, found))


@pytest.mark.parametrize(
    "override", ["initial_weights=passt_fms_1", "augment.impulse_responses=micirp"]
)
def test_external_data_must_be_declared(
    override: str, runs: list[Run], valid_zip: Path, evaluation: Path
) -> None:
    recipe = save_recipe(load_recipe("baseline2024", [override]))
    for run in runs:
        write_text(run.recipe_file, recipe)
    found = validate(valid_zip, evaluation_list=evaluation, runs=runs)
    assert [fault.code for fault in found] == ["S504"]


def test_invented_responses_are_no_data(runs: list[Run], valid_zip: Path, evaluation: Path) -> None:
    recipe = save_recipe(load_recipe("baseline2024", ["augment.impulse_responses=synthetic"]))
    for run in runs:
        write_text(run.recipe_file, recipe)
    assert validate(valid_zip, evaluation_list=evaluation, runs=runs) == []


def test_what_cannot_be_checked_does_not_forbid_a_package(
    runs: list[Run], valid_zip: Path, evaluation: Path
) -> None:
    for run in runs:
        lose_data(run)
    found = validate(valid_zip, evaluation_list=evaluation, runs=runs)
    assert {fault.code for fault in found} == {"S505"}
    assert is_valid(found)
