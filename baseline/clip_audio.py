"""One clip's samples: read, judged against the dataset's format, resampled, stored as int16.

Imports neither pandas nor torch, so that worker processes start fast.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from baseline.challenge import CLIP_SECONDS, SOURCE_RATE_HZ
from deploy.audio import read_audio
from deploy.errors import InputError
from deploy.frontend import resample

FULL_SCALE = 32_768
"""int16 value of the sample 1.0: stored samples divided by it are the wave in [-1, 1)."""


def read_clip(path: Path) -> np.ndarray:
    """Read a clip of the dataset's format: mono, one second at 44.1 kHz.

    Returns:
        float32 of shape (44100,), in [-1, 1] for integer files.

    Raises:
        InputError: unreadable or not finite (see `deploy.audio.read_audio`), or another format.
    """
    samples, rate_hz = read_audio(path)
    for difference in format_faults(samples, rate_hz).values():
        raise InputError(
            f"{path}: {difference}; convert the file, or list all such files with "
            "'tinyscene data check'."
        )
    wave: np.ndarray = samples[0]
    return wave


def format_faults(samples: np.ndarray, rate_hz: int) -> dict[str, str]:
    """How a recording of shape (channels, samples) differs from the dataset's format.

    Returns:
        Kind of fault to what was found and expected; empty if there is none.
    """
    channels, length = samples.shape
    faults = {}
    if rate_hz != SOURCE_RATE_HZ:
        faults["wrong rate"] = f"found {rate_hz} Hz, expected {SOURCE_RATE_HZ} Hz"
    if channels != 1:
        faults["wrong channels"] = f"found {channels} channels, expected 1"
    if length != rate_hz * CLIP_SECONDS:
        expected = rate_hz * CLIP_SECONDS
        faults["wrong length"] = f"found {length} samples, expected {expected} ({CLIP_SECONDS} s)"
    return faults


def stored_clip(path: Path, rate_hz: int) -> np.ndarray:
    """Read a clip, resample it and round it to int16, shape (rate_hz,).

    One clip at a time: in a larger matrix product the last bit of a sample could depend on which
    clips stand beside it, and a resumed store would differ from an uninterrupted one.

    Raises:
        InputError: as `read_clip`.
    """
    return to_int16(resample(read_clip(path), SOURCE_RATE_HZ, rate_hz))


def to_int16(waves: np.ndarray) -> np.ndarray:
    """Round waves in [-1, 1] to the nearest of 65,536 steps; what lies outside is clipped."""
    steps = np.rint(waves * np.float32(FULL_SCALE))
    return np.clip(steps, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
