"""The front ends, defined once: from waves to log-mel energies, in numpy.

The torch form in `baseline.features` is built from the tables made here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from deploy.banded import Band, bands
from deploy.errors import InputError
from deploy.log_mel import LogMel
from deploy.resampling import resample

__all__ = ["FRONT_ENDS", "FrontEnd", "front_end", "resample"]

MELS_PER_BAND = 16

Triangles = Literal["hz", "mel"]
MaskDomain = Literal["power", "log"]


@dataclass(frozen=True)
class FrontEnd:
    """A log-mel front end: log(mel power + offset) of a centred, Hann-windowed STFT.

    What has a default is left out in model files written before it was there.
    """

    name: str
    rate_hz: int
    n_fft: int
    win_length: int
    hop_length: int
    n_mels: int
    f_min_hz: float
    f_max_hz: float
    log_offset: float
    pre_emphasis: float = 0.0
    """c of y[n] = x[n + 1] - c * x[n], which is one sample shorter; 0 leaves the wave alone."""
    periodic_window: bool = True
    """Whether the Hann window would close after its last sample, or, symmetric, closes with it."""
    mel_triangles: Triangles = "hz"
    """Where the mel filters' slopes are straight: in Hz, as HTK, or in mel, as Kaldi."""
    mean: float = 0.0
    deviation: float = 1.0
    """The log-mel is given as (log-mel - mean) / deviation."""
    mask_domain: MaskDomain = "power"
    """Whether a masked mel has no power, or a log-mel of 0, which is loud."""

    def window(self) -> np.ndarray:
        """Hann window of shape (win_length,), float32."""
        period = self.win_length if self.periodic_window else self.win_length - 1
        phase = np.arange(self.win_length) / period
        return (0.5 - 0.5 * np.cos(2 * np.pi * phase)).astype(np.float32)

    def mel_filters(self) -> np.ndarray:
        """Mel filterbank, triangles with peak 1, of shape (n_fft // 2 + 1, n_mels), float32.

        HTK's mel scale, which is Kaldi's times a constant that makes no difference here.
        """
        bins = np.linspace(0, self.rate_hz // 2, self.n_fft // 2 + 1)
        edges = np.linspace(_mel(self.f_min_hz), _mel(self.f_max_hz), self.n_mels + 2)
        if self.mel_triangles == "hz":
            edges = _hz(edges)
        else:
            bins = _mel(bins)
        width = np.diff(edges)
        distance = edges - bins[:, None]
        rising = -distance[:, :-2] / width[:-1]
        falling = distance[:, 2:] / width[1:]
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
        return 1 + (samples - self.samples_lost) // self.hop_length

    @property
    def samples_lost(self) -> int:
        """By how many samples pre-emphasis shortens a wave."""
        return 1 if self.pre_emphasis else 0

    @property
    def normalises(self) -> bool:
        """Whether the mean and the deviation change anything."""
        return (self.mean, self.deviation) != (0, 1)

    @property
    def mask_value(self) -> float:
        """What stands for a masked mel in training, in the log-mel as it is given."""
        log_mel = math.log(self.log_offset) if self.mask_domain == "power" else 0.0
        return (log_mel - self.mean) / self.deviation

    def log_mel(self, waves: np.ndarray) -> np.ndarray:
        """Log-mel energies; many waves one after another are faster through a `LogMel` of your own.

        Args:
            waves: float32 in [-1, 1] at `rate_hz`, shape (batch, samples); more samples than
                half a window.

        Returns:
            float32 of shape (batch, 1, n_mels, frames), natural logarithm, normalised.

        Raises:
            InputError: waves too short to be reflected.
        """
        front_end = LogMel(self, waves.shape[-1])
        return np.concatenate([front_end.of(wave).copy() for wave in waves])


def _mel(hz: np.ndarray | float) -> np.ndarray:
    return 2595 * np.log10(1 + np.asarray(hz) / 700)


def _hz(mel: np.ndarray) -> np.ndarray:
    return 700 * (10 ** (mel / 2595) - 1)


CPJKU2023 = FrontEnd(
    name="cpjku2023",
    rate_hz=32_000,
    n_fft=4096,
    win_length=3072,
    hop_length=500,
    n_mels=256,
    f_min_hz=0.0,
    f_max_hz=15_500.0,
    log_offset=1e-5,
    pre_emphasis=0.97,
    periodic_window=False,
    mel_triangles="mel",
    mean=-4.5,
    deviation=5.0,
    mask_domain="log",
)

PASST = replace(
    CPJKU2023,
    name="passt",
    n_fft=1024,
    win_length=800,
    hop_length=320,
    n_mels=128,
)

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
    "cpjku2023": CPJKU2023,
    "cpjku2023_teacher": replace(CPJKU2023, name="cpjku2023_teacher", hop_length=750),
    "cpjku2022": replace(
        CPJKU2023,
        name="cpjku2022",
        n_fft=2048,
        win_length=2048,
        hop_length=744,
        f_max_hz=16_000.0,
    ),
    "cpresnet_dir": replace(
        CPJKU2023,
        name="cpresnet_dir",
        rate_hz=22_050,
        n_fft=2048,
        win_length=2048,
        hop_length=512,
        f_max_hz=11_025.0,
    ),
    "passt": PASST,
    "passt_dcase2022": replace(PASST, name="passt_dcase2022", f_max_hz=16_000.0),
    "passt_audioset": replace(PASST, name="passt_audioset", f_max_hz=15_000.0),
}
"""Front ends by name.

`dcase2024` is the one of the 2024 and 2025 baselines, `cpjku2023` the one of the winners of 2023.
Three are CP-ResNet's: `cpjku2023_teacher` of those that taught the winner, `cpjku2022` of the
winner of the year before, `cpresnet_dir` of the study of device impulse responses.
`passt` is the one that PaSST is trained with on scenes, `passt_dcase2022` the one that the teachers
of 2022 heard through, `passt_audioset` the one of weights from AudioSet, also EfficientAT's.
"""


def front_end(name: str | FrontEnd) -> FrontEnd:
    """The front end of that name; one of your own is given back as it is.

    Raises:
        InputError: no such front end.
    """
    if isinstance(name, FrontEnd):
        return name
    if name not in FRONT_ENDS:
        raise InputError(f"front end '{name}' is unknown; choose one of {', '.join(FRONT_ENDS)}.")
    return FRONT_ENDS[name]
