"""Pitch shift: frequencies, level, length and what is left alone."""

import numpy as np
import pytest
import torch

from baseline.augmentation.pitch import shift_pitch, shift_some

SAMPLES = 32_000


def tones(cycles, samples, length=SAMPLES):
    """Sines of whole numbers of cycles in so many samples, going on to a length."""
    turns = np.outer(cycles, np.arange(length)) / samples
    return np.sin(2 * np.pi * turns).sum(0)


@pytest.mark.parametrize("semitones", [-12, -5, -1, 1, 2, 7, 12])
def test_tones_are_played_at_the_new_speed(semitones):
    cycles = [37, 440, 5000]
    wave = torch.from_numpy(tones(cycles, SAMPLES))[None, None]
    played = round(SAMPLES / 2 ** (semitones / 12))
    found = shift_pitch(wave, semitones)[0, 0]
    np.testing.assert_allclose(found, tones(cycles, played), atol=1e-6)


def test_spectral_peak_moves_by_the_interval():
    wave = torch.from_numpy(tones([1000], SAMPLES))[None, None]
    window = torch.hann_window(SAMPLES)
    for semitones in (-4, 3):
        spectrum = torch.fft.rfft(shift_pitch(wave, semitones)[0, 0] * window).abs()
        assert abs(spectrum.argmax().item() - 1000 * 2 ** (semitones / 12)) <= 1


def test_what_no_longer_fits_below_half_the_rate_is_left_out():
    wave = torch.from_numpy(tones([1000, 12_000], SAMPLES))[None, None]
    found = shift_pitch(wave, 12)[0, 0]
    np.testing.assert_allclose(found, tones([1000], SAMPLES // 2), atol=1e-6)


def test_shifts_are_whole_semitones_either_way_and_none_leaves_the_bits():
    count = 700
    wave = torch.from_numpy(tones([1000], SAMPLES)).float()
    waves = wave.repeat(count, 1)[:, None, :4000].contiguous()
    found = shift_some(waves, 3, np.random.default_rng(0))
    possible = torch.stack([shift_pitch(waves[:1], n)[0] for n in range(-3, 4)])  # (7, 1, 4000)
    distance = (found[:, None, 0] - possible[None, :, 0]).abs().amax(-1)  # (count, 7)
    assert distance.amin(1).max() < 1e-4
    assert np.bincount(distance.argmin(1), minlength=7).min() > 60
    unshifted = (found == waves).all(-1)[:, 0]
    assert torch.equal(unshifted, distance.argmin(1) == 3)


def test_a_seed_determines_the_shifts():
    waves = torch.randn(16, 1, 1000)
    first, second, other = (shift_some(waves, 2, np.random.default_rng(s)) for s in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
