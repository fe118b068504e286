"""Device impulse responses: loaded, made up, and applied to the right clips."""

import numpy as np
import pytest
import soundfile
import torch

from baseline.augmentation.augmenter import Augmenter, create_augmenter
from baseline.augmentation.impulse_responses import read_responses
from baseline.augmentation.steps import convolve, draw_responses, mask_frames
from baseline.features import create as create_features
from baseline.recipe import load_recipe
from deploy.errors import InputError
from deploy.resampling import resample

RATE_HZ = 32_000


def write(path, samples, rate_hz=RATE_HZ):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")


def decaying(samples=300, seed=0):
    noise = np.random.default_rng(seed).normal(0, 0.2, samples)
    return (noise * np.exp(-np.arange(samples) / 50)).astype(np.float32)


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


@pytest.mark.parametrize("taps", [1, 700, 6_000])
def test_each_wave_gets_its_response_and_others_stay(taps):
    waves = noise(4, 5_000)
    responses = np.random.default_rng(1).normal(size=(3, taps)).astype(np.float32)
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
    with pytest.raises(InputError, match=r"found 'x', expected devices of training clips \(a, b\)"):
        augmenter("impulse_responses=synthetic", "impulse_response_devices=[x]")


def test_augmenter_without_responses_needs_no_devices():
    recipe = load_recipe("small")
    front_end = create_features("dcase2024")
    made = create_augmenter(recipe.augment, front_end, [], torch.device("cpu"))
    assert made == Augmenter(recipe.augment, front_end)


# --- where responses come from


def test_all_files_below_the_folder_in_the_order_of_their_paths(tmp_path):
    for number, name in enumerate(["b.wav", "a/z.WAV", "a/b.wav", "C.wav"]):
        write(tmp_path / name, decaying(100 + number, number))
    (tmp_path / "NOTICE.txt").write_text("not a response")
    (tmp_path / "._b.wav").write_bytes(b"what a Mac leaves behind")
    (tmp_path / "folder.wav").mkdir()
    found = read_responses(tmp_path, RATE_HZ)
    assert found.names == ("C.wav", "a/b.wav", "a/z.WAV", "b.wav")
    assert found.samples.shape == (4, 103)
    assert found.samples.dtype == np.float32
    for row, number, length in zip(found.samples, (3, 2, 1, 0), (103, 102, 101, 100), strict=True):
        np.testing.assert_array_equal(row[:length], decaying(length, number))
        assert not row[length:].any()


def test_responses_come_at_the_rate_asked_for(tmp_path):
    for rate_hz in (44_100, 48_000):
        write(tmp_path / f"{rate_hz}.wav", decaying(), rate_hz)
    found = read_responses(tmp_path, RATE_HZ)
    for row, rate_hz in zip(found.samples, (44_100, 48_000), strict=True):
        expected = resample(decaying(), rate_hz, RATE_HZ)
        np.testing.assert_array_equal(row[: len(expected)], expected)


@pytest.mark.parametrize(("rate_hz", "taps"), [(32_000, 16_000), (22_050, 11_025)])
def test_real_responses(shared, rate_hz, taps):
    folder = shared / "data" / "micirp"
    found = read_responses(folder, rate_hz)
    assert len(found.names) == 66
    assert list(found.names) == sorted(path.name for path in folder.glob("*.wav"))
    assert found.samples.shape[1] == taps  # 22,050 samples at 44.1 kHz is the longest
    peaks = np.abs(found.samples).max(1)
    assert peaks.min() > 0.05
    assert (np.abs(found.samples).argmax(1) / rate_hz).max() < 3e-3


def silent(path):
    write(path, np.zeros(1000))


def late(path):
    write(path, np.concatenate([np.zeros(RATE_HZ), decaying()]))


def stereo(path):
    write(path, np.stack([decaying(), decaying()], 1))


def long(path):
    write(path, np.full(10 * RATE_HZ + 1, 0.1))


def text(path):
    path.write_text("no sound")


def odd_rate(path):
    write(path, decaying(), 44_101)


def low_rate(path):
    write(path, decaying(), 1000)


def infinite(path):
    write(path, np.full(100, np.inf))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (silent, r"found silence \(a peak of 0 in the first 1 s\)"),
        (late, "found silence"),
        (stereo, "found 2 channels, expected 1"),
        (long, "is longer than 10 s, expected an impulse response"),
        (text, "cannot be read as audio"),
        (odd_rate, "44101 Hz, expected a common rate"),
        (low_rate, "found 1000 Hz"),
        (infinite, "NaN or infinite"),
    ],
)
def test_unusable_response_is_named(spoil, words, tmp_path):
    write(tmp_path / "a.wav", decaying())
    spoil(tmp_path / "b.wav")
    with pytest.raises(InputError, match=rf"b\.wav: .*{words}"):
        read_responses(tmp_path, RATE_HZ)


def test_hours_are_refused_without_reading_them(tmp_path, monkeypatch):
    path = tmp_path / "hours.wav"
    with soundfile.SoundFile(path, "w", 8000, 1, "PCM_U8") as file:
        for _ in range(60):
            file.write(np.full(8000 * 60, 0.1))
    taken = []
    read = soundfile.SoundFile.read
    monkeypatch.setattr(
        soundfile.SoundFile,
        "read",
        lambda self, n, **more: taken.append(n) or read(self, n, **more),
    )
    with pytest.raises(InputError, match="longer than 10 s"):
        read_responses(tmp_path, RATE_HZ)
    assert sum(taken) <= 20 * 8000


def test_folders_without_responses(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        read_responses(tmp_path / "absent", RATE_HZ)
    with pytest.raises(InputError, match="holds no WAV files"):
        read_responses(tmp_path, RATE_HZ)
