"""Changing the sampling rate: Hann-windowed sinc, polyphase."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from deploy.banded import Band, bands, product
from deploy.errors import InputError

ZERO_CROSSINGS = 6
ROLLOFF = 0.99
PHASES_PER_BAND = 32
MAX_TAPS = 2**24
"""Of the phases together: 44.1 to 32 kHz takes 2**17, rates without a common divisor 2**30."""


def resample(waves: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Resample float32 waves of shape (..., samples) to (..., ceil(samples * to_hz / from_hz)).

    The interpolation kernel is the one of the challenge's baseline (torchaudio's default): a sinc
    with six zero crossings a side under a squared-cosine window, its cut-off at 0.99 of the lower
    rate's half.

    Raises:
        ValueError: a rate is not positive.
        InputError: the rates have no ratio of small numbers, which a polyphase filter needs.
    """
    if from_hz <= 0 or to_hz <= 0:
        raise ValueError(f"rates must be positive, found {from_hz} and {to_hz} Hz")
    waves = np.asarray(waves, np.float32)
    if from_hz == to_hz:
        return waves
    divisor = math.gcd(from_hz, to_hz)
    step, phases = from_hz // divisor, to_hz // divisor
    if step * phases > MAX_TAPS:
        raise InputError(
            f"found {from_hz} Hz, expected a common rate such as 44100 Hz; resample it first."
        )
    half_width, parts = _polyphase_bands(step, phases)
    padding = [(0, 0)] * (waves.ndim - 1) + [(half_width, half_width + step)]
    padded = np.pad(waves, padding)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * half_width + step, axis=-1)
    resampled = product(frames[..., ::step, :], parts)
    length = math.ceil(waves.shape[-1] * phases / step)
    return resampled.reshape(*waves.shape[:-1], -1)[..., :length]


def kernel(step: int, phases: int) -> tuple[int, np.ndarray]:
    """Interpolation kernel for the rate ratio phases / step.

    Returns:
        The half width in input samples, and the taps of shape (2 * half width + step, phases).
    """
    cut_off = min(step, phases) * ROLLOFF
    half_width = math.ceil(ZERO_CROSSINGS * step / cut_off)
    taps = np.arange(-half_width, half_width + step, dtype=np.float64)[:, None] / step
    time = np.clip((taps - np.arange(phases) / phases) * cut_off, -ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = np.cos(time * np.pi / ZERO_CROSSINGS / 2) ** 2
    weights = np.sinc(time) * window * (cut_off / step)
    weights[np.abs(time) >= ZERO_CROSSINGS] = 0  # the window ends there: rounding noise only
    return half_width, weights.astype(np.float32)


@lru_cache(maxsize=8)
def _polyphase_bands(step: int, phases: int) -> tuple[int, list[Band]]:
    half_width, weights = kernel(step, phases)
    return half_width, bands(weights, PHASES_PER_BAND)
