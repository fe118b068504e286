"""Synthesis for the sample dataset: noise, tones and events, from which its sources are built.

Waves are float64 at 44.1 kHz.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from baseline.challenge import SOURCE_RATE_HZ

TABLE = 4096
"""Samples of one period in a wavetable, a power of two."""

BLOCK = SOURCE_RATE_HZ // 20
"""Samples over which loudness is measured."""


def level(wave: np.ndarray) -> np.ndarray:
    """Scale a wave so that its loudest twentieth of a second has an RMS of 1; silence stays."""
    blocks = wave[: len(wave) // BLOCK * BLOCK].reshape(-1, BLOCK)
    loudest = np.sqrt(np.square(blocks).mean(axis=1).max())
    return wave / loudest if loudest > 0 else wave


def noise(
    rng: np.random.Generator, samples: int, low_hz: float, high_hz: float, tilt_db: float = 0.0
) -> np.ndarray:
    """Periodic Gaussian noise between two corners (12 dB per octave), with a tilt per octave."""
    hz = np.fft.rfftfreq(samples, 1 / SOURCE_RATE_HZ)
    hz[0] = hz[1]
    gain = 1 / ((1 + (low_hz / hz) ** 2) * (1 + (hz / high_hz) ** 2))
    if tilt_db:
        gain *= (hz / 1000) ** (tilt_db / 6.02)
    gain[0] = 0
    spectrum = np.empty(len(hz), complex)
    spectrum.real, spectrum.imag = gain * rng.standard_normal((2, len(hz)))
    return level(np.fft.irfft(spectrum, samples))


def wander(
    rng: np.random.Generator, samples: int, points_per_second: float, spread: float
) -> np.ndarray:
    """A slowly changing factor around 1, log-normal at its turning points, periodic."""
    points = max(2, round(points_per_second * samples / SOURCE_RATE_HZ))
    heights = np.exp(spread * rng.standard_normal(points))
    where = np.arange(samples) * (points / samples)
    return np.asarray(np.interp(where, np.arange(points + 1), np.append(heights, heights[0])))


def rotate(rng: np.random.Generator, hz: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """A harmonic tone: `amplitudes[k]` is that of harmonic k + 1 of the frequency track `hz`."""
    angles = np.exp(2j * np.pi * rng.random(len(amplitudes)))
    table = np.fft.irfft(np.concatenate([[0], amplitudes * angles]), TABLE) * TABLE
    turns = rng.random() + np.cumsum(hz) / SOURCE_RATE_HZ
    return np.asarray(table[(turns * TABLE).astype(np.int64) & (TABLE - 1)])


def decay(samples: int, seconds: float) -> np.ndarray:
    """Exponential decay by 60 dB in `seconds`, after a rise of 2 ms."""
    time = np.arange(samples) / SOURCE_RATE_HZ
    return np.minimum(1, time / 0.002) * np.exp(-6.91 * time / seconds)


def scatter(
    rng: np.random.Generator, samples: int, rate_hz: float, event: Callable[[], np.ndarray]
) -> np.ndarray:
    """Add up events at random times, wrapping around the end; on average `rate_hz` a second."""
    starts = rng.integers(0, samples, rng.poisson(rate_hz * samples / SOURCE_RATE_HZ))
    return _overlap(samples, starts, event)


def repeat(
    rng: np.random.Generator, samples: int, rate_hz: float, event: Callable[[], np.ndarray]
) -> np.ndarray:
    """Add up events at nearly regular times, wrapping around the end."""
    count = max(1, round(rate_hz * samples / SOURCE_RATE_HZ))
    times = (np.arange(count) + rng.random() + 0.06 * rng.standard_normal(count)) / count
    return _overlap(samples, (times * samples).astype(np.int64) % samples, event)


def _overlap(samples: int, starts: np.ndarray, event: Callable[[], np.ndarray]) -> np.ndarray:
    wave = np.zeros(2 * samples)
    for start in starts:
        sound = event()[:samples]
        wave[start : start + len(sound)] += sound
    return wave[:samples] + wave[samples:]


def strike(
    rng: np.random.Generator, hz: float, ratios: tuple[float, ...], seconds: float
) -> np.ndarray:
    """A struck body: partials at `ratios` of `hz`, the higher the shorter and weaker."""
    samples = round(seconds * SOURCE_RATE_HZ)
    time = np.arange(samples) / SOURCE_RATE_HZ
    partials = [
        np.sin(2 * np.pi * (hz * ratio * time + rng.random()))
        * decay(samples, seconds / ratio**0.5)
        for ratio in ratios
    ]
    return np.asarray(sum(partial / (1 + index) for index, partial in enumerate(partials)))
