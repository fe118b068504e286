"""Impulse responses of invented microphones, so that the augmentation needs no download.

They are synthetic: drawn from a simple model, measured on nothing. The model has what makes
microphones differ: the ends of their range, a tilt, a presence peak, resonances, sensitivity, and
sound that reaches the capsule a second time from the casing. Every number here is invented. What
they are worth beside measured responses has to be shown by training with either.
"""

from __future__ import annotations

import numpy as np

from baseline.augmentation.impulse_responses import ImpulseResponses, stacked

RESPONSES = 64

SECONDS = 0.1
"""Length of a response. What a microphone does is over sooner."""

POINTS_PER_SECOND = 2
"""Length of the transform in seconds: the response must have died away in it."""

MIN_DB = -80.0
"""Below the loudest frequency a response falls no further: the cepstrum needs a finite spectrum."""


def synthetic_responses(rate_hz: int, *, count: int = RESPONSES, seed: int = 0) -> ImpulseResponses:
    """Draw microphones from a seed; each is the same at every rate, up to half of that rate.

    Two seeds give microphones that have nothing in common, for example to simulate unseen devices.
    """
    responses = [_response(np.random.default_rng([seed, n]), rate_hz) for n in range(count)]
    return stacked([f"synthetic-{seed}-{n:02}" for n in range(count)], responses)


def _response(rng: np.random.Generator, rate_hz: int) -> np.ndarray:
    """A microphone's impulse response (taps,), float32."""
    points = POINTS_PER_SECOND * rate_hz
    hz = np.fft.rfftfreq(points, 1 / rate_hz)
    spectrum = minimum_phase(_gain_db(rng, np.maximum(hz, 1.0))) * _reflections(rng, hz)
    response = np.fft.irfft(spectrum, points)[: round(SECONDS * rate_hz)]
    return response.astype(np.float32)


def _gain_db(rng: np.random.Generator, hz: np.ndarray) -> np.ndarray:
    """A frequency response in dB: slopes at both ends, a tilt, a presence peak, resonances."""
    gain_db = rng.uniform(-6, 6) + rng.uniform(-1.5, 1.5) * np.log2(hz / 1000)
    gain_db = gain_db + _slope_db(_log_uniform(rng, 40, 250) / hz, rng.uniform(1, 3))
    gain_db += _slope_db(hz / _log_uniform(rng, 5000, 16000), rng.uniform(2, 5))
    gain_db += _peak_db(hz, _log_uniform(rng, 2500, 7000), rng.uniform(0.5, 1.5), rng.uniform(0, 8))
    for _ in range(rng.integers(2, 6)):
        center_hz, octaves = _log_uniform(rng, 100, 12000), _log_uniform(rng, 0.1, 1)
        gain_db += _peak_db(hz, center_hz, octaves, rng.uniform(-8, 8))
    return gain_db


def minimum_phase(gain_db: np.ndarray) -> np.ndarray:
    """The causal spectrum with this gain that has the least delay.

    Its phase follows from the gain by folding the cepstrum (Oppenheim and Schafer, Discrete-Time
    Signal Processing).

    Args:
        gain_db: at the frequencies of a real FFT of even length, (length / 2 + 1,).
    """
    log_gain = np.maximum(gain_db, gain_db.max() + MIN_DB) * (np.log(10) / 20)
    cepstrum = np.fft.irfft(log_gain)
    half = len(gain_db) - 1
    cepstrum[1:half] *= 2
    cepstrum[half + 1 :] = 0
    return np.exp(np.fft.rfft(cepstrum))


def _reflections(rng: np.random.Generator, hz: np.ndarray) -> np.ndarray:
    """The spectrum of a sound and up to three weaker copies of it, at most 1.5 ms (0.5 m) late."""
    spectrum = np.ones(len(hz), complex)
    for _ in range(rng.integers(4)):
        delay_s, level_db = rng.uniform(0.05e-3, 1.5e-3), rng.uniform(-30, -12)
        spectrum += rng.choice([-1, 1]) * 10 ** (level_db / 20) * np.exp(-2j * np.pi * hz * delay_s)
    return spectrum


def _slope_db(ratio: np.ndarray, order: float) -> np.ndarray:
    """Gain of a Butterworth filter beyond its corner, 6 dB per octave and order."""
    return np.asarray(-10 * np.log10(1 + ratio ** (2 * order)))


def _peak_db(hz: np.ndarray, center_hz: float, octaves: float, height_db: float) -> np.ndarray:
    """A bell in log frequency; `octaves` is its standard deviation."""
    return np.asarray(height_db * np.exp(-0.5 * (np.log2(hz / center_hz) / octaves) ** 2))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
