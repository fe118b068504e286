"""The quantise stage on a trained run: every method, through the command."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from overruled import largest_overruled_margin
from safetensors.torch import load_file, save_file
from ten_scenes import write_ten_scenes
from torch import nn

import tinyscene
from baseline import models
from baseline.augmentation.synthetic_responses import synthetic_responses
from baseline.distillation import student_loss
from baseline.loop import Batch
from baseline.recipe import load_recipe, save_recipe
from baseline.run import open_run
from baseline.teacher_logits import read_logits
from quantize import qat

ROOT = Path(__file__).parent.parent
SHORT = [
    *("--set", "network=small_networks:two_blocks"),
    *("--set", "train.epochs=3"),
    *("--set", "train.batch_size=16"),
    *("--set", "quantize.calibration_clips=20"),
    *("--set", "quantize.held_out_clips=10"),
    *("--set", "quantize.qat.epochs=2"),
    *("--set", "quantize.qat.batch_size=16"),
    *("--set", "quantize.qat.frozen_epochs=1"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on ten tones, not yet quantised."""
    return train(tmp_path_factory.mktemp("quantize"))


def train(folder, *options):
    """A short run in a folder, on ten tones beside it."""
    data = write_ten_scenes(folder / "data")
    task = ["train", "--data", str(data), "--split", "100", "--recipe", "small"]
    assert tinyscene.main([*task, "--out", str(folder / "run"), *SHORT, *options]) == 0
    return folder / "run"


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the trained run of one's own."""
    shutil.copytree(trained, tmp_path / "run")
    return open_run(tmp_path / "run")


def quantize(run, *options):
    return tinyscene.main(["quantize", str(run.folder), *options])


def refused(capsys, run, *options):
    """The one sentence that a refused quantisation prints."""
    capsys.readouterr()
    before = {path for path in run.folder.rglob("*") if path.is_file()}
    assert quantize(run, *options) == 2
    after = {path for path in run.folder.rglob("*") if path.is_file()}
    assert after - before <= {run.quantize_log}
    (sentence,) = capsys.readouterr().err.strip().splitlines()
    return sentence


@pytest.mark.slow
def test_post_training_twice_gives_the_same_bytes(run):
    assert quantize(run) == 0
    files = [run.model_file(system) for system in ("onnx-fp32", "onnx-int8", "tflite-int8")]
    first = [path.read_bytes() for path in files]
    assert quantize(run) == 0
    assert [path.read_bytes() for path in files] == first
    record = json.loads(run.quantization_file("ptq").read_text())
    assert record["settings"]["observer"] == "mse"
    assert record["calibration_clips"] == run.calibration_file.read_text().split()
    assert set(record["calibration_clips"]) <= set(run.training_list_file.read_text().split())


@pytest.mark.slow
def test_every_method_decides_as_float(tmp_path, capsys):
    run = open_run(train(tmp_path, "--set", "network=baseline2024"))
    for method in ("ptq", "qat", "tuned"):
        assert quantize(run, "--method", method) == 0
    assert tinyscene.main(["evaluate", str(run.folder)]) == 0
    for system in ("onnx-int8", "tflite-int8", "onnx-int8-qat", "tflite-int8-qat"):
        assert largest_overruled_margin(run, system) < 0.1
    record = json.loads(run.quantization_file("tuned").read_text())
    assert 1 <= len(record["tried_accuracies"]) <= 4
    held_out = set(record["held_out_clips"])
    assert not held_out & set(record["calibration_clips"])
    assert held_out <= set(run.training_list_file.read_text().split())
    written = run.model_file("tflite-int8").stat().st_mtime_ns
    assert quantize(run, "--report") == 0
    assert "tflite-int8-qat TFLM" in capsys.readouterr().out
    assert json.loads(run.agreement_file.read_text())["clips"] == 20
    assert run.model_file("tflite-int8").stat().st_mtime_ns == written  # not quantised again


