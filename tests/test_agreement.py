"""The agreement report on a small network, sound and deliberately spoiled."""

from __future__ import annotations

import builtins
import copy
import json
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from ten_scenes import write_ten_scenes
from torch import nn

from baseline.clips import read_dataset
from baseline.models.cp_mobile import conv_norm
from baseline.recipe import load_recipe
from baseline.run import create_run
from baseline.store import prepare
from deploy.errors import InputError
from deploy.files import write_json
from deploy.frontend import front_end
from deploy.interpreters import quantize
from quantize import tflite_files
from quantize.agreement.all_outputs import all_outputs
from quantize.agreement.engines import (
    NO_TFLM,
    REFERENCE,
    TFLM,
    XNNPACK,
    EngineError,
    LiteRT,
    open_engine,
)
from quantize.agreement.layer_causes import causes
from quantize.agreement.layer_noise import UnnamedTensorsError, layer_report
from quantize.agreement.report import agreement, compare_integers, report
from quantize.agreement.text import render
from quantize.quantization import quantize_run
from quantize.system_names import FLOAT_SYSTEM

pytestmark = pytest.mark.slow  # a network is converted for each

SYSTEMS = ["torch-fp32", "onnx-fp32", "onnx-int8"]
ENGINES = [f"tflite-int8 {engine}" for engine in (REFERENCE, XNNPACK, TFLM)]
LAYERS = ["log_mel", "first.2", "second.2", "third.1", "joined", "head.0", "logits"]


class Tiny(nn.Module):
    """Log-mel (batch, 1, mels, frames) to logits (batch, 10), with a shortcut."""

    def __init__(self):
        super().__init__()
        self.first = conv_norm(1, 16, 3, (4, 4), relu=True)
        self.second = conv_norm(16, 16, 3, (2, 2), groups=16, relu=True)
        self.third = conv_norm(16, 16, 1, (1, 1), relu=False)
        self.joined = nn.ReLU(inplace=True)
        self.head = nn.Sequential(
            OrderedDict([("0", nn.Conv2d(16, 10, 1)), ("1", nn.AdaptiveAvgPool2d(1))])
        )

    def forward(self, log_mel):
        x = self.second(self.first(log_mel))
        added = self.third(x).add_(x)  # in place, as hooks must survive
        return self.head(self.joined(added)).flatten(1)


def seeded():
    """The network with seeded weights and batch norm statistics of noise, in evaluation mode."""
    torch.manual_seed(0)
    network = Tiny()
    with torch.no_grad():
        for _ in range(3):
            network(torch.from_numpy(log_mels(16, seed=1)))
    return network.eval()


def log_mels(clips, seed):
    return np.random.default_rng(seed).normal(-2, 3, (clips, 1, 64, 33)).astype(np.float32)


def measured(network, folder):
    path = folder / "int8.tflite"
    tflite_files.convert_int8(network, log_mels(16, seed=2), path)
    return layer_report(network, path, log_mels(8, seed=3))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The sound network's file."""
    path = tmp_path_factory.mktemp("sound") / "int8.tflite"
    tflite_files.convert_int8(seeded(), log_mels(16, seed=2), path)
    return path


# --- engines -------------------------------------------------------------------------------------


def test_reference_kernels_give_the_integers_of_the_microcontroller(sound):
    pytest.importorskip("tflite_micro")
    reference, micro = (open_engine(name, sound) for name in (REFERENCE, TFLM))
    shape = reference.input["shape"]
    inputs = [quantize(x.reshape(shape), reference.input) for x in log_mels(50, seed=4)]
    first, second = (
        np.concatenate([engine.run(x) for x in inputs]) for engine in (reference, micro)
    )
    assert first.dtype == second.dtype == np.int8
    assert len(np.unique(first, axis=0)) > 25
    assert first.tobytes() == second.tobytes()
    assert compare_integers(first, second)["largest_lsb"] == 0


def test_microcontroller_that_is_not_installed_is_said_in_words(sound, monkeypatch):
    original = builtins.__import__

    def without_tflm(name, *arguments):
        if name.startswith("tflite_micro"):
            raise ImportError(name)
        return original(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without_tflm)
    with pytest.raises(EngineError) as refused:
        open_engine(TFLM, sound)
    assert str(refused.value) == NO_TFLM


def test_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"no network at all")
    with pytest.raises(InputError, match="is not a TFLite model"):
        open_engine(REFERENCE, path)


# --- comparisons ---------------------------------------------------------------------------------


def test_agreement_counts_clips_decided_alike():
    first, second = np.eye(10)[[0, 1, 2, 3]], np.eye(10)[[0, 1, 2, 9]]
    found = agreement({"a": first, "b": second})
    assert found == {"a": {"a": 1.0, "b": 0.75}, "b": {"a": 0.75, "b": 1.0}}


