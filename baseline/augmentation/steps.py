"""Augmentation of training batches: pure functions with an explicit generator.

The draws are numpy's, so that a seed means the same on every device.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.functional import one_hot

from deploy.errors import InputError
from deploy.frontend import FrontEnd

FFT_STEP = 4096
"""Transforms of a multiple of it are fast."""


def roll(waves: torch.Tensor, max_samples: int, rng: np.random.Generator) -> torch.Tensor:
    """Shift each wave of (batch, 1, samples) circularly by up to `max_samples` either way."""
    shifts = rng.integers(-max_samples, max_samples, len(waves), endpoint=True)
    return torch.stack(
        [wave.roll(shift, -1) for wave, shift in zip(waves, shifts.tolist(), strict=True)]
    )


def convolve(waves: torch.Tensor, responses: torch.Tensor, which: np.ndarray) -> torch.Tensor:
    """Let some waves sound as through other devices: their convolution with impulse responses.

    The full convolution is cut to the wave's length: nothing precedes the wave, and its tail is
    dropped (Morocutti et al. 2023). The level is left as the response makes it.

    Args:
        waves: float32 (batch, 1, samples).
        responses: float32 (responses, taps) on the same device.
        which: the response of each wave, (batch,); -1 leaves it alone.
    """
    chosen = np.flatnonzero(which >= 0)
    if not len(chosen):
        return waves
    samples = waves.shape[-1]
    responses = responses[:, :samples]  # later taps reach only the tail
    size = -(-(samples + responses.shape[1] - 1) // FFT_STEP) * FFT_STEP
    rows = torch.from_numpy(chosen).to(waves.device)
    filters = responses[torch.from_numpy(which[chosen]).to(waves.device)]
    spectra = torch.fft.rfft(waves[rows, 0], size) * torch.fft.rfft(filters, size)
    convolved = waves.clone()
    convolved[rows, 0] = torch.fft.irfft(spectra, size)[:, :samples]
    return convolved


def draw_responses(
    heard_by_chosen: np.ndarray, probability: float, responses: int, rng: np.random.Generator
) -> np.ndarray:
    """Which response each wave of a batch gets, (batch,), -1 for none.

    Args:
        heard_by_chosen: whether the wave was recorded by a device that may be replaced, (batch,).
    """
    drawn = rng.integers(responses, size=len(heard_by_chosen))
    replaced = heard_by_chosen & (rng.random(len(heard_by_chosen)) < probability)
    return np.where(replaced, drawn, -1)


def shift_mel_range(
    front_end: FrontEnd, f_min_range_hz: int, f_max_range_hz: int, rng: np.random.Generator
) -> FrontEnd:
    """A front end whose mels reach from and to other frequencies, for one training batch.

    f_min rises by up to `f_min_range_hz` - 1, f_max moves by half of `f_max_range_hz` either way,
    in whole Hz; a range of 1 leaves its end alone (PaSST, Koutini et al. 2022: 1 and 1000 on
    scenes, 10 and 2000 on AudioSet).

    Raises:
        InputError: a range below 1, or f_max could pass half the rate.
    """
    highest = front_end.f_max_hz + f_max_range_hz // 2
    if min(f_min_range_hz, f_max_range_hz) < 1 or highest > front_end.rate_hz / 2:
        raise InputError(
            f"front end {front_end.name}: found ranges of {f_min_range_hz} and {f_max_range_hz} "
            f"Hz, expected 1 or more and no mel above {front_end.rate_hz // 2} Hz; change them."
        )
    f_min = front_end.f_min_hz + int(rng.integers(f_min_range_hz))
    return replace(front_end, f_min_hz=f_min, f_max_hz=highest - int(rng.integers(f_max_range_hz)))


def mask_range(
    u_width: np.ndarray, u_start: np.ndarray, max_width: int, mels: int
) -> tuple[np.ndarray, np.ndarray]:
    """First masked mel and the one after the last, from uniform draws in [0, 1).

    width = u_width * max_width and start = u_start * (mels - width), both then rounded down
    (SpecAugment, Park et al. 2019, as torchaudio draws it).
    """
    width = u_width * max_width
    start = (u_start * (mels - width)).astype(int)
    return start, start + width.astype(int)


def mask_frequencies(
    log_mel: torch.Tensor, max_mels: int, fill: float, rng: np.random.Generator
) -> torch.Tensor:
    """Fill a random band of at most `max_mels` mels in each clip of (batch, 1, mels, frames).

    `fill` is the front end's `mask_value`: where the originals mask, in power or log-mel, differs.
    """
    batch, _, mels, _ = log_mel.shape
    start, end = mask_range(rng.random((batch, 1)), rng.random((batch, 1)), max_mels, mels)
    positions = np.arange(mels)
    masked = torch.from_numpy((positions >= start) & (positions < end))  # (batch, mels)
    return log_mel.masked_fill(masked[:, None, :, None].to(log_mel.device), fill)


def mask_frames(
    log_mel: torch.Tensor, max_frames: int, fill: float, rng: np.random.Generator
) -> torch.Tensor:
    """Fill a random stretch of at most `max_frames` frames in each clip, as `mask_frequencies`.

    Raises:
        InputError: more frames than there are.
    """
    if max_frames > log_mel.shape[3]:
        raise InputError(
            f"found time masks of up to {max_frames} frames, expected at most the "
            f"{log_mel.shape[3]} of a clip; make time_mask_frames smaller."
        )
    swapped = mask_frequencies(log_mel.transpose(2, 3), max_frames, fill, rng)
    return swapped.transpose(2, 3)


def mix_styles(x: torch.Tensor, share: torch.Tensor, partner: torch.Tensor) -> torch.Tensor:
    """Freq-MixStyle: exchange part of the frequency-wise statistics between clips.

    y = (x - mu) / sigma * mix(sigma) + mix(mu), mix(v) = share * v + (1 - share) * v[partner], with
    mu and sigma over time and channel for each frequency (Schmid et al. 2022; Zhou et al. 2021).

    Args:
        x: log-mel (batch, channels, mels, frames).
        share: the part of its own statistics that each clip keeps, (batch, 1, 1, 1).
        partner: index of the clip to mix with, (batch,).
    """
    mean = x.mean((1, 3), keepdim=True)
    deviation = (x.var((1, 3), keepdim=True) + 1e-6).sqrt()
    mixed_mean = torch.lerp(mean[partner], mean, share)
    mixed_deviation = torch.lerp(deviation[partner], deviation, share)
    return (x - mean) * (mixed_deviation / deviation) + mixed_mean


def freq_mixstyle(
    x: torch.Tensor, probability: float, alpha: float, rng: np.random.Generator
) -> torch.Tensor:
    """With that probability, mix the whole batch with a permutation of itself.

    The shares are drawn from Beta(alpha, alpha), one for each clip.
    """
    if rng.random() >= probability:
        return x
    share = torch.from_numpy(rng.beta(alpha, alpha, len(x))).to(x)
    partner = torch.from_numpy(rng.permutation(len(x))).to(x.device)
    return mix_styles(x, share.reshape(-1, 1, 1, 1), partner)


@dataclass(frozen=True)
class Mix:
    """Which clips of a batch are mixed, and how much of each is its own."""

    share: torch.Tensor
    """What a clip keeps of itself, (batch,), 0.5 to 1."""
    partner: torch.Tensor
    """Place in the batch of the clip that gives the rest, (batch,), int64."""

    def labels(self, labels: torch.Tensor, classes: int) -> torch.Tensor:
        """Probabilities (batch, classes) of the mixed clips' classes, from labels (batch,).

        The cross entropy with them is share * that with the own label + (1 - share) * that with
        the partner's.
        """
        known = one_hot(labels, classes).to(self.share)
        return torch.lerp(known[self.partner], known, self.share[:, None])


def draw_mix(batch: int, alpha: float, rng: np.random.Generator, like: torch.Tensor) -> Mix:
    """Draw shares from Beta(alpha, alpha), the larger part a clip's own, and a permutation.

    A share l becomes max(l, 1 - l), as in CP-JKU's systems, so that a mixed clip is never another
    clip with a little of its own.

    Args:
        like: gives device and float type of the shares.
    """
    share = rng.beta(alpha, alpha, batch)
    partner = torch.from_numpy(rng.permutation(batch)).to(like.device)
    return Mix(torch.from_numpy(np.maximum(share, 1 - share)).to(like), partner)


def mixup(log_mel: torch.Tensor, mix: Mix) -> torch.Tensor:
    """Mix log-mels (batch, 1, mels, frames): share * x + (1 - share) * x[partner].

    mixup (Zhang et al. 2018), on what the network is shown.
    """
    return torch.lerp(log_mel[mix.partner], log_mel, mix.share.reshape(-1, 1, 1, 1))
