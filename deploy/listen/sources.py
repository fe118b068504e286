"""Where sound comes from while listening: a file, standard input, a microphone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from deploy.audio import blocks, require_rate
from deploy.errors import InputError
from deploy.pcm import FORMATS, decode, mixed
from deploy.wav import WavError, WavReader

STANDARD_INPUT = "standard input"


class Source(Protocol):
    """Sound as it comes."""

    rate_hz: int

    @property
    def overruns(self) -> int:
        """Pieces of sound lost so far because they were not fetched in time."""
        ...

    def blocks(self, seconds: float) -> Iterator[np.ndarray]:
        """Pieces of about so many seconds, mono, float32 (samples,) in [-1, 1]."""
        ...


class FileSource:
    """A recording, as fast as it can be read or as it would sound."""

    overruns = 0

    def __init__(self, path: Path, *, in_real_time: bool) -> None:
        """Open a recording.

        Raises:
            InputError: see `deploy.audio.blocks`.
        """
        self._path, self._in_real_time = path, in_real_time
        self.rate_hz = require_rate(str(path), next(blocks(path, 0.1))[1])

    def blocks(self, seconds: float) -> Iterator[np.ndarray]:
        started, heard = time.monotonic(), 0
        for samples, _ in blocks(self._path, seconds):
            heard += samples.shape[1]
            if self._in_real_time:
                time.sleep(max(0.0, started + heard / self.rate_hz - time.monotonic()))
            yield mixed(samples)


class WavStream:
    """WAV from a pipe, such as `arecord -f S16_LE -r 44100`; its header says what it is."""

    overruns = 0  # the writer waits for us, or says itself what it lost

    def __init__(self, stream: BinaryIO, name: str = STANDARD_INPUT) -> None:
        """Read the header.

        Raises:
            InputError: not a usable WAV.
        """
        self._name = name
        self._reader = self._ask(lambda: WavReader(stream))
        self.rate_hz = require_rate(name, self._reader.format.rate_hz)

    def blocks(self, seconds: float) -> Iterator[np.ndarray]:
        frames = max(1, round(self.rate_hz * seconds))
        while (samples := self._ask(lambda: self._reader.read(frames))).shape[1]:
            yield mixed(samples)

    def _ask(self, action):  # type: ignore[no-untyped-def]
        try:
            return action()
        except WavError as error:
            raise InputError(
                f"{self._name}: cannot be read as WAV ({error}); "
                "start again with sound of one format."
            ) from error


class RawStream:
    """Samples without any header from a pipe, such as `arecord -t raw`."""

    overruns = 0

    def __init__(self, stream: BinaryIO, *, rate_hz: int, sample_format: str, channels: int):
        self._stream, self._channels = stream, channels
        self._stored = FORMATS[sample_format]
        self.rate_hz = rate_hz

    def blocks(self, seconds: float) -> Iterator[np.ndarray]:
        frame_bytes = self._stored.bytes * self._channels
        wanted = max(1, round(self.rate_hz * seconds)) * frame_bytes
        while data := self._stream.read(wanted):
            whole = len(data) - len(data) % frame_bytes  # the last sample may be cut in two
            yield mixed(decode(data[:whole], self._stored, self._channels))


def open_pipe(
    stream: BinaryIO, *, rate_hz: int | None, sample_format: str, channels: int
) -> WavStream | RawStream:
    """Sound on a pipe: WAV if it begins like one, else raw samples of the given format.

    Raises:
        InputError: nothing comes, a WAV that cannot be used, or raw samples of unknown rate.
    """
    head = stream.read(4)
    if not head:
        raise InputError(f"{STANDARD_INPUT}: is empty; pipe WAV or raw samples into it.")
    rest = _Joined(head, stream)
    if head == b"RIFF":
        return WavStream(rest)  # type: ignore[arg-type]  # it is only read
    if rate_hz is None:
        raise InputError(
            f"{STANDARD_INPUT}: has no WAV header; say the rate of its samples, such as "
            "--rate 44100, and their --format and --channels."
        )
    require_rate("--rate", rate_hz)
    return RawStream(
        rest,  # type: ignore[arg-type]
        rate_hz=rate_hz,
        sample_format=sample_format,
        channels=channels,
    )


class _Joined:
    """A stream with bytes put back before it."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = BytesIO(head), stream

    def read(self, count: int) -> bytes:
        data = self._head.read(count)
        return data + self._stream.read(count - len(data)) if len(data) < count else data
