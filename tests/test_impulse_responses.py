"""Device impulse responses: loaded, made up, and applied to the right clips."""

import itertools

import numpy as np
import pytest
import soundfile
import torch

from baseline.augment import convolve, draw_responses, mask_frames
from baseline.augmenter import Augmenter, create_augmenter
from baseline.features import create as create_features
from baseline.impulse_responses import impulse_responses, read_responses, synthetic_responses
from baseline.recipe import load_recipe
from deploy.errors import InputError

RATE_HZ = 32_000


def write(path, samples, rate_hz=44_100):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")


def noise(batch, samples=RATE_HZ, seed=0):
    wave = np.random.default_rng(seed).normal(0, 0.1, (batch, 1, samples))
    return torch.from_numpy(wave.astype(np.float32))


# --- the convolution


def test_convolution_equals_the_original(golden_asc):
    golden = golden_asc("dir_convolution")
    wave = torch.from_numpy(np.atleast_2d(golden["x"]).astype(np.float32))[:, None]
    response = torch.from_numpy(np.atleast_2d(golden["ir"]).astype(np.float32))
    found = convolve(wave, response, np.array([0]))
    np.testing.assert_allclose(found[0, 0], np.squeeze(golden["y"]), atol=1e-5)


def test_each_wave_gets_its_response_and_others_stay(golden_asc):
    waves = noise(4, 5_000)
    responses = np.random.default_rng(1).normal(size=(3, 700)).astype(np.float32)
    which = np.array([2, -1, 0, 2])
    found = convolve(waves, torch.from_numpy(responses), which)
    assert torch.equal(found[1], waves[1])
    for wave, row, response in zip(waves, found, which, strict=True):
        if response >= 0:
            expected = np.convolve(wave[0], responses[response])[:5_000]
            np.testing.assert_allclose(row[0], expected, atol=1e-4)


@pytest.mark.parametrize("delay", [0, 1, 500])
def test_a_click_delays_by_its_place(delay):
    waves = noise(2, 4_000)
    click = torch.zeros(1, 600)
    click[0, delay] = 1
    found = convolve(waves, click, np.array([0, 0]))
    assert found[..., :delay].abs().max().item() < 1e-6 if delay else True
    np.testing.assert_allclose(found[..., delay:], waves[..., : 4_000 - delay], atol=1e-6)


def test_responses_are_drawn_alike_for_the_chosen_share():
    heard = np.random.default_rng(0).random(40_000) < 0.5
    which = draw_responses(heard, 0.3, 4, np.random.default_rng(1))
    assert (which[~heard] == -1).all()
    assert (which[heard] >= 0).mean() == pytest.approx(0.3, abs=0.01)
    shares = np.bincount(which[which >= 0], minlength=4) / (which >= 0).sum()
    np.testing.assert_allclose(shares, 0.25, atol=0.02)
    same = draw_responses(heard, 0.3, 4, np.random.default_rng(1))
    np.testing.assert_array_equal(which, same)


# --- in a training


def augmenter(*settings, devices=("a", "b")):
    off = ["roll_seconds=0", "frequency_mask_mels=0", "mixstyle_probability=0", *settings]
    recipe = load_recipe("small", [f"augment.{setting}" for setting in off])
    front_end = create_features("dcase2024")
    return create_augmenter(recipe.augment, front_end, devices, torch.device("cpu"))


def test_other_devices_are_bit_identical_and_chosen_ones_sound_as_their_response():
    chosen = augmenter("impulse_responses=synthetic", "impulse_response_probability=1")
    waves = (noise(6) * 20_000).to(torch.int16)
    devices = np.array(["a", "b", "a", "s1", "a", "c"])
    found = chosen.log_mel(waves, devices, np.random.default_rng(0))
    plain = augmenter().log_mel(waves, devices, np.random.default_rng(0))
    others = devices != "a"
    assert torch.equal(found[others], plain[others])
    drawn = draw_responses(~others, 1.0, len(chosen.responses), np.random.default_rng(0))
    for clip in np.flatnonzero(~others):
        gain = np.abs(np.fft.rfft(chosen.responses[drawn[clip]].numpy(), 4096)) ** 2
        mels = create_features("dcase2024").front_end.mel_filters()
        expected = np.log((gain @ mels) / mels.sum(0))[8:-8]
        heard = (found[clip] - plain[clip])[0].mean(-1).numpy()[8:-8]
        assert np.corrcoef(expected, heard)[0, 1] > 0.9


