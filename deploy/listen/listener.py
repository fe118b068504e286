"""Scene probabilities over a sliding second of a stream."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deploy.audio import MAX_PEAK, WINDOW_SECONDS
from deploy.classifier import Classifier, softmax
from deploy.log_mel import LogMel
from deploy.resampling import Resampler

FULL_SCALE = 0.999
"""Samples from here on count as clipped."""

LOWEST_DBFS = -120.0
"""Level given for silence."""


@dataclass(frozen=True)
class Answer:
    """What was heard in the second that ends at `time_s`."""

    time_s: float
    """From the beginning of the stream."""
    probabilities: np.ndarray
    """(classes,), smoothed, in the order of the labels."""
    level_dbfs: float
    """Root mean square of the samples since the answer before, from -120 to 0."""
    clipped: float
    """Share of those samples that are at full scale, 0 to 1."""


class Listener:
    """Answers once a hop, each from the last second; its memory does not grow.

    Of the log-mel, only what is new is computed: see `LogMel.slide`.
    """

    def __init__(
        self, classifier: Classifier, rate_hz: int, *, hop_s: float = 0.25, smoothing_s: float = 0.0
    ) -> None:
        """Prepare for one stream.

        Args:
            rate_hz: of the stream.
            hop_s: between answers, at most a second; rounded to whole hops of the front end.
            smoothing_s: time constant of an exponential mean over the answers; 0 for none.
        """
        front_end = classifier.front_end
        self._classifier, self._rate_hz = classifier, rate_hz
        self._window = front_end.rate_hz * WINDOW_SECONDS
        hops = max(1, round(hop_s * front_end.rate_hz / front_end.hop_length))
        self._hop = min(hops * front_end.hop_length, self._window)
        self.hop_s = self._hop / front_end.rate_hz
        self._keep = math.exp(-self.hop_s / smoothing_s) if smoothing_s else 0.0
        self._log_mel = LogMel(front_end, self._window)
        self._resampler = Resampler(rate_hz, front_end.rate_hz)
        self._waiting = np.empty(0, np.float32)
        self._smoothed: np.ndarray | None = None
        self.answers = 0
        self._level = _Level()
        self.repaired = 0
        """Samples that were NaN, infinite or absurdly large, heard as silence."""

    def hear(self, block: np.ndarray) -> Iterator[Answer]:
        """The answers that further samples make possible; float (samples,) in [-1, 1]."""
        block = self._repair(block)
        self._level.add(block)
        yield from self._take(self._resampler.push(block))

    def finish(self) -> Iterator[Answer]:
        """The answers that the end of the stream makes possible."""
        yield from self._take(self._resampler.finish())

    def _take(self, samples: np.ndarray) -> Iterator[Answer]:
        self._waiting = np.concatenate([self._waiting, samples])
        while len(self._waiting) >= self._needed:
            yield self._answer()

    @property
    def _needed(self) -> int:
        return self._hop if self.answers else self._window

    def _answer(self) -> Answer:
        taken, self._waiting = np.split(self._waiting, [self._needed])
        whole = len(taken) == self._window
        log_mel = self._log_mel.of(taken) if whole else self._log_mel.slide(taken)
        probabilities = softmax(self._classifier.interpreter.logits(log_mel))[0]
        if self._smoothed is not None:
            probabilities = self._keep * self._smoothed + (1 - self._keep) * probabilities
        self._smoothed = probabilities
        time_s = WINDOW_SECONDS + self.answers * self.hop_s
        self.answers += 1
        level_dbfs, clipped = self._level.take()
        return Answer(time_s, probabilities, level_dbfs, clipped)

    def _repair(self, block: np.ndarray) -> np.ndarray:
        sound = np.abs(block) <= MAX_PEAK  # false for NaN too
        if sound.all():
            return block
        self.repaired += int((~sound).sum())
        return np.where(sound, block, np.float32(0))


class _Level:
    """Energy and clipping of the samples since they were last asked for."""

    def __init__(self) -> None:
        self._energy, self._clipped, self._count = 0.0, 0, 0
        self._last = LOWEST_DBFS, 0.0

    def add(self, block: np.ndarray) -> None:
        self._energy += float(np.square(block, dtype=np.float64).sum())
        self._clipped += int((np.abs(block) >= FULL_SCALE).sum())
        self._count += len(block)

    def take(self) -> tuple[float, float]:
        """Level in dB of full scale and share of clipped samples; the last ones if none came."""
        if self._count:
            power, clipped = self._energy / self._count, self._clipped / self._count
            level = 10 * math.log10(power) if power else LOWEST_DBFS
            self._last = min(0.0, max(LOWEST_DBFS, level)), clipped
            self._energy, self._clipped, self._count = 0.0, 0, 0
        return self._last
