"""The front ends, defined once: from waves to log-mel energies, in numpy.

The torch form in `baseline.features` is built from the tables made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from deploy.banded import Band, bands, product
from deploy.errors import InputError
from deploy.resampling import resample

__all__ = ["FRONT_ENDS", "FrontEnd", "front_end", "resample"]

MELS_PER_BAND = 16


@dataclass(frozen=True)
class FrontEnd:
    """A log-mel front end: log(mel power + offset) of a centred, Hann-windowed STFT."""

    name: str
    rate_hz: int
    n_fft: int
    win_length: int
    hop_length: int
    n_mels: int
    f_min_hz: float
    f_max_hz: float
    log_offset: float

    def window(self) -> np.ndarray:
        """Periodic Hann window of shape (win_length,), float32."""
        phase = np.arange(self.win_length) / self.win_length
        return (0.5 - 0.5 * np.cos(2 * np.pi * phase)).astype(np.float32)

    def mel_filters(self) -> np.ndarray:
        """HTK mel filterbank, triangles in Hz with peak 1, of shape (n_fft // 2 + 1, n_mels)."""
        bins_hz = np.linspace(0, self.rate_hz // 2, self.n_fft // 2 + 1)
        mels = np.linspace(_mel(self.f_min_hz), _mel(self.f_max_hz), self.n_mels + 2)
        edges_hz = 700 * (10 ** (mels / 2595) - 1)
        width_hz = np.diff(edges_hz)
        distance_hz = edges_hz - bins_hz[:, None]
        rising = -distance_hz[:, :-2] / width_hz[:-1]
        falling = distance_hz[:, 2:] / width_hz[1:]
        return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)

    def mel_bands(self) -> list[Band]:
        """The mel filterbank cut into bands, for a product that skips the zeros."""
        return bands(self.mel_filters(), MELS_PER_BAND)

    def padding(self) -> int:
        """Samples of reflection added on each side before cutting frames of `win_length`.

        A centred STFT reflects n_fft / 2 samples and windows the middle `win_length` of each
        frame; the outer samples meet zeros of the window, so they need not be there at all.
        """
        return self.win_length // 2

    def frames(self, samples: int) -> int:
        """Number of frames for a wave of so many samples."""
        return 1 + samples // self.hop_length

    def log_mel(self, waves: np.ndarray) -> np.ndarray:
        """Log-mel energies.

        Args:
            waves: float32 in [-1, 1] at `rate_hz`, shape (batch, samples); more samples than
                half a window.

        Returns:
            float32 of shape (batch, 1, n_mels, frames), natural logarithm.

        Raises:
            InputError: waves too short to be reflected.
        """
        if waves.shape[-1] <= self.padding():
            raise InputError(
                f"front end {self.name}: found {waves.shape[-1]} samples at {self.rate_hz} Hz, "
                f"expected more than {self.padding()}; give a longer recording."
            )
        window, parts = _tables(self)
        padded = np.pad(np.asarray(waves, np.float32), [(0, 0), (self.padding(),) * 2], "reflect")
        framed = np.lib.stride_tricks.sliding_window_view(padded, self.win_length, axis=-1)
        spectrum = np.fft.rfft(framed[:, :: self.hop_length] * window, self.n_fft)
        power = spectrum.real.astype(np.float32) ** 2 + spectrum.imag.astype(np.float32) ** 2
        log_mel = np.log(product(power, parts) + np.float32(self.log_offset))
        return np.ascontiguousarray(log_mel.transpose(0, 2, 1)[:, None])


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


@lru_cache(maxsize=4)
def _tables(front_end: FrontEnd) -> tuple[np.ndarray, list[Band]]:
    return front_end.window(), front_end.mel_bands()


FRONT_ENDS = {
    "dcase2024": FrontEnd(
        name="dcase2024",
        rate_hz=32_000,
        n_fft=4096,
        win_length=3072,
        hop_length=500,
        n_mels=256,
        f_min_hz=0.0,
        f_max_hz=16_000.0,
        log_offset=1e-5,
    ),
}
"""Front ends by name; `dcase2024` is the one of the 2024 and 2025 baselines."""


def front_end(name: str) -> FrontEnd:
    """The front end of that name.

    Raises:
        InputError: no such front end.
    """
    if name not in FRONT_ENDS:
        raise InputError(f"front end '{name}' is unknown; choose one of {', '.join(FRONT_ENDS)}.")
    return FRONT_ENDS[name]
