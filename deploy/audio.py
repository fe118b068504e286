"""Reading one recording."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import numpy as np

from deploy.errors import InputError

WINDOW_SECONDS = 1
"""What a network hears at a time: the shortest usable recording."""

MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 384_000
"""Of recordings that can be meant."""

RIFF_HEADER = 8
"""Bytes before those that a WAV file's header counts."""

STREAMED = (0, 2**32 - 1)
"""Counts of a header that was written before the length was known."""

PADDING = 1
"""Byte after a chunk of odd length, which many writers count but leave out."""

MAX_PEAK = 100
"""Of float files: some go a little beyond 1, those in the scale of 16-bit integers far."""

Samples = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def read_audio(path: Path) -> tuple[Samples, int]:
    """Read a recording as float32 in [-1, 1].

    WAV, FLAC and whatever else libsndfile knows where `soundfile` is installed; 8-, 16-, 24- and
    32-bit PCM WAV where it is not (a Raspberry Pi needs no more).

    Returns:
        Samples of shape (channels, samples), and the rate in Hz.

    Raises:
        InputError: missing, unreadable, empty or truncated file, or samples that are not finite
            or of another scale.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; check the path.")
    try:
        samples, rate_hz = _decode(path)
    except (OSError, EOFError, ValueError, RuntimeError, wave.Error) as error:
        raise InputError(
            f"{path}: cannot be read as audio ({error}); replace it with a WAV or FLAC file."
        ) from error
    if samples.shape[1] == 0:
        raise InputError(f"{path}: holds no samples; replace it with a complete recording.")
    peak = np.abs(samples).max()
    if not np.isfinite(peak):
        raise InputError(f"{path}: holds NaN or infinite samples; record or export it again.")
    if peak > MAX_PEAK:
        raise InputError(
            f"{path}: found samples up to {peak:g}, expected -1 to 1; export it at that scale."
        )
    return samples, rate_hz


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
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise InputError(
            f"{path}: found {rate_hz} Hz, expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz; "
            "record or export it again."
        )
    if samples.shape[1] < rate_hz * WINDOW_SECONDS:
        raise InputError(
            f"{path}: found {samples.shape[1]} samples at {rate_hz} Hz, expected at least "
            f"{WINDOW_SECONDS} s; give a longer recording."
        )
    return samples[0], rate_hz


def _decode(path: Path) -> tuple[Samples, int]:
    try:
        import soundfile
    except ImportError:
        return _decode_wav(path)
    _require_whole(path)
    with soundfile.SoundFile(path) as file:
        samples = file.read(dtype="float32", always_2d=True)
        if len(samples) < file.frames:
            raise ValueError(f"{len(samples)} of {file.frames} samples are there")
        return samples.T, file.samplerate


def _require_whole(path: Path) -> None:
    # libsndfile takes a WAV file that was cut short for a shorter recording.
    with open(path, "rb") as file:
        head = file.read(RIFF_HEADER)
        found = file.seek(0, os.SEEK_END)
    promised = int.from_bytes(head[4:8], "little") + RIFF_HEADER
    if (
        head[:4] == b"RIFF"
        and promised - RIFF_HEADER not in STREAMED
        and promised > found + PADDING
    ):
        raise ValueError(f"{found:,} of {promised:,} bytes are there")


def _decode_wav(path: Path) -> tuple[Samples, int]:
    with wave.open(str(path), "rb") as file:
        width, channels, frames = file.getsampwidth(), file.getnchannels(), file.getnframes()
        data = np.frombuffer(file.readframes(frames), np.uint8)
        rate_hz = file.getframerate()
    if len(data) < frames * channels * width:
        raise ValueError(f"{len(data)} of {frames * channels * width} bytes are there")
    if width == 1:  # 8-bit WAV is unsigned
        return _as_channels((data.astype(np.float32) - 128) / 128, channels), rate_hz
    # Little-endian integers of any width, moved to the top of 32 bits so that the sign is right.
    top = np.zeros((len(data) // width, 4), np.uint8)
    top[:, 4 - width :] = data.reshape(-1, width)
    return _as_channels(top.view("<i4")[:, 0].astype(np.float32) / 2**31, channels), rate_hz


def _as_channels(interleaved: np.ndarray, channels: int) -> Samples:
    return interleaved.reshape(-1, channels).T.astype(np.float32)
