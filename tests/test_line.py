"""The whole line on real recordings: from audio files to a validated package and int8 files."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from overruled import largest_overruled_margin

import tinyscene
from baseline.challenge import SCENES, SPLITS
from baseline.run import open_run
from deploy.classifier import Classifier
from submission.demo import TEAM

EVALUATION = ["airport-fold5-198411-0-0-a", "bus-fold1-64398-0-0-a"]
SHORT = [
    *("--set", "train.epochs=1"),
    *("--set", "train.batch_size=32"),
    *("--set", "quantize.calibration_clips=20"),
]


@pytest.fixture(scope="module")
def runs(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A short run of every split of the real clips, through the command; the last with int8."""
    folder = tmp_path_factory.mktemp("line")
    data = with_fewer_test_clips(shared / "data" / "esc10-as-tau", folder / "data")
    audio = evaluation_folder(shared, folder / "evaluation")
    runs = [folder / f"split{split}" for split in SPLITS]
    for split, run in zip(SPLITS, runs, strict=True):
        where = ["--store", str(folder / "store"), "--out", str(run), "--audio", str(audio)]
        task = ["run", "--data", str(data), "--split", str(split), "--recipe", "small"]
        stages = [] if run == runs[-1] else ["--float-only"]
        assert tinyscene.main([*task, *where, *stages, *SHORT]) == 0
    return runs


def with_fewer_test_clips(source: Path, folder: Path) -> Path:
    """The dataset with every fourth of its 540 test clips, of all scenes and devices."""
    shutil.copytree(source / "split_setup", folder / "split_setup")
    shutil.copy(source / "meta.csv", folder)
    (folder / "audio").symlink_to((source / "audio").resolve())
    header, *clips = (source / "split_setup" / "test.csv").read_text().splitlines()
    (folder / "split_setup" / "test.csv").write_text("\n".join([header, *clips[::4]]) + "\n")
    return folder


def evaluation_folder(shared: Path, folder: Path) -> Path:
    """The ten-second recording's seconds and two clips as an unlabelled, numbered set."""
    folder.mkdir()
    wave, rate_hz = soundfile.read(shared / "data" / "real" / "metro_station-paris.wav")
    seconds = list(wave.reshape(10, rate_hz))
    for name in EVALUATION:
        clip, _ = soundfile.read(shared / "data" / "esc10-as-tau" / "audio" / f"{name}.flac")
        seconds.append(clip)
    for number, clip in enumerate(seconds):
        soundfile.write(folder / f"{number}.wav", clip, rate_hz, subtype="PCM_24")
    return folder


@pytest.mark.slow
def test_every_system_is_evaluated(runs):
    torch_systems = ["torch-fp16", "torch-fp32"]
    for folder in runs:
        assert open_run(folder).evaluation("torch-fp32")["clips"] == 135
    for folder in runs[:-1]:
        assert open_run(folder).evaluated_systems() == torch_systems
    run = open_run(runs[-1])
    assert run.evaluated_systems() == ["onnx-fp32", "onnx-int8", "tflite-int8", *torch_systems]
    assert run.evaluation("onnx-fp32")["agreement_with_float"] == 1
    for system in ("onnx-int8", "tflite-int8"):
        assert largest_overruled_margin(run, system) < 0.1
    assert (run.plots / "confusion-tflite-int8.png").stat().st_size > 10_000
    names = run.calibration_file.read_text().split()
    assert set(names) <= set(run.training_list_file.read_text().split())


@pytest.mark.slow
def test_package_is_valid_and_faults_are_found(runs, tmp_path, capsys):
    team, archive, listing = tmp_path / "team.yaml", tmp_path / "task1.zip", tmp_path / "list.csv"
    team.write_text(TEAM)
    listing.write_text("filename\n" + "".join(f"audio/{n}.wav\n" for n in range(12)))
    folders = list(map(str, runs))
    options = ["--team", str(team), "--out", str(archive), "--list", str(listing)]
    assert tinyscene.main(["package", *folders, *options]) == 0
    validate = ["validate", str(archive), "--list", str(listing), "--runs", *folders]
    assert tinyscene.main(validate) == 0
    assert sum(name.endswith(".csv") for name in zipfile.ZipFile(archive).namelist()) == 5
    assert tinyscene.main(["validate", str(archive)]) == 1  # not the official 135,730 clips
    assert "135,730" in capsys.readouterr().out


@pytest.mark.slow
def test_missing_split_is_not_packaged(runs, tmp_path, capsys):
    team, archive = tmp_path / "team.yaml", tmp_path / "task1.zip"
    team.write_text(TEAM)
    options = ["--team", str(team), "--out", str(archive)]
    assert tinyscene.main(["package", *map(str, runs[:4]), *options]) == 2
    assert "100" in capsys.readouterr().err
    assert not archive.exists()


@pytest.mark.slow
def test_int8_file_stands_alone(runs, shared, tmp_path):
    source = open_run(runs[-1]).model_file("tflite-int8")
    for path in (source, source.with_name(source.name + ".json")):
        shutil.copy(path, tmp_path)
    wave, rate_hz = soundfile.read(shared / "data" / "real" / "metro_station-paris.wav")
    classifier = Classifier(tmp_path / source.name)
    assert classifier.labels == SCENES
    together = classifier.probabilities(wave, rate_hz)
    np.testing.assert_allclose(together.sum(), 1)
    # The ten-second recording's answer is the mean of its seconds', up to the edges' resampling.
    apart = classifier.probabilities(wave.reshape(10, rate_hz), rate_hz).mean(0)
    np.testing.assert_allclose(together, apart, atol=0.05)


@pytest.mark.slow
def test_predictions_follow_the_numbers(runs):
    run = open_run(runs[0])
    lines = run.predictions_file(run.recipe.submitted_system).read_text().splitlines()
    assert [line.split("\t")[0] for line in lines[1:]] == [f"{n}.wav" for n in range(12)]
