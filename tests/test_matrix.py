"""The matrix: what is missing is run, nothing twice, whatever kills it."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import tinyscene
from baseline.challenge import SPLITS
from baseline.clips import read_dataset
from baseline.run import Run
from baseline.teacher_logits import TeacherLogits, write_logits
from deploy.errors import InputError
from submission.matrix import Matrix, cells, fitting_workers
from tests.signals import hear_ctrl_c

SHORT = ["--set", "train.epochs=1", "--set", "train.batch_size=8", "--float-only"]


def command(place, *words):
    where = ["--data", str(place / "data"), "--out", str(place / "runs")]
    return [sys.executable, tinyscene.__file__, "matrix", *where, *SHORT, *words]


def run(place, *words, **settings):
    return subprocess.run(command(place, *words), capture_output=True, text=True, **settings)


@pytest.fixture
def place(tiny_dataset, tmp_path):
    tiny_dataset().rename(tmp_path / "data")
    return tmp_path


def scores(place):
    return {path: path.stat().st_mtime_ns for path in place.glob("runs/*/evaluation/*.json")}


@pytest.mark.slow
def test_runs_what_is_missing_and_nothing_twice(place):
    words = ["--recipes", "small", "--splits", "100,25", "--seeds", "1", "--workers", "2"]
    first = run(place, *words)
    assert first.returncode == 0, first.stderr
    assert "0 of 2 cells are complete already" in first.stdout
    before = scores(place)
    assert len(before) == 4  # two systems of torch each
    more = run(place, *words[:-4], "--seeds", "2")
    assert "2 of 4 cells are complete already" in more.stdout
    after = scores(place)
    assert len(after) == 8
    assert all(after[path] == when for path, when in before.items())


@pytest.mark.slow
def test_students_get_the_logits_of_their_split(place):
    dataset = read_dataset(place / "data")
    names = tuple(dataset.clips.filename[dataset.train_rows(100)])
    logits = np.zeros((len(names), 1, 10), np.float32)
    write_logits(place / "teachers" / "split100.npz", TeacherLogits(names, logits, 100, ("t",)))
    words = ["--recipes", "student", "--splits", "100", "--seeds", "1"]
    done = run(place, *words, "--teachers", str(place / "teachers"))
    assert done.returncode == 0, done.stderr
    record = Run(place / "runs" / "student-split100-seed0").record
    assert record["teachers"].endswith("teachers/split100.npz")


@pytest.mark.slow
def test_a_failing_cell_is_told_and_the_others_go_on(place):
    foreign = place / "runs" / "small-split25-seed0"
    foreign.mkdir(parents=True)
    (foreign / "mine.txt").touch()
    done = run(place, "--recipes", "small", "--splits", "25,100", "--seeds", "1")
    assert done.returncode == 1
    assert "small-split25-seed0 failed (tinyscene: " in done.stdout
    assert "expected a run or an empty folder" in done.stdout
    assert (place / "runs" / "small-split100-seed0" / "weights.safetensors").is_file()


def children_of(pid):
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [int(child) for child in found.split()]


@pytest.mark.slow
def test_two_matrices_in_one_folder(place):
    words = ["--recipes", "small", "--splits", "100", "--seeds", "3", "--workers", "1"]
    with subprocess.Popen(
        command(place, *words), stdout=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c
    ) as first:
        assert "0 of 3" in first.stdout.readline()
        second = run(place, *words)
        assert second.returncode == 2
        assert "another matrix is at work in this folder" in second.stderr
        first.send_signal(signal.SIGINT)
        first.communicate()
        assert first.returncode == 130
    assert children_of(first.pid) == []


@pytest.mark.slow
def test_all_25_cells_are_complete_after_five_kills(place):
    words = ["--recipes", "small", "--seeds", "5", "--workers", "2"]
    rng = np.random.default_rng(0)
    for _ in range(5):
        with subprocess.Popen(command(place, *words), stdout=subprocess.DEVNULL) as process:
            time.sleep(rng.uniform(3, 12))
            process.kill()
    done = run(place, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    complete = sorted(path.name for path in place.glob("runs/small-*"))
    expected = sorted(f"small-split{split}-seed{seed}" for split in SPLITS for seed in range(5))
    assert complete == expected
    for name in complete:
        made = Run(place / "runs" / name)
        assert made.weights_file.is_file()
        assert json.loads(made.evaluation_file("torch-fp16").read_text())["clips"] == 2


# --- refused before any work


def matrix(tmp_path, **settings):
    wanted = {"recipes": ("small",), "splits": (5, 25), "seeds": (0,)}
    return Matrix(data=tmp_path, out=tmp_path / "runs", **(wanted | settings))


def test_cells_are_every_combination_small_splits_first(tmp_path):
    every = cells(
        matrix(tmp_path, recipes=("small", "baseline2024"), splits=(100, 5), seeds=(0, 1))
    )
    assert [(cell.split, cell.seed, cell.recipe.name) for cell in every] == [
        (split, seed, name)
        for split in (5, 100)
        for seed in (0, 1)
        for name in ("small", "baseline2024")
    ]
    assert len({cell.folder for cell in every}) == 8


def test_students_need_teachers_for_every_split(tmp_path):
    with pytest.raises(InputError, match=r"--teachers FOLDER with split5.npz, split25.npz"):
        cells(matrix(tmp_path, recipes=("student",)))
    with pytest.raises(InputError, match=r"split5.npz: there are no teachers' logits"):
        cells(matrix(tmp_path, recipes=("student",), teachers=tmp_path))


def test_recipes_of_one_name_or_other_rates_are_refused(tmp_path):
    own = tmp_path / "small.yaml"
    own.write_text("front_end: cpresnet_dir\ntrain: {epochs: 1, warmup_share: 0.1}\n")
    with pytest.raises(InputError, match="two recipes are named 'small'"):
        cells(matrix(tmp_path, recipes=("small", str(own))))
    other = own.rename(tmp_path / "slow.yaml")
    with pytest.raises(InputError, match=r"different rates \(small 32000 Hz, slow 22050 Hz\)"):
        cells(matrix(tmp_path, recipes=("small", str(other))))


def test_at_least_one_worker_fits():
    assert 1 <= fitting_workers() <= max(1, (os.cpu_count() or 1) // 2)


@pytest.mark.parametrize("splits", ["7", "5,", "all"])
def test_unknown_splits_are_refused(splits, capsys):
    with pytest.raises(SystemExit) as stop:
        tinyscene.main(["matrix", "--data", "x", "--recipes", "small", "--splits", splits])
    assert stop.value.code == 2
    assert "expected some of 5, 10, 25, 50, 100" in capsys.readouterr().err


def test_an_unknown_recipe_is_refused(capsys):
    assert tinyscene.main(["matrix", "--data", "x", "--recipes", "smal"]) == 2
    assert "smal" in capsys.readouterr().err
