"""What runs have learnt from: each clip, weight and recording outside the rules is found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baseline.challenge import SCENES
from baseline.recipe import load_recipe, save_recipe
from baseline.run import Run, open_run
from baseline.teacher_logits import TeacherLogits, write_logits
from deploy.files import write_json, write_text
from submission.rules.data import check_data
from submission.rules.external_data import check_external
from submission.safe_yaml import Document
from submission.validate import validate
from tests.package_files import Files, codes, meta, write_zip
from tests.synthetic_runs import CLIPS, DATA, LISTS, write_lists

pytest_plugins = ["tests.package_fixtures"]

Spoil = Callable[[Run], object]
SPLIT = 10


def trained_on(*clips: str) -> Spoil:
    """Put clips on a run's training list."""
    return lambda run: append(run.training_list_file, *clips)


def append(path: Path, *lines: str) -> None:
    write_text(path, path.read_text() + "".join(f"{line}\n" for line in lines))


def recipe(*settings: str) -> Spoil:
    """Change a run's recipe."""
    return lambda run: write_text(
        run.recipe_file, save_recipe(load_recipe(str(run.recipe_file), list(settings)))
    )


def calibrated_on(*clips: str) -> Spoil:
    """Submit a run at int8, with clips on its calibration list."""

    def spoil(run: Run) -> None:
        recipe("precision=int8")(run)
        append(run.calibration_file, *clips)

    return spoil


def taught_by(name: str, *, split: int = SPLIT) -> Spoil:
    """Distil a run from the logits of one beside it."""

    def spoil(run: Run) -> None:
        clips = LISTS[f"split{split}"]
        logits = np.zeros((len(clips), 1, len(SCENES)), np.float32)
        path = run.folder / "teachers.npz"
        write_logits(path, TeacherLogits(tuple(clips), logits, split, (name,)))
        write_json(run.record_file, run.record | {"teachers": str(path)})

    return spoil


def started_from(name: str) -> Spoil:
    """Start a run from another's weights."""
    return lambda run: recipe(f"initial_weights={Run(run.folder.parent / name).weights_file}")(run)


def grandchild(run: Run) -> None:
    """Taught by a run that started from one of a larger split."""
    started_from("split100")(Run(run.folder.parent / "split5"))
    taught_by("split5")(run)


DATA_RULES: dict[str, tuple[set[str], Spoil]] = {
    "nothing": (set(), lambda _: None),
    "a clip of a larger split": ({"S501"}, trained_on(LISTS["split100"][-1])),
    "a test clip": ({"S502"}, trained_on(LISTS["test"][0])),
    "a clip of no list": ({"S503"}, trained_on(CLIPS[-1])),
    "a clip from elsewhere": ({"S504"}, trained_on("audio/mine.wav")),
    "two kinds": ({"S502", "S503"}, trained_on(LISTS["test"][0], CLIPS[-1])),
    "teacher of a larger split": ({"S505"}, taught_by("split100")),
    "teacher of a smaller split": (set(), taught_by("split5")),
    "teacher's first weights": ({"S505"}, grandchild),
    "first weights of a larger split": ({"S505"}, started_from("split100")),
    "first weights of a smaller split": (set(), started_from("split5")),
    "published weights from TAU": ({"S505"}, recipe("initial_weights=passt_fms_1")),
    "published weights from elsewhere": (
        set(),
        recipe("initial_weights=passt_s_swa_p16_128_ap476"),
    ),
    "calibrated on a test clip": ({"S506"}, calibrated_on(LISTS["test"][0])),
    "calibrated on its split": (set(), calibrated_on()),
    "calibrated on recordings": ({"S507"}, calibrated_on("kitchen.wav")),
    "calibration without effect": (
        set(),
        lambda run: append(run.calibration_file, LISTS["test"][0]),
    ),
    "no training list": ({"S510"}, lambda run: run.training_list_file.unlink()),
    "no calibration list": (
        {"S510"},
        lambda run: (calibrated_on()(run), run.calibration_file.unlink()),
    ),
    "teacher gone": ({"S510"}, taught_by("gone")),
    "teachers' logits gone": (
        {"S510"},
        lambda run: write_json(run.record_file, run.record | {"teachers": "gone.npz"}),
    ),
    "dataset gone": (
        {"S510"},
        lambda run: write_json(run.record_file, run.record | {"data": "gone"}),
    ),
    "list of the split gone": (
        {"S510"},
        lambda run: (run.folder.parent / DATA / "split_setup" / f"split{SPLIT}.csv").unlink(),
    ),
}


@pytest.fixture
def run(runs: list[Run]) -> Run:
    """A run of split 10 with the four others and its own lists beside it."""
    found = next(run for run in runs if run.split == SPLIT)
    for other in runs:
        data = str(write_lists(other.folder.parent / DATA))
        write_json(other.record_file, other.record | {"data": data})
        other.weights_file.touch()
    return found


