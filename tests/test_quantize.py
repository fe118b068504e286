"""The exported files against the torch network, and the clips that calibrate them."""

import numpy as np
import pandas as pd
import pytest
import torch

from baseline import complexity, models
from baseline.challenge import DEVICES, SCENES
from baseline.inference import TorchClassifier
from deploy.classifier import Classifier
from deploy.errors import InputError
from deploy.frontend import front_end
from deploy.model_file import ModelInfo, write_info
from quantize import onnx_files, tflite_files
from quantize.bias_correction import convert_corrected, mean_error, output_bias
from quantize.calibration import choose_clips

pytestmark = pytest.mark.slow  # torch is converted to TFLite


@pytest.fixture(scope="module")
def network():
    """The baseline with seeded weights and batch norm statistics of noise, in evaluation mode."""
    torch.manual_seed(0)
    network = models.create("baseline2024")
    with torch.no_grad():
        for _ in range(3):
            network(torch.from_numpy(log_mels_of(noise(8, seed=1))))
    return network.eval()


def noise(clips, seed):
    rng = np.random.default_rng(seed)
    slopes = rng.uniform(0, 0.97, clips)
    waves = rng.normal(size=(clips, 32_000)).astype(np.float32)
    for wave, slope in zip(waves, slopes, strict=True):
        spectrum = np.fft.rfft(wave) / (1 + np.arange(16_001) * slope / 50)
        wave[:] = np.fft.irfft(spectrum, 32_000)
    return waves * 0.1 / np.abs(waves).max(1, keepdims=True)


def log_mels_of(waves):
    return front_end("dcase2024").log_mel(waves)


@pytest.fixture(scope="module")
def files(network, tmp_path_factory):
    """The three exported files, calibrated on noise."""
    folder = tmp_path_factory.mktemp("models")
    log_mels = log_mels_of(noise(24, seed=2))
    paths = {
        "onnx-fp32": folder / "fp32.onnx",
        "onnx-int8": folder / "int8.onnx",
        "tflite-int8": folder / "int8.tflite",
    }
    onnx_files.export_float(network, log_mels[:1], paths["onnx-fp32"])
    onnx_files.convert_int8(network, log_mels, paths["onnx-int8"])
    tflite_files.convert_int8(network, log_mels, paths["tflite-int8"])
    for path in paths.values():
        write_info(path, ModelInfo(SCENES, front_end("dcase2024")))
    return paths


def logits_of(network, log_mels):
    with torch.no_grad():
        return network(torch.from_numpy(log_mels)).numpy()


def test_float_onnx_equals_torch_for_any_batch(network, files):
    import onnxruntime

    log_mels = log_mels_of(noise(5, seed=3))
    session = onnxruntime.InferenceSession(files["onnx-fp32"])
    (logits,) = session.run(None, {"log_mel": log_mels})
    np.testing.assert_allclose(logits, logits_of(network, log_mels), atol=1e-4)


@pytest.mark.parametrize("system", ["onnx-int8", "tflite-int8"])
def test_int8_is_close_to_float(system, network, files):
    waves = noise(20, seed=4)
    reference = TorchClassifier(network, "dcase2024", torch.float32)
    int8 = Classifier(files[system]).probabilities(waves, 32_000)
    assert np.abs(int8 - reference.probabilities(waves, 32_000)).max() < 0.1


def test_tflite_is_int8_from_input_to_output(files):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(files["tflite-int8"]))
    details = interpreter.get_tensor_details()
    assert interpreter.get_input_details()[0]["dtype"] == np.int8
    assert interpreter.get_output_details()[0]["dtype"] == np.int8
    shape = tuple(interpreter.get_input_details()[0]["shape"])
    assert shape == (1, 256, 65, 1)
    floats = [d["name"] for d in details if d["dtype"] == np.float32]
    assert floats == []


def test_calibrated_ranges_are_the_true_ones(network, files):
    from ai_edge_litert.interpreter import Interpreter

    log_mels = log_mels_of(noise(24, seed=2))
    scale, zero_point = Interpreter(str(files["tflite-int8"])).get_input_details()[0][
        "quantization"
    ]
    lowest, highest = (-128 - zero_point) * scale, (127 - zero_point) * scale
    assert lowest == pytest.approx(min(0, log_mels.min()), abs=scale)
    assert highest == pytest.approx(max(0, log_mels.max()), abs=scale)


def test_bias_correction_removes_the_mean_error(network, files, tmp_path):
    log_mels = log_mels_of(noise(24, seed=2))
    path = tmp_path / "corrected.tflite"
    convert_corrected(tflite_files.convert_int8, network, log_mels, path)
    before = np.abs(mean_error(network, files["tflite-int8"], log_mels)).mean()
    after = np.abs(mean_error(network, path, log_mels)).mean()
    assert after < before / 2


def test_output_bias_is_found_only_where_it_moves_the_logits(network):
    log_mels = log_mels_of(noise(1, seed=0))
    assert output_bias(network, log_mels) == "feed_forward.1.bias"
    pooled = torch.nn.Sequential(network, torch.nn.Softmax(1))
    assert output_bias(pooled, log_mels) is None


def test_fp16_is_close_to_fp32(network):
    waves = noise(6, seed=5)
    fp32, fp16 = (
        TorchClassifier(network, "dcase2024", dtype) for dtype in (torch.float32, torch.float16)
    )
    full = fp32.probabilities(waves, 32_000)
    difference = np.abs(full - fp16.probabilities(waves, 32_000)).max()
    network.float()
    assert 0 < difference < 0.02


def clip_table(counts):
    rows = [
        (f"{scene}-{device}-{number}", scene, device)
        for (scene, device), count in counts.items()
        for number in range(count)
    ]
    return pd.DataFrame(rows, columns=["filename", "scene", "device"])


def test_calibration_is_balanced_over_scenes_and_devices():
    counts = {(scene, device): 30 if device == "a" else 4 for scene in SCENES for device in DEVICES}
    clips = clip_table(counts)
    chosen = clips.set_index("filename").loc[choose_clips(clips, 200, seed=0)]
    assert chosen.index.is_unique
    assert chosen.scene.value_counts().eq(20).all()
    per_device = chosen.groupby(["scene", "device"]).size()
    assert per_device.min() == 2
    assert per_device.max() == 3


def test_calibration_takes_all_where_there_are_few():
    clips = clip_table({(scene, "a"): 2 for scene in SCENES})
    assert sorted(choose_clips(clips, 200, seed=0)) == sorted(clips.filename)
    with pytest.raises(InputError, match="found 9 training clips"):
        choose_clips(clips.head(9), 200, seed=0)


def test_calibration_needs_every_scene():
    clips = clip_table({(scene, "a"): 2 for scene in SCENES if scene not in ("bus", "tram")})
    with pytest.raises(InputError, match="no clip of bus, tram"):
        choose_clips(clips, 200, seed=0)


def test_calibration_is_pinned_by_its_seed():
    clips = clip_table({(scene, "a"): 50 for scene in SCENES})
    first = choose_clips(clips, 100, seed=3)
    assert first == choose_clips(clips, 100, seed=3)
    assert first != choose_clips(clips, 100, seed=4)


def test_input_shape_is_what_the_front_end_gives():
    assert complexity.input_shape("dcase2024") == log_mels_of(noise(1, seed=0)).shape
