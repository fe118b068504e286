"""Reading one recording."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from deploy.errors import InputError
from deploy.files import require_file
from deploy.wav import STREAMED, WavReader

WINDOW_SECONDS = 1
"""What a network hears at a time: the shortest usable recording."""

MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 384_000
"""Of recordings that can be meant."""

RIFF_HEADER = 8
"""Bytes before those that a WAV file's header counts."""

WHOLE_SECONDS = 60
"""Read at a time where the whole is wanted."""

DECODING_ERRORS = (OSError, EOFError, ValueError, RuntimeError)
"""What soundfile and our own reader raise for damaged files."""

PADDING = 1
"""Byte after a chunk of odd length, which many writers count but leave out."""

MAX_PEAK = 100
"""Of float files: some go a little beyond 1, those in the scale of 16-bit integers far."""

Samples = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def read_audio(path: Path) -> tuple[Samples, int]:
    """Read a recording as float32 in [-1, 1].

    WAV, FLAC and whatever else libsndfile knows where `soundfile` is installed; 8- to
    32-bit PCM and float WAV where it is not (a Raspberry Pi needs no more).

    Returns:
        Samples of shape (channels, samples), and the rate in Hz.

    Raises:
        InputError: missing, unreadable, empty or truncated file, or samples that are not finite
            or of another scale.
    """
    pieces = list(blocks(path, WHOLE_SECONDS))
    samples = np.concatenate([piece for piece, _ in pieces], axis=1)
    return samples, pieces[0][1]


def read_mono(path: Path) -> tuple[np.ndarray, int]:
    """Read a recording to be classified: samples of shape (samples,) and the rate in Hz.

    Raises:
        InputError: as `read_audio`, or more than one channel, an implausible rate, or too short.
    """
    samples, rate_hz = read_audio(path)
    if len(samples) != 1:
        raise InputError(
            f"{path}: found {len(samples)} channels, expected 1; mix it down to mono first."
        )
    require_rate(str(path), rate_hz)
    if samples.shape[1] < rate_hz * WINDOW_SECONDS:
        raise InputError(
            f"{path}: found {samples.shape[1]} samples at {rate_hz} Hz, expected at least "
            f"{WINDOW_SECONDS} s; give a longer recording."
        )
    return samples[0], rate_hz


def require_rate(name: str, rate_hz: int) -> int:
    """The rate, if it can be meant.

    Raises:
        InputError: an implausible rate.
    """
    if MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        return rate_hz
    raise InputError(
        f"{name}: found {rate_hz} Hz, expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz; "
        "record or export it again."
    )


def blocks(path: Path, seconds: float) -> Iterator[tuple[Samples, int]]:
    """Read a recording piece by piece, so that its length does not matter.

    Yields:
        As `read_audio` returns, so many seconds at a time, the last piece shorter.

    Raises:
        InputError: as `read_audio`, when the reading comes to it.
    """
    require_file(path)
    found = False
    try:
        for samples, rate_hz in _decoded_blocks(path, seconds):
            _require_usable(path, samples)
            found = True
            yield samples, rate_hz
    except DECODING_ERRORS as error:
        raise InputError(
            f"{path}: cannot be read as audio ({error}); replace it with a WAV or FLAC file."
        ) from error
    if not found:
        raise InputError(f"{path}: holds no samples; replace it with a complete recording.")


def _require_usable(path: Path, samples: Samples) -> None:
    peak = np.abs(samples).max()
    if not np.isfinite(peak):
        raise InputError(f"{path}: holds NaN or infinite samples; record or export it again.")
    if peak > MAX_PEAK:
        raise InputError(
            f"{path}: found samples up to {peak:g}, expected -1 to 1; export it at that scale."
        )


def _decoded_blocks(path: Path, seconds: float) -> Iterator[tuple[Samples, int]]:
    try:
        import soundfile
    except ImportError:
        yield from _wav_blocks(path, seconds)
        return
    with open(path, "rb") as opened:
        _require_whole(opened)
        try:
            # By descriptor: soundfile cannot open a name that is not UTF-8.
            with soundfile.SoundFile(opened.fileno(), closefd=False) as file:
                rate_hz, found = file.samplerate, 0
                frames = max(1, round(rate_hz * seconds))
                while len(samples := file.read(frames, dtype="float32", always_2d=True)):
                    found += len(samples)
                    yield samples.T, rate_hz
                if found < file.frames:
                    raise ValueError(f"{found} of {file.frames} samples are there")
        except soundfile.LibsndfileError as error:
            raise ValueError(error.error_string) from error  # without the descriptor's number


def _wav_blocks(path: Path, seconds: float) -> Iterator[tuple[Samples, int]]:
    with open(path, "rb") as file:
        reader = WavReader(file)
        rate_hz = reader.format.rate_hz
        while (samples := reader.read(max(1, round(rate_hz * seconds)))).shape[1]:
            yield samples, rate_hz


def _require_whole(file: BinaryIO) -> None:
    # libsndfile takes a WAV file that was cut short for a shorter recording.
    head = file.read(RIFF_HEADER)
    found = file.seek(0, os.SEEK_END)
    file.seek(0)
    promised = int.from_bytes(head[4:8], "little") + RIFF_HEADER
    if (
        head[:4] == b"RIFF"
        and promised - RIFF_HEADER not in STREAMED
        and promised > found + PADDING
    ):
        raise ValueError(f"{found:,} of {promised:,} bytes are there")
