"""Invented impulse responses: causal, short, different, and the same at every rate."""

import numpy as np
import pytest

from baseline.augmentation.impulse_responses import read_responses
from baseline.augmentation.synthetic_responses import RESPONSES, minimum_phase, synthetic_responses

RATE_HZ = 32_000


def bands_db(responses, rate_hz=RATE_HZ):
    """Gain (responses, bands) in thirds of octaves from 100 Hz to 10 kHz."""
    centers = 100 * 2 ** (np.arange(20) / 3)
    power = np.abs(np.fft.rfft(responses, rate_hz, axis=1)) ** 2  # a bin a hertz
    edges = [slice(round(hz / 2 ** (1 / 6)), round(hz * 2 ** (1 / 6))) for hz in centers]
    return 10 * np.log10(np.stack([power[:, edge].mean(1) for edge in edges], 1))


@pytest.mark.parametrize("taps", [[1.0, 0.5], [0.5, 1.0], [0.4, -1.0, 0.2]])
def test_minimum_phase_of_known_filters(taps):
    # The zeros of a minimum-phase filter lie inside the unit circle: others are reflected into it.
    zeros = np.roots(taps)
    expected = np.poly([zero if abs(zero) < 1 else 1 / zero for zero in zeros])
    gain = np.abs(np.fft.rfft(taps, 4096))
    found = np.fft.irfft(minimum_phase(20 * np.log10(gain)))
    np.testing.assert_allclose(found[: len(taps)] / found[0], expected, atol=1e-9)
    np.testing.assert_allclose(found[len(taps) :], 0, atol=1e-9)
    np.testing.assert_allclose(np.abs(np.fft.rfft(found)), gain, rtol=1e-9)


def test_a_seed_determines_the_microphones():
    first, second, other = (synthetic_responses(RATE_HZ, count=4, seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.samples, second.samples)
    assert first.names == second.names
    assert not set(first.names) & set(other.names)
    assert (np.abs(bands_db(first.samples) - bands_db(other.samples)).max(1) > 1).all()
    more = synthetic_responses(RATE_HZ, count=6)
    np.testing.assert_array_equal(more.samples[:4], first.samples)


def test_a_microphone_is_the_same_at_every_rate():
    at_32, at_44 = (synthetic_responses(rate, count=16) for rate in (32_000, 44_100))
    difference = bands_db(at_32.samples) - bands_db(at_44.samples, 44_100)
    assert np.abs(difference).max() < 0.1


def test_microphones_are_short_finite_and_different():
    responses = synthetic_responses(RATE_HZ).samples
    assert responses.shape == (RESPONSES, 3200)
    energy = np.cumsum(responses.astype(float) ** 2, axis=1)
    assert (energy[:, round(0.005 * RATE_HZ)] > 0.95 * energy[:, -1]).all()  # in 5 ms
    assert (energy[:, -1] - energy[:, 1600] < 1e-5 * energy[:, -1]).all()  # it has died away
    gains = bands_db(responses)
    distances = np.sqrt(((gains[:, None] - gains[None]) ** 2).mean(2))
    assert distances[~np.eye(RESPONSES, dtype=bool)].min() > 1


def test_microphones_vary_about_as_much_as_measured_ones(shared):
    measured = bands_db(read_responses(shared / "data" / "micirp", RATE_HZ).samples)
    invented = bands_db(synthetic_responses(RATE_HZ).samples)
    spread = [gains.std(0).mean() for gains in (invented, measured)]
    shape = [(gains - gains.mean(1, keepdims=True)).std(0).mean() for gains in (invented, measured)]
    assert 0.5 < spread[0] / spread[1] < 2
    assert 0.5 < shape[0] / shape[1] < 2
