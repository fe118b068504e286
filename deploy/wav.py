"""WAV from anything that can be read forwards: a file, or a pipe whose end is not known."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from deploy.pcm import SampleFormat, decode

INTEGER, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
"""Kinds of samples, as a WAV header numbers them."""

STREAMED = (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Lengths in headers written before the length was known, up to a few bytes of rounding."""

ROUNDING = 64
MIN_FORMAT_BYTES = 16
MAX_FORMAT_BYTES = 4096
SKIPPED_AT_ONCE = 1 << 16

MAX_CHANNELS, MAX_RATE_HZ = 1024, 10_000_000
"""A header beyond is damaged."""


class WavError(ValueError):
    """Bytes that are no WAV, or one that cannot be used; why, in words."""


@dataclass(frozen=True)
class WavFormat:
    """What a WAV header says of its samples."""

    rate_hz: int
    channels: int
    stored: SampleFormat

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.stored.bytes


class WavReader:
    """The samples of a WAV, block by block.

    Several WAVs one after another, as `cat` joins them, are read as one if they have one format.
    """

    def __init__(self, source: BinaryIO) -> None:
        """Read up to the first sample.

        Raises:
            WavError: not WAV, or with samples that are compressed or otherwise unusable.
        """
        self._source = source
        self._require(b"RIFF", self._exactly(4))
        self.format = self._begin()
        self.frames_read = 0

    def read(self, frames: int) -> np.ndarray:
        """The next samples, float32 of shape (channels, frames) in [-1, 1]; fewer at the end.

        Raises:
            WavError: cut short, or followed by a WAV of another format.
        """
        size = self.format.frame_bytes
        while self._left is not None and self._left < size:
            if not self._next_part():
                return decode(b"", self.format.stored, self.format.channels)
        wanted = frames * size if self._left is None else min(frames * size, self._left)
        data = _read_fully(self._source, wanted - wanted % size)
        if self._left is not None:
            self._left -= len(data)
            if len(data) < wanted - wanted % size:
                raise WavError(f"{self._left:,} of its bytes are missing")
        whole = len(data) - len(data) % size
        self.frames_read += whole // size
        return decode(data[:whole], self.format.stored, self.format.channels)

    def _begin(self) -> WavFormat:
        """Read the header behind 'RIFF', up to the first sample."""
        self._exactly(4)
        self._require(b"WAVE", self._exactly(4))
        found = None
        while True:
            name, size = self._chunk()
            if name == b"data":
                break
            if name == b"fmt ":
                if not MIN_FORMAT_BYTES <= size <= MAX_FORMAT_BYTES:
                    raise WavError(f"its format takes {size} bytes")
                found = _parse_format(self._exactly(size + size % 2))
            else:
                self._skip(size + size % 2)
        if found is None:
            raise WavError("it has samples but no format")
        streamed = any(0 <= length - size < ROUNDING for length in STREAMED)
        self._left: int | None = None if streamed else size
        self._pad = size % 2
        return found

    def _next_part(self) -> bool:
        """Go on to the samples of another WAV behind this one; whether there is one."""
        assert self._left is not None
        self._skip(self._left + self._pad, needed=False)
        self._left = self._pad = 0
        while True:
            name = _read_fully(self._source, 4)
            if len(name) < 4:
                return False
            if name == b"RIFF":
                break
            self._skip(self._size(needed=False), needed=False)
        before, self.format = self.format, self._begin()
        if self.format != before:
            seconds = self.frames_read / before.rate_hz
            raise WavError(
                f"after {seconds:.1f} s it changes from {_text(before)} to {_text(self.format)}"
            )
        return True

    def _chunk(self) -> tuple[bytes, int]:
        return self._exactly(4), self._size()

    def _size(self, *, needed: bool = True) -> int:
        octets = self._exactly(4) if needed else _read_fully(self._source, 4)
        return int.from_bytes(octets, "little")

    def _exactly(self, count: int) -> bytes:
        data = _read_fully(self._source, count)
        if len(data) < count:
            raise WavError("it ends within its header")
        return data

    def _skip(self, count: int, *, needed: bool = True) -> None:
        while count > 0:
            data = _read_fully(self._source, min(count, SKIPPED_AT_ONCE))
            if not data:
                if needed:
                    raise WavError("it ends within its header")
                return
            count -= len(data)

    @staticmethod
    def _require(expected: bytes, found: bytes) -> None:
        if found != expected:
            raise WavError("it is not a WAV file")


def _parse_format(data: bytes) -> WavFormat:
    kind, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", data)
    if kind == EXTENSIBLE and len(data) >= 26:
        kind = int.from_bytes(data[24:26], "little")
    is_float = kind == FLOAT
    if kind not in (INTEGER, FLOAT) or bits not in ((32, 64) if is_float else (8, 16, 24, 32)):
        raise WavError(f"its samples are of kind {kind} with {bits} bits; convert it to 16-bit PCM")
    if not (1 <= channels <= MAX_CHANNELS and 1 <= rate_hz <= MAX_RATE_HZ):
        raise WavError(f"it has {channels} channels at {rate_hz} Hz")
    return WavFormat(rate_hz, channels, SampleFormat(bits // 8, is_float))


def _text(found: WavFormat) -> str:
    kind = "float" if found.stored.is_float else "integers"
    return f"{found.rate_hz} Hz ({found.stored.bytes * 8}-bit {kind}, channels: {found.channels})"


def _read_fully(source: BinaryIO, count: int) -> bytes:
    """So many bytes, or fewer at the end: a pipe gives what it has."""
    parts = []
    while count > 0 and (part := source.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