@pytest.mark.parametrize("name", DATA_RULES)
def test_what_a_run_has_learnt_from_is_checked(name: str, run: Run) -> None:
    expected, spoil = DATA_RULES[name]
    spoil(run)
    assert {fault.code for fault in check_data([run])} == expected


def test_the_sentence_counts_the_clips_and_names_the_first(run: Run) -> None:
    trained_on(*CLIPS[2:5])(run)
    (fault,) = check_data([run])
    assert fault.file == str(run.folder)
    assert fault.message == (
        "was trained on 3 clips of a larger split (audio/clip2.wav, audio/clip3.wav, "
        "audio/clip4.wav), expected clips of split 10 only."
    )


AUDIOSET = {"name": "AudioSet", "url": None, "total_audio_length": None}
MICROPHONES = {"name": "MicIRP", "url": "http://micirp.blogspot.com", "total_audio_length": 1}
FOLDER, PASST = "augment.impulse_responses=irs", "initial_weights=passt_s_swa_p16_128_ap476"

EXTERNAL: dict[str, tuple[set[str], list[str], Any]] = {
    "nothing used": (set(), [], None),
    "nothing used, something declared": (set(), [], [AUDIOSET]),
    "invented responses": (set(), ["augment.impulse_responses=synthetic"], None),
    "responses that are never drawn": (
        set(),
        [FOLDER, "augment.impulse_response_probability=0"],
        None,
    ),
    "responses": ({"S508"}, [FOLDER], None),
    "responses, empty list": ({"S508"}, [FOLDER], []),
    "responses declared": (set(), [FOLDER], [MICROPHONES]),
    "weights": ({"S508"}, [PASST], None),
    "weights declared": (set(), [PASST], [AUDIOSET | {"name": "Audio Set (balanced)"}]),
    "weights of other data": ({"S509"}, [PASST], [MICROPHONES]),
    "weights of a file": ({"S508"}, ["initial_weights=mine.pt"], None),
    "damaged declaration": ({"S508"}, [FOLDER], "AudioSet"),
}


@pytest.mark.parametrize("name", EXTERNAL)
def test_external_resources_are_declared(name: str, run: Run) -> None:
    expected, settings, declared = EXTERNAL[name]
    recipe(*settings)(run)
    document = Document({"system": {"external_datasets": declared}})
    assert {fault.code for fault in check_external(document, run, "meta.yaml")} == expected


def test_resources_of_a_teacher_are_its_students(run: Run) -> None:
    recipe(FOLDER)(Run(run.folder.parent / "split5"))
    taught_by("split5")(run)
    (fault,) = check_external(Document({}), run, "meta.yaml")
    assert fault.code == "S508"
    assert "irs" in fault.message


def test_the_data_of_runs_is_checked_with_their_package(
    files: Files, runs: list[Run], evaluation: Path, tmp_path: Path
) -> None:
    path = write_zip(tmp_path / "task1.zip", files)
    trained_on(LISTS["test"][0])(runs[0])
    for run in runs:
        recipe(FOLDER)(run)
    assert codes(path, evaluation, runs) == {"S502", "S508"}
    meta("system", "external_datasets", value=[MICROPHONES])(files)
    write_zip(path, files)
    assert codes(path, evaluation, runs) == {"S502"}


def test_a_run_of_the_real_lists(tau_lists: Path, run: Run) -> None:
    """The 61,050 development clips of neither list are told from those of test, by TAU's lists."""
    names = (tau_lists / "meta.csv").read_text().splitlines()[1:]
    append(run.training_list_file, *(line.split("\t")[0] for line in names))
    record = run.record | {"data": str(tau_lists), "split": 100}
    write_json(run.record_file, record)
    shutil.copy(run.training_list_file, run.calibration_file)
    found = {fault.code: fault.message for fault in check_data([open_run(run.folder)])}
    assert set(found) == {"S502", "S503", "S504"}
    assert "on 29,680 clips of the test list" in found["S502"]
    assert "on 61,050 clips of neither train nor test" in found["S503"]


def test_runs_are_checked_in_every_year(
    files: Files, run: Run, tmp_path: Path, evaluation: Path
) -> None:
    lines = evaluation.read_text().splitlines()
    known = [f"{line}\t{'a' if row else 'device_id'}" for row, line in enumerate(lines)]
    write_text(tmp_path / "list.csv", "\n".join(known) + "\n")
    trained_on(CLIPS[-1])(run)
    path = write_zip(tmp_path / "task1.zip", files)
    found = validate(path, evaluation_list=tmp_path / "list.csv", runs=[run], year=2025)
    assert "S503" in {fault.code for fault in found}
