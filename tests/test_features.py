"""The torch front end equals the numpy one, and torchaudio's."""

import importlib
import importlib.util
import sys
import types

import numpy as np
import pytest
import torch

from baseline import features
from deploy.frontend import FRONT_ENDS, resample

SPEC = FRONT_ENDS["dcase2024"]


@pytest.fixture
def waves():
    rng = np.random.default_rng(3)
    loudness = np.array([1e-4, 1e-2, 0.3])[:, None]
    return (rng.normal(size=(3, 32_000)) * loudness).astype(np.float32)


@pytest.mark.parametrize("name", sorted(FRONT_ENDS))
def test_torch_equals_numpy(name, waves):
    torch_form = features.create(name)(torch.from_numpy(waves)[:, None]).numpy()
    np.testing.assert_allclose(torch_form, FRONT_ENDS[name].log_mel(waves), atol=2e-4)


def test_clips_do_not_mix(waves):
    front_end = features.create("dcase2024")
    many = torch.from_numpy(np.repeat(waves, 7, 0))[:, None]
    one_by_one = torch.cat([front_end(wave[None]) for wave in many])
    torch.testing.assert_close(front_end(many), one_by_one, atol=1e-4, rtol=0)


def test_equals_golden_log_mel(golden_asc):
    io = golden_asc("baseline2024_io")
    log_mel = features.create("dcase2024")(torch.from_numpy(io["wave_32k"]))
    np.testing.assert_allclose(log_mel.numpy(), io["logmel"], rtol=1e-4, atol=1e-4)


def test_equals_golden_log_mel_of_2023(golden_asc):
    io = golden_asc("cpmobile2023_io")
    log_mel = features.create("cpjku2023")(torch.from_numpy(io["wave_32k"])[:, None]).numpy()
    error = np.abs(log_mel - io["logmel"])  # see tests/test_frontend.py for the figures
    assert error.max() < 1e-4
    assert np.quantile(error, 0.99) < 1e-5


@pytest.mark.parametrize("name", sorted(FRONT_ENDS))
def test_nothing_is_saved_with_a_network(name):
    assert features.create(name).state_dict() == {}


def test_torch_equals_torchaudio(waves):
    torchaudio = import_torchaudio()
    from torchaudio.transforms import MelSpectrogram, Resample

    assert torchaudio.__version__
    mel = MelSpectrogram(
        sample_rate=SPEC.rate_hz,
        n_fft=SPEC.n_fft,
        win_length=SPEC.win_length,
        hop_length=SPEC.hop_length,
        n_mels=SPEC.n_mels,
    )
    reference = (mel(torch.from_numpy(waves)) + SPEC.log_offset).log()
    ours = features.create("dcase2024")(torch.from_numpy(waves)[:, None])[:, 0]
    torch.testing.assert_close(ours, reference, atol=5e-4, rtol=0)
    down = Resample(44_100, 32_000)(torch.from_numpy(waves)).numpy()
    np.testing.assert_allclose(resample(waves, 44_100, 32_000), down, atol=3e-5)


def import_torchaudio() -> types.ModuleType:
    """torchaudio without its compiled part, which needs CUDA libraries that are not there."""
    spec = importlib.util.find_spec("torchaudio")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("torchaudio is not installed")
    extension = types.ModuleType("torchaudio._extension")
    extension.__path__ = [f"{spec.submodule_search_locations[0]}/_extension"]
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = False
    extension._IS_ALIGN_AVAILABLE = False
    extension._check_cuda_version = lambda: None
    extension.fail_if_no_align = lambda function: function
    sys.modules.setdefault("torchaudio._extension", extension)
    return importlib.import_module("torchaudio")