def test_integers_do_not_wrap_when_compared():
    first = np.array([[-128, 0], [5, 5]], np.int8)
    second = np.array([[127, 0], [5, 5]], np.int8)
    expected = {"largest_lsb": 255, "clips_that_differ": 1, "clips": 2}
    assert compare_integers(first, second) == expected


# --- noise of the layers -------------------------------------------------------------------------


def test_sound_layers_are_all_measured(sound):
    found = layer_report(seeded(), sound, log_mels(8, seed=3))
    assert [row["layer"] for row in found["rows"]] == LAYERS
    for row in found["rows"]:
        assert 15 < row["snr_db"] <= row["own_snr_db"] + 3
        assert row["dead_weights"] == row["lost_channels"] == []


def test_ratio_of_the_input_is_that_of_its_rounding(sound):
    """A tensor that nothing but its own rounding disturbs has noise of step squared over 12."""
    found = layer_report(seeded(), sound, log_mels(8, seed=3))
    step = LiteRT(sound.read_bytes(), reference=True).input["quantization"][0]
    power = np.square(log_mels(8, seed=3), dtype=np.float64).mean()
    assert found["rows"][0]["snr_db"] == pytest.approx(
        10 * np.log10(power / (step**2 / 12)), abs=0.2
    )
    assert found["rows"][0]["causes"] == ["rounding"]


def test_logits_are_compared_with_those_of_the_network(sound):
    """Noise of the last row against the file run by itself, without keeping its tensors."""
    network, clips = seeded(), log_mels(8, seed=3)
    file = LiteRT(sound.read_bytes(), reference=True)
    shape, (scale, zero_point) = file.input["shape"], file.output["quantization"]
    stored = [file.run(quantize(x.reshape(shape), file.input)) for x in clips]
    values = (np.concatenate(stored).astype(np.float64) - zero_point) * scale
    with torch.no_grad():
        exact = network(torch.from_numpy(clips)).double().numpy()
    expected = 10 * np.log10((exact**2).sum() / ((values - exact) ** 2).sum())
    assert layer_report(network, sound, clips)["rows"][-1]["snr_db"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("layer", "norm"), [("first.2", "first.1"), ("second.2", "second.1"), ("third.1", "third.1")]
)
def test_spoiled_layer_is_the_worst_one(layer, norm, tmp_path):
    network = seeded()
    with torch.no_grad():
        network.get_submodule(norm).weight[5] *= 1000
        network.get_submodule(norm).bias[5] *= 1000
    found = measured(network, tmp_path)
    assert found["worst"] == layer
    (row,) = (row for row in found["rows"] if row["layer"] == layer)
    assert row["causes"][0] == "outlier channel"
    assert row["outlier_channel"] == 5
    assert row["outlier_ratio"] > 100
    assert "outlier channel 5" in row["why"]


def test_dead_channels_are_named(tmp_path):
    network = seeded()
    with torch.no_grad():
        network.first[0].weight[3] = 0
        network.first[1].bias[3] = 0.5  # constant, but not zero
        network.second[1].bias[7] = -1000  # never reaches beyond its ReLU
    rows = {row["layer"]: row for row in measured(network, tmp_path)["rows"]}
    assert rows["first.2"]["dead_channels"] == rows["first.2"]["dead_weights"] == [3]
    assert 7 in rows["second.2"]["dead_channels"]
    assert rows["second.2"]["dead_weights"] == []
    assert rows["first.2"]["causes"][0] == "dead channel"
    assert "never changes: 3;" in rows["first.2"]["why"]


def test_wide_range_is_told(tmp_path):
    """One calibration clip a hundred times louder than the others takes the steps from all."""
    path, clips = tmp_path / "int8.tflite", log_mels(16, seed=2)
    clips[0] *= 100
    tflite_files.convert_int8(seeded(), clips, path)
    rows = {row["layer"]: row for row in layer_report(seeded(), path, log_mels(8, seed=3))["rows"]}
    assert rows["log_mel"]["causes"] == ["range"]
    assert rows["log_mel"]["range_ratio"] > 20
    assert "too coarse" in rows["log_mel"]["why"]


def test_narrow_range_is_told(tmp_path):
    path = tmp_path / "int8.tflite"
    tflite_files.convert_int8(seeded(), log_mels(16, seed=2) / 10, path)
    rows = {row["layer"]: row for row in layer_report(seeded(), path, log_mels(8, seed=3))["rows"]}
    assert rows["log_mel"]["causes"] == ["range"]
    assert "too narrow" in rows["log_mel"]["why"]


def test_file_whose_tensors_tell_no_modules_is_refused(sound):
    other = nn.Sequential(copy.deepcopy(seeded()))  # all names begin with '0.'
    with pytest.raises(UnnamedTensorsError):
        layer_report(other, sound, log_mels(1, seed=3))