def test_without_probability_nothing_changes():
    waves = (noise(3) * 20_000).to(torch.int16)
    devices = np.array(["a", "a", "a"])
    off = augmenter("impulse_responses=synthetic", "impulse_response_probability=0")
    found = off.log_mel(waves, devices, np.random.default_rng(0))
    assert torch.equal(found, augmenter().log_mel(waves, devices, np.random.default_rng(0)))


def test_masked_frames_are_a_stretch_of_drawn_width():
    log_mel = torch.randn(2_000, 1, 2, 65)
    masked = mask_frames(log_mel, 20, -7.0, np.random.default_rng(0)) == -7.0
    assert torch.equal(masked.all(2), masked.any(2))  # whole frames
    widths = masked[:, 0, 0].sum(1).float()
    assert (widths.min(), widths.max()) == (0, 19)
    assert widths.mean().item() == pytest.approx(9.5, abs=0.5)
    edges = masked[:, 0, 0].int().diff(dim=1).abs().sum(1)
    assert edges.max() <= 2  # one stretch


def test_devices_that_no_clip_has_are_refused():
    with pytest.raises(InputError, match=r"found x, expected some of .* a, b"):
        augmenter("impulse_responses=synthetic", "impulse_response_devices=[x]")


# --- where responses come from


def test_responses_are_resampled_and_sorted(tmp_path):
    click = np.zeros(441)
    click[100] = 1
    write(tmp_path / "b.wav", click)
    write(tmp_path / "sub" / "a.WAV", click[:200], 48_000)
    write(tmp_path / "a.wav", click[:300])
    (tmp_path / "notes.txt").touch()
    found = read_responses(tmp_path, RATE_HZ)
    assert found.names == ("a.wav", "b.wav", "sub/a.WAV")
    assert found.samples.shape == (3, 320)
    assert np.abs(found.samples).argmax(1).tolist() == [73, 73, 67]


def test_real_microphones_are_all_found(shared):
    found = read_responses(shared / "data" / "micirp", RATE_HZ)
    assert len(found.names) == 66
    assert found.samples.shape[1] / RATE_HZ == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(500), "is silent"),
        (np.ones((500, 2)), "found 2 channels, expected 1"),
        (np.ones(44_100 * 11), r"found 11.0 s, expected an impulse response of at most 10 s"),
        (np.full(500, np.nan), "NaN"),
    ],
)
def test_recordings_that_are_no_responses(samples, words, tmp_path):
    write(tmp_path / "x.wav", samples)
    with pytest.raises(InputError, match=f"x.wav: .*{words}"):
        read_responses(tmp_path, RATE_HZ)


def test_folders_without_responses(tmp_path):
    with pytest.raises(InputError, match="found no WAV"):
        read_responses(tmp_path, RATE_HZ)
    with pytest.raises(InputError, match=r"no such folder.*=synthetic"):
        impulse_responses(str(tmp_path / "no"), RATE_HZ)


@pytest.mark.parametrize("rate_hz", [22_050, 32_000])
def test_synthetic_microphones_differ_and_are_short_and_causal(rate_hz):
    found = synthetic_responses(rate_hz)
    energy = np.square(found.samples)
    np.testing.assert_allclose(energy.sum(1), 1, rtol=1e-4)
    early = energy[:, : round(0.02 * rate_hz)].sum(1)
    assert early.min() > 0.95
    spectra = 20 * np.log10(np.abs(np.fft.rfft(found.samples, 4096))[:, 100:800] + 1e-9)
    apart = [np.abs(a - b).mean() for a, b in itertools.pairwise(spectra)]
    assert min(apart) > 1  # dB
    np.testing.assert_array_equal(found.samples, synthetic_responses(rate_hz).samples)


def test_augmenter_without_responses_needs_no_devices():
    recipe = load_recipe("small")
    front_end = create_features("dcase2024")
    made = create_augmenter(recipe.augment, front_end, [], torch.device("cpu"))
    assert made == Augmenter(recipe.augment, front_end)
