"""Whole recordings: classified piece by piece as if at once, bad ones left out."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import tinyscene
from baseline.challenge import SCENES
from deploy.classifier import Classifier
from deploy.errors import InputError
from deploy.recordings import BLOCK_SECONDS, classify_file, classify_files, recordings
from deploy.windows import seconds
from tests.bad_input.spoil import wav
from tests.toy_models import write_toy


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("model") / "toy.tflite")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_sound(path, seconds, *, rate_hz=44_100, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    shape = (round(seconds * rate_hz), channels)
    wave = rng.uniform(-1, 1, shape) * np.linspace(0.01, 0.9, shape[0])[:, None]
    soundfile.write(path, wave, rate_hz, subtype="FLOAT")
    return wave.astype(np.float32)


@pytest.mark.parametrize(
    ("length", "windows"), [(20, [0, 20]), (100, [0]), (250, [0, 100, 150]), (300, [0, 100, 200])]
)
@pytest.mark.parametrize("block", [7, 1_000])
def test_seconds_of_a_stream(length, windows, block):
    stream = np.arange(length)
    parts = [stream[start : start + block] for start in range(0, length, block)]
    found = list(seconds(parts, 100))
    if length < 100:
        np.testing.assert_array_equal(found, [np.tile(stream, 5)])
        return
    np.testing.assert_array_equal(found, [stream[start : start + 100] for start in windows])


@pytest.mark.parametrize("length", [0.4, 1.0, 2.5, BLOCK_SECONDS, 2 * BLOCK_SECONDS + 0.3])
@pytest.mark.parametrize("rate_hz", [32_000, 44_100])
def test_a_recording_gives_what_its_whole_wave_gives(length, rate_hz, model, place):
    classifier = Classifier(model)
    wave = write_sound(place / "a.wav", length, rate_hz=rate_hz, channels=2)
    found_length, probabilities = classify_file(classifier, place / "a.wav")
    whole = classifier.probabilities(wave, rate_hz, channel_axis=1)
    assert found_length == pytest.approx(length, abs=1e-4)
    np.testing.assert_allclose(probabilities, whole, atol=1e-5)


def test_bad_recordings_do_not_stop_the_others(model, place):
    for name in ("1.wav", "3.wav"):
        write_sound(place / name, 1)
    write_sound(place / "2.wav", 0.05)
    wav("4.wav", value=np.nan)(place)
    (place / "5.wav").write_bytes(b"RIFF")
    paths = [place / f"{number}.wav" for number in range(1, 7)]
    outcomes = list(classify_files(model, paths))
    assert [outcome.path for outcome in outcomes] == paths
    assert [outcome.probabilities is not None for outcome in outcomes] == [1, 0, 1, 0, 0, 0]
    for outcome, words in zip(
        outcomes[1:2] + outcomes[3:],
        ("found 0.050 s, expected at least 0.1", "NaN", "cannot be read", "no such file"),
        strict=True,
    ):
        assert words in outcome.fault
        assert str(outcome.path) in outcome.fault


def test_names_and_files_that_stop_nothing(model, place):
    write_sound(place / "a.wav", 1)
    unspeakable = place / os.fsdecode(b"\xff.wav")
    shutil.copy(place / "a.wav", unspeakable)
    write_sound(place / "odd.wav", 1, rate_hz=44_101)
    os.mkfifo(place / "pipe.wav")
    paths = [place / f"{'x' * 300}.wav", unspeakable, place / "odd.wav", place / "pipe.wav"]
    outcomes = list(classify_files(model, recordings(paths)))
    expected = ("cannot be read", "", f"{place / 'odd.wav'}: found 44101 Hz", "is a pipe")
    for outcome, words in zip(outcomes, expected, strict=True):
        assert words in outcome.fault
        assert bool(outcome.fault) == bool(words)


def test_a_folder_stands_for_its_recordings(place):
    for name in ("b.wav", "a.FLAC", "c.txt"):
        (place / name).touch()
    assert recordings([place, place / "c.txt"]) == [
        place / "a.FLAC",
        place / "b.wav",
        place / "c.txt",
    ]
    (place / "empty").mkdir()
    with pytest.raises(InputError, match="found no WAV or FLAC"):
        recordings([place / "empty"])


def test_csv_of_the_command(model, place, capsys):
    write_sound(place / "a, b.wav", 1.5)
    assert tinyscene.main(["classify", "a, b.wav", "--model", str(model), "--csv"]) == 0
    header, row = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["file", "scene", "seconds", *SCENES]
    _, probabilities = classify_file(Classifier(model), place / "a, b.wav")
    assert row[:3] == ["a, b.wav", SCENES[probabilities.argmax()], "1.500"]
    np.testing.assert_allclose([float(number) for number in row[3:]], probabilities, atol=1e-6)


def test_table_of_the_command(model, place, capsys):
    write_sound(place / "a.wav", 1)
    assert tinyscene.main(["classify", "a.wav", "no.wav", "--model", str(model)]) == 1
    said = capsys.readouterr()
    header, row = said.out.splitlines()
    assert header.split() == ["file", "seconds", "scene", "prob.", "next", "prob."]
    name, length, scene, first, _, second = row.split()
    assert (name, length) == ("a.wav", "1.00")
    assert scene in SCENES
    assert float(first) >= float(second)
    assert "no.wav: there is no such file" in said.err
    assert "1 of 2 recordings could not be classified" in said.err


def test_names_that_are_no_text_are_printed_all_the_same(model, place):
    name = os.fsdecode(b"x\xff.wav")
    (place / name).symlink_to(place / "a.wav")
    write_sound(place / "a.wav", 1)
    script = (
        "import sys; sys.modules['soundfile'] = None; import tinyscene; tinyscene.entry_point()"
    )
    command = [sys.executable, "-c", script, "classify", name, "--model", str(model), "--csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "x\\udcff.wav," in done.stdout


def test_run_time_needs_neither_torch_nor_pandas(model, place):
    write_sound(place / "a.wav", 1)
    script = (
        "import sys, json, tinyscene;"
        f"tinyscene.main(['classify', 'a.wav', '--model', {str(model)!r}]);"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    assert "deploy.classifier" in modules
    assert not modules & {"torch", "pandas", "baseline", "onnxruntime", "tqdm", "pydantic"}
