"""Impulse responses of microphones, read from a folder of WAV files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from baseline.challenge import CLIP_SECONDS
from deploy.audio import blocks, require_rate
from deploy.errors import InputError
from deploy.resampling import resample

MAX_SECONDS = 10
"""A longer file is a recording, not an impulse response."""

MIN_PEAK = 1e-4
"""A response that stays below makes silence of every clip."""


@dataclass(frozen=True, eq=False)
class ImpulseResponses:
    """Some microphones' impulse responses at one rate."""

    names: tuple[str, ...]
    samples: np.ndarray
    """(responses, taps) float32, with zeros behind the shorter ones."""


def read_responses(folder: Path, rate_hz: int) -> ImpulseResponses:
    """Read every WAV file below a folder, in the order of their paths, at another rate.

    Samples keep their values when the rate changes, and neither level nor delay is touched, as in
    the originals (Morocutti et al. 2023): the gain of a response, which falls with the rate, is a
    part of the augmentation.

    Raises:
        InputError: no such folder, no WAV file in it, or one that is unreadable, silent, longer
            than `MAX_SECONDS` or not mono.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: there is no such folder; give one with impulse responses as WAV files, or "
            "write synthetic."
        )
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() == ".wav" and not path.name.startswith(".") and not path.is_dir()
    )
    if not names:
        raise InputError(
            f"{folder}: holds no WAV files, expected impulse responses; give their folder."
        )
    return stacked(names, [read_response(folder / name, rate_hz) for name in names])


def stacked(names: list[str], responses: list[np.ndarray]) -> ImpulseResponses:
    """Responses (taps,) of different lengths together."""
    samples = np.zeros((len(responses), max(map(len, responses))), np.float32)
    for row, response in zip(samples, responses, strict=True):
        row[: len(response)] = response
    return ImpulseResponses(tuple(names), samples)


def read_response(path: Path, rate_hz: int) -> np.ndarray:
    """Read one impulse response, float32 of shape (taps,) at `rate_hz`.

    Raises:
        InputError: unreadable, silent, longer than `MAX_SECONDS`, not mono, or of an odd rate.
    """
    pieces = list(islice(blocks(path, MAX_SECONDS), 2))  # however long the file is
    samples, from_hz = pieces[0]
    if len(pieces) > 1:
        raise InputError(
            f"{path}: is longer than {MAX_SECONDS} s, expected an impulse response of a second or "
            "less; cut it, or take the recording out of the folder."
        )
    if len(samples) != 1:
        raise InputError(
            f"{path}: found {len(samples)} channels, expected 1; export one channel of it."
        )
    require_rate(str(path), from_hz)
    peak = float(np.abs(samples[0, : from_hz * CLIP_SECONDS]).max())
    if peak < MIN_PEAK:
        raise InputError(
            f"{path}: found silence (a peak of {peak:g} in the first {CLIP_SECONDS} s), expected "
            f"{MIN_PEAK:g} or more; take it out of the folder."
        )
    try:
        return resample(samples[0], from_hz, rate_hz)
    except InputError as error:  # a rate without small ratio
        raise InputError(f"{path}: {error}") from error
