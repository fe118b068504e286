"""Changing the sampling rate: Hann-windowed sinc, polyphase."""

from __future__ import annotations

import math
from dataclasses import dataclass
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
    waves = np.asarray(waves, np.float32)
    if from_hz == to_hz:
        return waves
    filters = _polyphase(from_hz, to_hz)
    before, samples = filters.half_width, waves.shape[-1]
    padded = np.zeros((*waves.shape[:-1], before + samples + before + filters.step), np.float32)
    padded[..., before : before + samples] = waves
    frames = filters.frames(padded)
    resampled = product(frames.reshape(-1, frames.shape[-1]), filters.bands)
    length = math.ceil(samples * filters.phases / filters.step)
    return resampled.reshape(*waves.shape[:-1], -1)[..., :length]


class Resampler:
    """Resampling of a stream, block by block, with the result of `resample` for the whole."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        """Prepare for a stream at `from_hz`.

        Raises:
            ValueError, InputError: as `resample`.
        """
        self._filters = _polyphase(from_hz, to_hz)
        self._waiting = np.zeros(self._filters.half_width, np.float32)
        self._taken = self._given = 0

    def push(self, block: np.ndarray) -> np.ndarray:
        """The samples (at the new rate) that a further block (samples,) makes known, float32."""
        filters = self._filters
        self._taken += len(block)
        self._waiting = np.concatenate([self._waiting, block]).astype(np.float32, copy=False)
        if len(self._waiting) < filters.taps:
            return np.empty(0, np.float32)
        frames = filters.frames(self._waiting)
        self._waiting = self._waiting[len(frames) * filters.step :].copy()
        self._given += len(frames) * filters.phases
        return product(frames, filters.bands).reshape(-1)

    def finish(self) -> np.ndarray:
        """The samples at the end of the stream, behind which there is silence."""
        missing = math.ceil(self._taken * self._filters.phases / self._filters.step) - self._given
        return self.push(np.zeros(self._filters.taps, np.float32))[:missing]


@dataclass(frozen=True)
class Polyphase:
    """Interpolation filters: `phases` samples of the new rate for each `step` of the old one."""

    step: int
    phases: int
    half_width: int
    bands: list[Band]

    @property
    def taps(self) -> int:
        """Samples of the old rate that `phases` samples of the new one are made from."""
        return 2 * self.half_width + self.step

    def frames(self, waves: np.ndarray) -> np.ndarray:
        """View waves (..., samples) as (..., frames, taps), a step apart."""
        views = np.lib.stride_tricks.sliding_window_view(waves, self.taps, axis=-1)
        return views[..., :: self.step, :]


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
def _polyphase(from_hz: int, to_hz: int) -> Polyphase:
    if from_hz <= 0 or to_hz <= 0:
        raise ValueError(f"rates must be positive, found {from_hz} and {to_hz} Hz")
    divisor = math.gcd(from_hz, to_hz)
    step, phases = from_hz // divisor, to_hz // divisor
    if step * phases > MAX_TAPS:
        raise InputError(
            f"found {from_hz} Hz, expected a common rate such as 44100 Hz; resample it first."
        )
    same = step == phases  # nothing to filter
    half_width, weights = (0, np.ones((1, 1), np.float32)) if same else kernel(step, phases)
    return Polyphase(step, phases, half_width, bands(weights, PHASES_PER_BAND))
