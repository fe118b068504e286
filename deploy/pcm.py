"""Samples as bytes: integers or floats, little-endian, channels interleaved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SampleFormat:
    """How one sample is stored."""

    bytes: int
    is_float: bool = False


FORMATS = {
    "U8": SampleFormat(1),
    "S16_LE": SampleFormat(2),
    "S24_3LE": SampleFormat(3),
    "S32_LE": SampleFormat(4),
    "FLOAT_LE": SampleFormat(4, is_float=True),
    "FLOAT64_LE": SampleFormat(8, is_float=True),
}
"""Formats by the names that `arecord --format` gives them."""


def decode(data: bytes, stored: SampleFormat, channels: int) -> np.ndarray:
    """Samples in [-1, 1] of whole frames.

    Args:
        data: a whole number of frames, which are one sample of each channel.

    Returns:
        float32 of shape (channels, frames).
    """
    return _samples(data, stored).reshape(-1, channels).T


def mixed(samples: np.ndarray) -> np.ndarray:
    """The mean (samples,) of the channels; NaN or infinite where any of them is or it overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean: np.ndarray = samples.mean(0)
    return mean


def _samples(data: bytes, stored: SampleFormat) -> np.ndarray:
    if stored.is_float:
        # A float64 beyond float32 becomes infinite, and bytes may be any kind of NaN.
        with np.errstate(over="ignore", invalid="ignore"):
            return np.frombuffer(data, f"<f{stored.bytes}").astype(np.float32)
    if stored.bytes == 1:  # unsigned, unlike the others
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    if stored.bytes == 2:
        return np.frombuffer(data, "<i2").astype(np.float32) / 2**15
    # Integers of any width, moved to the top of 32 bits so that the sign is right.
    octets = np.frombuffer(data, np.uint8).reshape(-1, stored.bytes)
    top = np.zeros((len(octets), 4), np.uint8)
    top[:, 4 - stored.bytes :] = octets
    return top.view("<i4")[:, 0].astype(np.float32) / 2**31