@pytest.mark.slow
def test_quantisation_aware_training_augments_as_the_recipe_asks(run, monkeypatch):
    settings = ["impulse_responses=synthetic", "mixup_alpha=0.3", "time_mask_frames=10"]
    recipe = load_recipe(str(run.recipe_file), [f"augment.{setting}" for setting in settings])
    run.recipe_file.write_text(save_recipe(recipe))
    augmenters = []

    def run_epochs(course, fabric, state, augmenter, *given, original=qat.run_epochs, **more):
        augmenters.append(augmenter)
        original(course, fabric, state, augmenter, *given, **more)

    monkeypatch.setattr(qat, "run_epochs", run_epochs)
    assert quantize(run, "--method", "qat", "--set", "quantize.qat.epochs=1") == 0
    (augmenter,) = augmenters
    assert augmenter.settings == recipe.augment
    np.testing.assert_array_equal(augmenter.responses.cpu(), synthetic_responses(32_000).samples)


@pytest.mark.slow
def test_stopped_quantisation_aware_training_ends_with_the_same_bytes(run, monkeypatch):
    from baseline import loop

    assert quantize(run, "--method", "qat") == 0
    whole = run.model_file("tflite-int8-qat").read_bytes()

    def save_and_stop(course, state, original=loop.save):
        original(course, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as stopping:
        stopping.setattr("baseline.loop.save", save_and_stop)
        assert quantize(run, "--method", "qat") == 130
    assert run.qat_checkpoint_file.is_file()
    assert quantize(run, "--method", "qat", "--set", "quantize.qat.epochs=1") == 0
    assert len(run.qat_history_file.read_text().splitlines()) == 2  # began anew
    with monkeypatch.context() as stopping:
        stopping.setattr("baseline.loop.save", save_and_stop)
        assert quantize(run, "--method", "qat") == 130
    assert quantize(run, "--method", "qat") == 0
    assert run.model_file("tflite-int8-qat").read_bytes() == whole
    assert not run.qat_checkpoint_file.exists()


@pytest.mark.slow
def test_what_is_trained_is_what_runs():
    """Fake-quantised and converted graphs give the same logits, up to a rounding of theirs."""
    torch.manual_seed(0)
    network = models.create("baseline2024")
    log_mels = torch.randn(12, 1, 256, 65)
    network(log_mels)
    prepared = qat.prepare(network.eval(), log_mels[:2].numpy())
    qat.set_ranges(prepared, log_mels.numpy(), qat.Observer())
    prepared.eval()
    with torch.no_grad():
        pretended, real = prepared(log_mels), qat.converted(prepared)(log_mels)
    assert pretended.std() > 0.1
    assert (pretended - real).abs().mean() < 0.002 * (pretended.max() - pretended.min())


@pytest.mark.slow
def test_calibration_folder_is_named_in_the_run(run, tmp_path):
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    data = Path(run.record["data"])
    for source in sorted((data / "audio").iterdir())[:12]:
        shutil.copy(source, recordings)
    assert quantize(run, "--calibration", str(recordings)) == 0
    names = run.calibration_file.read_text().split()
    assert names == sorted(path.name for path in recordings.iterdir())


@pytest.mark.slow
def test_too_few_recordings_are_refused(run, tmp_path, capsys):
    assert "at least 10" in refused(capsys, run, "--calibration", str(tmp_path / "run" / "plots"))


def test_scene_without_clips_is_refused(run, capsys):
    data = Path(run.record["data"])
    listing = data / "split_setup" / "split100.csv"
    whole = listing.read_text()
    try:
        listing.write_text("".join(x for x in whole.splitlines(True) if "audio/tram" not in x))
        assert "tram" in refused(capsys, run)
    finally:
        listing.write_text(whole)


def test_exported_file_is_not_quantised_again(run, capsys):
    assert tinyscene.main(["quantize", str(run.folder / "models" / "tflite-int8.tflite")]) == 2
    assert "exported file" in capsys.readouterr().err


def test_other_settings_than_quantisation_are_refused(run, capsys):
    assert "quantize.observer" in refused(capsys, run, "--set", "train.epochs=4")


def test_unknown_observer_is_refused(run, capsys):
    assert "'percentile'" in refused(capsys, run, "--set", "quantize.observer=entropy")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(run, capsys, value):
    weights = load_file(run.weights_file)
    weights["in_c.0.0.weight"][0] = value
    save_file(weights, run.weights_file)
    assert "in_c.0.0.weight" in refused(capsys, run)


@pytest.mark.slow
def test_dead_channels_do_no_harm(run):
    weights = load_file(run.weights_file)
    weights["stages.s1.b1.block.0.0.weight"][:5] = 0
    weights["stages.s1.b1.block.1.1.weight"][:5] = 0
    save_file(weights, run.weights_file)
    assert quantize(run) == 0
    assert tinyscene.main(["evaluate", str(run.folder)]) == 0
    assert largest_overruled_margin(run, "tflite-int8") < 0.1


class Bessel(nn.Module):
    def forward(self, x):
        return torch.special.bessel_j0(x)


def with_bessel():
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))
    return nn.Sequential(nn.Conv2d(1, 4, 3, 4), Bessel(), head)


