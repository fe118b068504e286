"""Pitch shift by resampling: a clip played faster or slower, as from a tape.

Tempo changes with pitch. A phase vocoder would keep it, and smear what is neither tone nor steady;
scenes have no tempo to keep.
"""

from __future__ import annotations

import numpy as np
import torch


def shift_some(waves: torch.Tensor, max_semitones: int, rng: np.random.Generator) -> torch.Tensor:
    """Shift each wave of (batch, 1, samples) by a whole number of semitones, at most so many.

    Down and up alike; some stay as they are.
    """
    drawn = rng.integers(-max_semitones, max_semitones, len(waves), endpoint=True)
    for semitones in sorted(set(drawn.tolist()) - {0}):
        rows = torch.from_numpy(np.flatnonzero(drawn == semitones)).to(waves.device)
        waves = waves.index_copy(0, rows, shift_pitch(waves[rows], semitones))
    return waves


def shift_pitch(waves: torch.Tensor, semitones: float) -> torch.Tensor:
    """Multiply all frequencies of float waves (..., samples) by 2^(semitones / 12).

    What ends sooner begins again, as in `steps.roll`; what lasts longer is cut.
    """
    samples = waves.shape[-1]
    played = round(samples / 2 ** (semitones / 12))
    # Band-limited: a real FFT's lowest frequencies, those that both lengths have.
    spectrum = torch.fft.rfft(waves)[..., : min(samples, played) // 2]
    resampled = torch.fft.irfft(spectrum * (played / samples), played)
    return resampled.repeat((1,) * (waves.dim() - 1) + (-(-samples // played),))[..., :samples]
