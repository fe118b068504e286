"""The classifier on a device: waves of all kinds, damaged files, other interpreters."""

import sys
import types

import numpy as np
import pytest

from deploy import interpreters
from deploy.classifier import Classifier, as_float, one_second_windows, softmax
from deploy.errors import InputError
from deploy.frontend import front_end
from deploy.interpreters import LITERT, TFLITE_RUNTIME, dequantize, open_interpreter, quantize
from deploy.model_file import ModelInfo, info_file, read_info, write_info
from tests.toy_models import write_toy

SPEC = front_end("dcase2024")


def test_long_waves_are_cut_into_seconds():
    wave = np.arange(80_000, dtype=np.float32) / 80_000
    windows = one_second_windows(wave, 32_000, SPEC)
    assert windows.shape == (1, 3, 32_000)
    np.testing.assert_array_equal(windows[0, 1], wave[32_000:64_000])
    np.testing.assert_array_equal(windows[0, 2], wave[-32_000:])


def test_batches_keep_their_order():
    waves = np.random.default_rng(0).normal(size=(3, 44_100)).astype(np.float32)
    windows = one_second_windows(waves, 44_100, SPEC)
    assert windows.shape == (3, 1, 32_000)
    alone = one_second_windows(waves[2], 44_100, SPEC)[0]
    np.testing.assert_allclose(windows[2], alone, atol=1e-5)


def test_a_wave_of_less_than_a_second_is_repeated():
    wave = np.random.default_rng(0).normal(size=12_000).astype(np.float32)
    window = one_second_windows(wave, 32_000, SPEC)[0, 0]
    np.testing.assert_array_equal(window, np.concatenate([wave, wave, wave[:8_000]]))


def test_short_wave_is_refused():
    with pytest.raises(InputError, match="found 3199 samples at 32000 Hz"):
        one_second_windows(np.zeros(3_199, np.float32), 32_000, SPEC)


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        (np.uint8, [0, 192]),
        (np.int8, [-128, 64]),
        (np.int16, [-(2**15), 2**14]),
        (np.int32, [-(2**31), 2**30]),
        (np.float16, [-1, 0.5]),
        (np.float64, [-1, 0.5]),
    ],
)
def test_samples_of_every_type_are_scaled(dtype, stored):
    samples = as_float(np.array(stored, dtype))
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, [-1, 0.5])


def test_other_samples_are_refused():
    with pytest.raises(InputError, match="type int64"):
        as_float(np.array([1]))
    with pytest.raises(InputError, match="NaN"):
        as_float(np.array([np.nan]))


def test_channels_are_averaged(tmp_path):
    scenes = Classifier(write_toy(tmp_path / "toy.tflite"))
    stereo = np.random.default_rng(0).normal(0, 0.1, (2, 44_100))
    mono = scenes.probabilities(stereo.mean(0), 44_100)
    for axis, wave in ((0, stereo), (1, stereo.T)):
        assert (scenes.probabilities(wave, 44_100, channel_axis=axis) == mono).all()
    batch = scenes.probabilities(stereo[None], 44_100, channel_axis=1)
    assert batch.shape == (1, 10)
    assert (batch[0] == mono).all()


def test_softmax_of_large_logits():
    probabilities = softmax(np.array([[1000.0, 1000.0, -1000.0]]))
    np.testing.assert_allclose(probabilities, [[0.5, 0.5, 0]])


def test_quantisation_rounds_clips_and_comes_back():
    tensor = {"dtype": np.int8, "quantization": (0.5, -3)}
    values = np.array([0.0, 0.74, -1000, 1000], np.float32)
    np.testing.assert_array_equal(quantize(values, tensor), [-3, -2, -128, 127])
    np.testing.assert_array_equal(
        dequantize(quantize(values[:2], tensor), tensor), np.array([0, 0.5], np.float32)
    )


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("model.pt", b"x", "expected .tflite or .onnx"),
        ("model.tflite", b"", "is not a TFLite model"),
        ("model.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(40), "cannot be run"),
        ("model.onnx", b"\x08\x0a broken", "not a complete ONNX model"),
    ],
)
def test_damaged_model_is_refused(name, content, words, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        open_interpreter(path)


def test_missing_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such model file"):
        Classifier(tmp_path / "absent.tflite")


def test_model_information_survives_writing(tmp_path):
    model = tmp_path / "model.tflite"
    info = ModelInfo(("bus", "tram"), SPEC, 61_148, 29_419_156)
    write_info(model, info)
    assert read_info(model) == info
    info_file(model).write_text("{}")
    with pytest.raises(InputError, match="does not describe labels"):
        read_info(model)
    info_file(model).unlink()
    with pytest.raises(InputError, match="is missing; keep it beside"):
        read_info(model)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AttributeError("_ARRAY_API not found"), "needs numpy<2, found"),
        (SystemError("numpy.core.multiarray failed to import"), "needs numpy<2, found"),
        (ValueError("no such thing"), "no such thing"),
    ],
)
def test_interpreter_that_imports_but_cannot_be_constructed(error, words, tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(40))

    class Unusable:
        def __init__(self, **_: object) -> None:
            raise error

    module = types.ModuleType("tflite_runtime.interpreter")
    module.Interpreter = Unusable
    monkeypatch.setitem(sys.modules, "tflite_runtime", types.ModuleType("tflite_runtime"))
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", module)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(InputError, match=rf"{words}.*pip install ai-edge-litert"):
        open_interpreter(path)


def test_interpreter_that_cannot_be_constructed_gives_way_to_one_that_can(tmp_path, monkeypatch):
    def fail(content: bytes, threads: int) -> None:
        raise SystemError("_ARRAY_API not found")

    model = write_toy(tmp_path / "toy.tflite")
    monkeypatch.setitem(interpreters.BACKENDS, ".tflite", (TFLITE_RUNTIME, LITERT))
    monkeypatch.setitem(interpreters._LOADERS, TFLITE_RUNTIME, fail)
    assert open_interpreter(model).backend == LITERT


def test_ctrl_c_during_an_import_is_ctrl_c(tmp_path, monkeypatch):
    def fail(content: bytes, threads: int) -> None:
        raise ImportError from KeyboardInterrupt()

    model = write_toy(tmp_path / "toy.tflite")
    monkeypatch.setitem(interpreters._LOADERS, LITERT, fail)
    with pytest.raises(KeyboardInterrupt):
        open_interpreter(model)


def test_interpreter_asked_for_must_run_the_file(tmp_path):
    model = write_toy(tmp_path / "toy.onnx")
    assert open_interpreter(model, backend="onnxruntime").backend == "onnxruntime"
    with pytest.raises(InputError, match=r"ai-edge-litert runs no \.onnx; use onnxruntime"):
        open_interpreter(model, backend="ai-edge-litert")
