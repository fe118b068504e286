"""Predicting many recordings: kills, changes and damage neither lose a row nor do one twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from baseline.recipe import load_recipe
from baseline.run import Run, create_run
from deploy.errors import InputError
from submission.partial_predictions import open_partial
from submission.predict import predict_run
from submission.predictions import read_predictions
from tests.synthetic_runs import softmax
from tests.toy_models import write_toy

SYSTEM = "tflite-int8"
CLIPS = 300
WHO = {"model": "a"}


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audio")
    generator = np.random.default_rng(0)
    for number in range(CLIPS):
        wave = generator.normal(0, 0.01 + 0.1 * generator.random(), 44_100)
        soundfile.write(folder / f"{number}.wav", wave.astype(np.float32), 44_100)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Run:
    recipe = load_recipe("small", ["precision=int8"])
    made = create_run(
        tmp_path / "run", recipe, split=5, seed=0, data=tmp_path, store=tmp_path / "store"
    )
    made.weights_file.write_bytes(b"weights")
    write_toy(made.model_file(SYSTEM))
    return made


def predict(run: Run, audio: Path, workers: int = 1) -> bytes:
    return predict_run(run, audio, workers=workers, show_progress=False).read_bytes()


def start(run: Run, audio: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tinyscene", "predict", str(run.folder), "--workers", "1"]
    return subprocess.Popen([*command, "--audio", str(audio)], stdout=subprocess.DEVNULL)


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    run: Run, audio: Path, tmp_path: Path
) -> None:
    whole = predict(run, audio)
    run.predictions_file(SYSTEM).unlink()
    partial = run.partial_predictions_file(SYSTEM)
    sizes, moments = [0], random.Random(0)
    for _ in range(4):
        process = start(run, audio)
        while not (partial.is_file() and partial.stat().st_size > sizes[-1]):
            time.sleep(0.01)
            if process.poll() is not None:
                break
        time.sleep(moments.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if not partial.is_file():
            break
        sizes.append(partial.stat().st_size)
    assert sizes == sorted(sizes)
    assert predict(run, audio) == whole
    assert not partial.exists()


def test_what_was_done_is_not_done_again(
    run: Run, audio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = predict(run, audio)
    done: list[int] = []

    def parts(*arguments, original=sys.modules["submission.predict"]._parts):
        for part in original(*arguments):
            done.append(len(part))
            yield part
            if len(done) == 2:
                raise InputError("stopped")

    run.predictions_file(SYSTEM).unlink()
    monkeypatch.setattr("submission.predict._parts", parts)
    with pytest.raises(InputError, match="stopped"):
        predict(run, audio)
    assert predict(run, audio) == whole
    assert sum(done) == CLIPS
    predict(run, audio)
    assert sum(done) == CLIPS, "complete predictions are left alone"


def test_another_model_begins_anew(run: Run, audio: Path) -> None:
    first = predict(run, audio)
    model = run.model_file(SYSTEM)
    model.write_bytes(write_toy(run.folder / "other.tflite", mels=256).read_bytes() + b"\0")
    record = run.predictions_record_file(SYSTEM)
    before = record.read_text()
    predict(run, audio)
    assert record.read_text() != before
    assert len(read_predictions(run.predictions_file(SYSTEM)).filenames) == CLIPS
    assert first


def test_several_workers_give_the_same_bytes(run: Run, audio: Path) -> None:
    alone = predict(run, audio)
    run.predictions_record_file(SYSTEM).unlink()
    assert predict(run, audio, workers=2) == alone


def test_a_recording_that_cannot_be_read_keeps_what_came_before(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "audio"
    folder.mkdir()
    for number in range(70):
        soundfile.write(folder / f"{number}.wav", np.full(44_100, 0.1), 44_100)
    (folder / "68.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"68\.wav: cannot be read as audio"):
        predict(run, folder)
    assert run.partial_predictions_file(SYSTEM).stat().st_size > 64 * 40
    soundfile.write(folder / "68.wav", np.full(44_100, 0.1), 44_100)
    assert predict(run, folder).count(b"\n") == 71


def rows_kept(path: Path, chunk: int = 1, who: dict[str, str] = WHO) -> int:
    try:
        with open_partial(path, who, chunk) as partial:
            kept = partial.rows
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        return kept


def write_partial(path: Path, rows: int) -> np.ndarray:
    probabilities = softmax(np.random.default_rng(0), rows)
    try:
        with open_partial(path, WHO, 1) as partial:
            partial.append(probabilities)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        return probabilities


def test_rows_come_back(tmp_path: Path) -> None:
    path = tmp_path / "x.part"
    written = write_partial(path, 10)
    with open_partial(path, WHO, 1) as partial:
        np.testing.assert_array_equal(partial.probabilities(), written)
        partial.append(written[:3])
        assert partial.rows == 13 == len(partial.probabilities())
    assert not path.exists()


def test_torn_and_empty_rows_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "x.part"
    write_partial(path, 10)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert rows_kept(path) == 9
    path.write_bytes(whole + bytes(80))
    assert rows_kept(path) == 10
    assert rows_kept(path, chunk=4) == 8
    path.write_bytes(whole)
    assert rows_kept(path, who={"model": "b"}) == 0


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.part"
    with (
        open_partial(path, WHO, 1),
        pytest.raises(InputError, match="another process is predicting"),
        open_partial(path, WHO, 1),
    ):
        pass


def test_where_nothing_was_done_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "x.part"
    assert rows_kept(path) == 0
    assert not path.exists()
