"""The recording that a benchmark reads: one second, in a file."""

from __future__ import annotations

import io
import tempfile
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.audio import WINDOW_SECONDS, read_mono
from deploy.files import write_bytes

NOISE_RATE_HZ = 44_100
NOISE_DEVIATION = 0.1
FULL_SCALE = 2**15


@dataclass(frozen=True)
class Recording:
    """One second of mono sound."""

    path: Path
    """Read for each clip."""
    rate_hz: int
    source: str | None
    """Name of the file it comes from; None for noise."""
    rewritten: bool
    """Whether `path` is not that file but its first second, as 16-bit WAV."""


@contextmanager
def one_second(source: Path | None) -> Iterator[Recording]:
    """A recording of one second, which is removed afterwards if it had to be written.

    Args:
        source: mono, at least a second; None for noise.

    Raises:
        InputError: as `read_mono`, or no space for a temporary file.
    """
    samples, rate_hz = (_noise(), NOISE_RATE_HZ) if source is None else read_mono(source)
    length = rate_hz * WINDOW_SECONDS
    if source is not None and len(samples) == length:
        yield Recording(source, rate_hz, source.name, rewritten=False)
        return
    with tempfile.TemporaryDirectory(prefix="tinyscene-") as folder:
        path = Path(folder) / "second.wav"
        write_bytes(path, _wav(samples[:length], rate_hz))
        name = None if source is None else source.name
        yield Recording(path, rate_hz, name, rewritten=source is not None)


def _noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, NOISE_DEVIATION, NOISE_RATE_HZ * WINDOW_SECONDS)


def _wav(samples: np.ndarray, rate_hz: int) -> bytes:
    """A file of 16-bit PCM."""
    scaled = np.clip(np.round(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(scaled.astype("<i2").tobytes())
    return content.getvalue()