def test_thresholds():
    quiet = {"outlier_ratio": 7.9, "range_ratio": 7.9, "clipping_share": 0.4, "rounding_share": 0.4}
    row = quiet | {"dead_channels": [], "dead_weights": []}
    assert causes(row) == ["accumulated"]
    assert causes(row | {"rounding_share": 0.5}) == ["rounding"]
    assert causes(row | {"outlier_ratio": 8.0}) == ["outlier channel"]
    assert causes(row | {"range_ratio": 8.0}) == ["range"]
    assert causes(row | {"clipping_share": 0.5}) == ["range"]
    assert causes(row | {"dead_weights": [1]}) == ["dead channel", "accumulated"]


# --- the report of a run -------------------------------------------------------------------------


def tiny():
    """The run's network, on log-mels of any size."""
    return Tiny()


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """A quantised run of the network, and the report on it."""
    pytest.importorskip("tflite_micro")
    folder = tmp_path_factory.mktemp("agreement")
    dataset = read_dataset(write_ten_scenes(folder / "data"))
    recipe = load_recipe("small", [f"network={__name__}:tiny", "quantize.calibration_clips=20"])
    rate_hz = front_end(recipe.front_end).rate_hz
    store = prepare(dataset, folder / "store", rate_hz=rate_hz)
    places = {"data": dataset.folder, "store": folder / "store"}
    run = create_run(folder / "run", recipe, split=100, seed=0, **places)
    save_file(seeded().state_dict(), run.weights_file)
    write_json(run.complexity_file, {"parameters": 1, "macs": 1})
    quantize_run(run, dataset, store)
    return run, dataset, store, report(run, dataset, store, show_progress=False)


def test_report_has_every_engine(reported):
    run, dataset, _, found = reported
    assert json.loads(run.agreement_file.read_text()) == found
    assert list(found["engines"]) == [*SYSTEMS, *ENGINES]
    assert found["left_out"] == {}
    assert found["clips"] == len(dataset.test_rows())
    for scores in found["engines"].values():
        assert scores["clips"] == found["clips"]
        assert {"macro_accuracy", "drop_points", "log_loss", "scenes", "devices"} <= scores.keys()
        assert scores["agreement_with_float"] >= 0.8
    assert {"versions", "machine", "commit"} <= found.keys()


def test_each_agrees_with_itself(reported):
    matrix = reported[-1]["agreement"]
    for first, row in matrix.items():
        assert row[first] == 1
        assert all(matrix[second][first] == share for second, share in row.items())
    assert matrix[FLOAT_SYSTEM]["onnx-fp32"] == 1
    scores = reported[-1]["engines"][FLOAT_SYSTEM]
    assert scores["drop_points"] == scores["largest_logit_difference"] == 0


def test_microcontroller_equals_the_reference_in_the_report(reported):
    pairs = {tuple(pair["engines"]): pair for pair in reported[-1]["integers"]["tflite-int8"]}
    assert set(pairs) == {(REFERENCE, XNNPACK), (REFERENCE, TFLM), (XNNPACK, TFLM)}
    expected = {"largest_lsb": 0, "clips_that_differ": 0, "clips": reported[-1]["clips"]}
    assert expected.items() <= pairs[REFERENCE, TFLM].items()


def test_logits_are_those_that_the_file_gives_by_itself(reported):
    from deploy.interpreters import open_interpreter

    run = reported[0]
    clips = np.random.default_rng(5).normal(-2, 3, (3, 1, 256, 65)).astype(np.float32)
    outputs = all_outputs(run, [clips[:2], clips[2:]])
    by_itself = open_interpreter(run.model_file("tflite-int8"))
    expected = np.concatenate([by_itself.logits(clip[None]) for clip in clips])
    np.testing.assert_array_equal(outputs.logits[f"tflite-int8 {XNNPACK}"], expected)


def test_text_names_every_engine_and_layer(reported):
    text = render(reported[-1])
    for name in (*SYSTEMS, *ENGINES, *LAYERS, "Worst layer", "airport", "LSB"):
        assert name in text


def test_pictures_are_written(reported):
    for path in (reported[0].agreement_picture, reported[0].layer_noise_picture):
        assert path.stat().st_size > 10_000


def test_run_without_an_int8_tflite_file_is_reported_without_layers(reported, tmp_path):
    run, dataset, store, _ = reported
    path, picture = run.model_file("tflite-int8"), run.layer_noise_picture
    content = path.read_bytes()
    try:
        path.unlink()
        found = report(run, dataset, store, show_progress=False)
    finally:
        path.write_bytes(content)
    assert list(found["engines"]) == SYSTEMS
    assert not picture.exists()
    assert "there is no tflite-int8.tflite" in render(found)