@pytest.mark.slow
def test_operator_that_cannot_be_converted_is_named(run, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    recipe = run.recipe_file.read_text()
    run.recipe_file.write_text(
        recipe.replace("small_networks:two_blocks", "test_quantize_run:with_bessel")
    )
    save_file(with_bessel().state_dict(), run.weights_file)
    sentence = refused(capsys, run)
    assert "bessel_j0" in sentence
    assert "module '1'" in sentence


@pytest.mark.slow
def test_onnx_of_qat_holds_int8_weights_with_zero_points_of_their_own(tmp_path):
    network = models.create("baseline2024").eval()
    log_mels = np.random.default_rng(0).normal(-3, 3, (4, 1, 256, 65)).astype(np.float32)
    prepared = qat.prepare(network, log_mels[:2])
    qat.set_ranges(prepared, log_mels, qat.Observer())
    prepared.eval()
    qat.write_onnx(prepared, log_mels, tmp_path / "qat.onnx")
    graph = onnx.load(tmp_path / "qat.onnx").graph
    stored = graph.initializer
    sizes = dict.fromkeys((onnx.TensorProto.INT8, onnx.TensorProto.FLOAT), 0)
    for tensor in stored:
        if tensor.data_type in sizes:
            sizes[tensor.data_type] += int(np.prod(tensor.dims))
    assert sizes[onnx.TensorProto.INT8] > 58_000
    assert sizes[onnx.TensorProto.FLOAT] < 4_000  # scales
    names = {tensor.name for tensor in stored}
    assert names <= {name for node in graph.node for name in node.input}
    zero_points = [
        node.input[2]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in names and len(node.input) == 3
    ]
    assert len(set(zero_points)) == len(zero_points) > 20


@pytest.mark.slow
def test_your_own_network_and_front_end_as_documented(tmp_path, monkeypatch, capsys):
    text = (ROOT / "docs" / "your-own.md").read_text()
    blocks = dict(re.findall(r"```(python|yaml|bash)\n(.*?)```", text, re.DOTALL))
    monkeypatch.chdir(tmp_path)
    data = write_ten_scenes(tmp_path / "data")
    Path("my_networks.py").write_text(blocks["python"])
    Path("my_recipe.yaml").write_text(blocks["yaml"])
    replaced = blocks["bash"].replace("DATA", str(data))
    for line in replaced.replace("RECORDINGS", str(data / "audio")).splitlines():
        assert tinyscene.main(shlex.split(line)[1:]) == 0, line
    assert "tflite-int8" in capsys.readouterr().out
    assert open_run(Path("mine")).recipe.front_end.n_mels == 64


@pytest.mark.slow
def test_quantisation_aware_training_learns_from_the_teachers_again(run, monkeypatch, capsys):
    logits = run.folder.parent / "teachers.npz"
    assert tinyscene.main(["teach", str(run.folder), "--out", str(logits)]) == 0
    student = run.folder.parent / "student"
    task = ["train", "--data", run.record["data"], "--split", "100", "--recipe", "student"]
    assert tinyscene.main([*task, "--teachers", str(logits), "--out", str(student), *SHORT]) == 0
    losses = []

    def run_epochs(course, *given, original=qat.run_epochs, **more):
        losses.append(course.loss)
        original(course, *given, **more)

    monkeypatch.setattr(qat, "run_epochs", run_epochs)
    target = ["--method", "qat", "--set", "quantize.qat_target=training"]
    assert quantize(open_run(student), *target) == 0
    clips = np.arange(4)
    answers, labels = torch.randn(4, 10), torch.arange(4)
    known = read_logits(logits)
    names = open_run(student).training_list_file.read_text().split()
    expected = student_loss(
        load_recipe("student").distill, known.of(names, logits), torch.device("cpu")
    )
    batch = Batch(clips, labels, torch.empty(4, 1, 256, 65))
    assert losses[0](answers, batch) == expected(answers, batch)
    logits.unlink()
    assert "teachers.npz: there are no" in refused(capsys, open_run(student), *target)
