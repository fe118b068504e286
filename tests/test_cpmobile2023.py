"""The winners' network of 2023 with its front end: golden vectors, folding, GRN, real weights."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from baseline import models
from baseline.challenge import SCENES
from baseline.complexity import input_shape, measure
from baseline.inference import TorchClassifier
from baseline.models.cpmobile2023 import GRN
from deploy.audio import read_mono
from deploy.classifier import Classifier
from deploy.frontend import front_end, resample
from deploy.model_file import ModelInfo, write_info
from quantize.post_training import quantize_network
from quantize.ranges import Observer


def load(archive):
    """The network in evaluation mode with the weights `w/<state_dict key>` of an archive."""
    network = models.create("cpmobile2023")
    state = {key.removeprefix("w/"): torch.from_numpy(archive[key]) for key in archive.files}
    network.load_state_dict(state, strict=True)
    return network.eval()


@pytest.fixture
def golden_network(golden_asc):
    return load(golden_asc("cpmobile2023_weights"))


def fold(network):
    """Fold each batch norm into the convolution before it, in place."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential) and len(module) > 1:
            convolution, norm = module[0], module[1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[0], module[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    return network


def test_activations_equal_the_original(golden_asc, golden_network):
    io = golden_asc("cpmobile2023_io")
    with torch.no_grad():
        x = golden_network.in_c(torch.from_numpy(io["logmel"][:1]))
        np.testing.assert_allclose(x, io["act_in_c"], atol=1e-4)
        block = golden_network.stages.s1.b1
        normalised = block.after_block_norm(block.block(x) + x)
        np.testing.assert_allclose(normalised, io["act_b1_grn"], atol=1e-4)
        for stage in ("s1", "s2", "s3"):
            x = getattr(golden_network.stages, stage)(x)
            # Activations reach 66 here, of which float32 holds five decimals.
            np.testing.assert_allclose(x, io[f"act_{stage}"], rtol=1e-5, atol=1e-4)


def test_logits_equal_the_original_also_when_folded(golden_asc, golden_network):
    io = golden_asc("cpmobile2023_io")
    log_mel = torch.from_numpy(io["logmel"])
    with torch.no_grad():
        np.testing.assert_allclose(golden_network(log_mel), io["logits"], atol=1e-4)
        folded = fold(golden_network)(log_mel)
        half = golden_network.half()(log_mel.half()).float()
    np.testing.assert_allclose(folded, io["logits_fused"], atol=1e-4)
    np.testing.assert_allclose(half, io["logits"], atol=0.1)


def test_folded_the_parameters_fall_and_the_macs_rise():
    folded = fold(models.create("cpmobile2023").eval())
    counted = measure(folded, input_shape("cpjku2023"), name="folded", precision="int8")
    assert (counted.parameters, counted.macs) == (124_862, 29_561_088)
    assert counted.within_limits


def test_front_end_and_network_together_equal_the_original(golden_asc, golden_network):
    io = golden_asc("cpmobile2023_io")
    probabilities = TorchClassifier(golden_network, "cpjku2023", torch.float32).probabilities(
        io["wave_32k"], 32_000
    )
    expected = torch.from_numpy(io["logits"]).softmax(1)
    np.testing.assert_allclose(probabilities, expected, atol=1e-4)


# --- weights trained on TAU, and one of its recordings second by second ---------------------------


@dataclass
class MetroStation:
    network: nn.Module
    seconds: np.ndarray
    rate_hz: int

    def heard_by(self, classifier):
        probabilities = classifier.probabilities(self.seconds, self.rate_hz)
        return probabilities[:, SCENES.index("metro_station")]


@pytest.fixture
def metro_station(shared):
    network = load(np.load(shared / "data" / "real" / "cpmobile2023_trained.npz"))
    wave, rate_hz = read_mono(shared / "data" / "real" / "metro_station-paris.wav")
    return MetroStation(network, wave.reshape(10, rate_hz), rate_hz)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_trained_weights_hear_the_metro_station(metro_station, dtype):
    heard = metro_station.heard_by(TorchClassifier(metro_station.network, "cpjku2023", dtype))
    expected = [0.98, 0.97, 0.89, 0.78, 0.95, 0.87, 0.98, 0.95, 0.95, 0.98]
    np.testing.assert_allclose(heard, expected, atol=0.02)


def foreign_log_mels(shared, clips):
    """Log-mels of clips of ESC-10, every so many of split 100: no recording of a scene."""
    folder = shared / "data" / "esc10-as-tau"
    names = (folder / "split_setup" / "split100.csv").read_text().split()[1:]
    spec = front_end("cpjku2023")
    recordings = [read_mono(folder / name) for name in names[:: len(names) // clips]]
    return np.concatenate(
        [spec.log_mel(resample(wave[None], rate, spec.rate_hz)) for wave, rate in recordings]
    )


@pytest.mark.slow
@pytest.mark.parametrize("observer", ["minmax", "mse"])
def test_int8_files_hear_the_metro_station_as_float_does(metro_station, shared, observer, tmp_path):
    """Calibrated on ESC-10, so no second of the recording is known to the files."""
    files = [tmp_path / "int8.onnx", tmp_path / "int8.tflite"]
    log_mels = foreign_log_mels(shared, clips=60)
    quantize_network(metro_station.network, log_mels, files, Observer(observer))
    float_network = TorchClassifier(metro_station.network, "cpjku2023", torch.float32)
    expected = float_network.probabilities(metro_station.seconds, metro_station.rate_hz)
    assert (expected.argmax(1) == SCENES.index("metro_station")).all()
    for path in files:
        write_info(path, ModelInfo(SCENES, front_end("cpjku2023")))
        heard = Classifier(path).probabilities(metro_station.seconds, metro_station.rate_hz)
        assert (heard.argmax(1) == SCENES.index("metro_station")).all()
        np.testing.assert_allclose(heard, expected, atol=0.1)


# --- global response normalisation ---------------------------------------------------------------


def grn(gamma, beta):
    layer = GRN()
    layer.load_state_dict({"gamma": torch.tensor([gamma]), "beta": torch.tensor([beta])})
    return layer


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    loudness = torch.tensor([0.1, 1.0, 3.0, 10.0]).reshape(1, 4, 1, 1)
    return torch.randn(2, 4, 6, 5, generator=generator) * loudness


def test_grn_begins_as_the_identity(maps):
    assert torch.equal(GRN()(maps), maps)


@pytest.mark.parametrize("factor", [0.01, 7.0, 100.0])
def test_grn_follows_the_scale_of_its_input(maps, factor):
    layer = grn(1.5, 0.0)
    torch.testing.assert_close(layer(factor * maps), factor * layer(maps), rtol=1e-4, atol=0)


def test_grn_equals_its_formula(maps):
    x = maps.double().numpy()
    energy = np.sqrt((x**2).sum((2, 3), keepdims=True))
    expected = 1.5 * x * energy / (energy.mean(1, keepdims=True) + 1e-6) - 0.25 + x
    np.testing.assert_allclose(grn(1.5, -0.25)(maps).detach(), expected, rtol=1e-5, atol=1e-5)


def test_grn_of_silence_has_finite_gradients():
    silence = torch.zeros(1, 4, 6, 5, requires_grad=True)
    grn(1.5, 0.5)(silence).sum().backward()
    assert silence.grad.isfinite().all()


def test_grn_does_not_overflow_in_half_precision():
    loud = torch.full((1, 2, 64, 16), 300.0).half()
    torch.testing.assert_close(grn(1.0, 0.0).half()(loud), 2 * loud)
