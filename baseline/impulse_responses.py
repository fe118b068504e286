"""Impulse responses of devices: what a microphone makes of a click, and so of every sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.audio import read_audio
from deploy.errors import InputError
from deploy.frontend import resample

SYNTHETIC = "synthetic"
"""Named in a recipe instead of a folder: responses made by `synthetic_responses`."""

MAX_SECONDS = 10.0
"""A longer one is a recording."""

SYNTHETIC_RESPONSES = 32
SYNTHETIC_SECONDS = 0.064
LOWEST_HZ, HIGHEST_HZ = (30.0, 300.0), (4_000.0, 15_000.0)
RESONANCES, RESONANCE_DB, RESONANCE_OCTAVES = 4, 9.0, (0.2, 1.0)
ORDERS = (2, 6)
ECHOES, ECHO_SECONDS, ECHO_GAIN = 3, 0.004, 0.3


@dataclass(frozen=True, eq=False)
class ImpulseResponses:
    """Responses at one rate, shorter ones followed by zeros."""

    names: tuple[str, ...]
    samples: np.ndarray
    """(responses, samples) float32."""


def impulse_responses(source: str, rate_hz: int) -> ImpulseResponses:
    """The responses that a recipe names: a folder, or `synthetic`.

    Raises:
        InputError: see `read_responses`.
    """
    return synthetic_responses(rate_hz) if source == SYNTHETIC else read_responses(source, rate_hz)


def read_responses(folder: str | Path, rate_hz: int) -> ImpulseResponses:
    """All WAV files below a folder, by path, resampled; gain and delay are left as they are.

    Raises:
        InputError: no such folder, no WAV in it, or one that is silent, not mono or too long.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"{folder}: there is no such folder of impulse responses; check the path, or take "
            f"those that come along: augment.impulse_responses={SYNTHETIC}"
        )
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".wav")
    if not paths:
        raise InputError(f"{folder}: found no WAV file; give the folder of impulse responses.")
    responses = [_read(path, rate_hz) for path in paths]
    samples = np.zeros((len(paths), max(map(len, responses))), np.float32)
    for row, response in zip(samples, responses, strict=True):
        row[: len(response)] = response
    return ImpulseResponses(tuple(str(path.relative_to(folder)) for path in paths), samples)


def _read(path: Path, rate_hz: int) -> np.ndarray:
    samples, own_rate_hz = read_audio(path)
    seconds = samples.shape[1] / own_rate_hz
    if len(samples) != 1:
        raise InputError(f"{path}: found {len(samples)} channels, expected 1; mix it down to mono.")
    if seconds > MAX_SECONDS:
        raise InputError(
            f"{path}: found {seconds:.1f} s, expected an impulse response of at most "
            f"{MAX_SECONDS:g} s; cut it or take it out of the folder."
        )
    if not samples.any():
        raise InputError(f"{path}: is silent, expected an impulse response; take it out.")
    return resample(samples[0], own_rate_hz, rate_hz)


def synthetic_responses(
    rate_hz: int, *, count: int = SYNTHETIC_RESPONSES, seed: int = 0
) -> ImpulseResponses:
    """Made-up microphones: a band with soft edges, resonances, and short echoes of a housing.

    They resemble no real device; they stand in where no measured responses are at hand.
    """
    rng = np.random.default_rng(seed)
    length = round(SYNTHETIC_SECONDS * rate_hz)
    responses = np.stack([_synthetic(rng, length, rate_hz) for _ in range(count)])
    names = tuple(f"synthetic-{number}" for number in range(count))
    return ImpulseResponses(names, responses.astype(np.float32))


def _synthetic(rng: np.random.Generator, length: int, rate_hz: int) -> np.ndarray:
    response = _minimum_phase(_gain(rng, np.fft.rfftfreq(2 * length, 1 / rate_hz)))[:length]
    for _ in range(ECHOES):
        delay = int(rng.integers(1, max(2, round(ECHO_SECONDS * rate_hz))))
        response[delay:] += rng.uniform(-ECHO_GAIN, ECHO_GAIN) * response[:-delay].copy()
    unit: np.ndarray = response / np.sqrt(np.square(response).sum())
    return unit


def _gain(rng: np.random.Generator, hz: np.ndarray) -> np.ndarray:
    """Gain over frequency: Butterworth edges of a random order, and random peaks and dips."""
    safe = np.maximum(hz, 1.0)
    low, high = rng.uniform(*LOWEST_HZ), rng.uniform(*HIGHEST_HZ)
    low_order, high_order = rng.integers(*ORDERS, size=2)
    gain = 1 / np.sqrt(
        (1 + (low / safe) ** (2 * low_order)) * (1 + (safe / high) ** (2 * high_order))
    )
    for _ in range(RESONANCES):
        centre = np.exp(rng.uniform(np.log(low), np.log(high)))
        octaves = np.log2(safe / centre) / rng.uniform(*RESONANCE_OCTAVES)
        gain *= 10 ** (rng.uniform(-1, 1) * RESONANCE_DB / 20 * np.exp(-0.5 * octaves**2))
    return gain


def _minimum_phase(gain: np.ndarray) -> np.ndarray:
    """The causal response of a gain whose energy comes earliest (by the real cepstrum)."""
    cepstrum = np.fft.irfft(np.log(np.maximum(gain, 1e-5)))
    half = len(cepstrum) // 2
    cepstrum[1:half] *= 2
    cepstrum[half + 1 :] = 0
    return np.fft.irfft(np.exp(np.fft.rfft(cepstrum)))
