"""Everything that is done to a training batch between the store and the network, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from baseline.augmentation.impulse_responses import ImpulseResponses, read_responses
from baseline.augmentation.pitch import shift_some
from baseline.augmentation.steps import (
    Mix,
    convolve,
    draw_mix,
    draw_responses,
    freq_mixstyle,
    mask_frames,
    mask_frequencies,
    mixup,
    roll,
    shift_mel_range,
)
from baseline.augmentation.synthetic_responses import synthetic_responses
from baseline.features import LogMel
from baseline.inference import to_float
from baseline.processes import spread
from baseline.recipe import SYNTHETIC, Augmentation
from deploy.errors import InputError, suggestion


@dataclass(frozen=True)
class Augmenter:
    """From int16 waves to the log-mel that a network is trained on."""

    settings: Augmentation
    front_end: LogMel
    responses: torch.Tensor | None = None
    """Impulse responses (responses, taps) at the front end's rate, if the recipe has some."""
    response_names: tuple[str, ...] = ()

    def log_mel(
        self, waves: torch.Tensor, devices: np.ndarray, rng: np.random.Generator
    ) -> torch.Tensor:
        """Augmented log-mel of a batch.

        Args:
            waves: int16 (batch, 1, samples).
            devices: name of the device of each, (batch,).
        """
        waves = self._waves(to_float(waves), devices, rng)
        return self._masked_and_mixed(spread(self._front_end(rng), waves), rng)

    def mix(
        self, log_mel: torch.Tensor, rng: np.random.Generator
    ) -> tuple[torch.Tensor, Mix | None]:
        """The log-mels under mixup, and how they were mixed; None where the recipe has none."""
        if not self.settings.mixup_alpha:
            return log_mel, None
        mix = draw_mix(len(log_mel), self.settings.mixup_alpha, rng, like=log_mel)
        return mixup(log_mel, mix), mix

    def _front_end(self, rng: np.random.Generator) -> LogMel:
        """This batch's: its mels may reach from and to other frequencies."""
        lowest, highest = self.settings.lowest_mel_range_hz, self.settings.highest_mel_range_hz
        if lowest == highest == 1:
            return self.front_end
        shifted = shift_mel_range(self.front_end.front_end, lowest, highest, rng)
        return LogMel(shifted).to(self.front_end.window.device)

    def _waves(
        self, waves: torch.Tensor, devices: np.ndarray, rng: np.random.Generator
    ) -> torch.Tensor:
        settings, rate_hz = self.settings, self.front_end.front_end.rate_hz
        if settings.pitch_semitones:  # what sounds, before what hears it
            waves = shift_some(waves, settings.pitch_semitones, rng)
        if self.responses is not None:
            heard = np.isin(devices, settings.impulse_response_devices)
            probability, count = settings.impulse_response_probability, len(self.responses)
            which = draw_responses(heard, probability, count, rng)
            waves = convolve(waves, self.responses, which)
        if settings.roll_seconds:
            waves = roll(waves, round(settings.roll_seconds * rate_hz), rng)
        return waves

    def _masked_and_mixed(self, log_mel: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        settings, fill = self.settings, self.front_end.front_end.mask_value
        if settings.frequency_mask_mels:
            log_mel = mask_frequencies(log_mel, settings.frequency_mask_mels, fill, rng)
        if settings.time_mask_frames:
            log_mel = mask_frames(log_mel, settings.time_mask_frames, fill, rng)
        if settings.mixstyle_probability:
            probability, alpha = settings.mixstyle_probability, settings.mixstyle_alpha
            log_mel = freq_mixstyle(log_mel, probability, alpha, rng)
        return log_mel


def create_augmenter(
    settings: Augmentation, front_end: LogMel, devices: Sequence[str], device: torch.device
) -> Augmenter:
    """The augmenter of a training.

    Args:
        devices: of the training clips.
        device: where the clips are.

    Raises:
        InputError: unusable impulse responses, or for a device that no training clip is of.
    """
    if not settings.impulse_responses:
        return Augmenter(settings, front_end)
    known = sorted(set(devices))
    if unknown := [name for name in settings.impulse_response_devices if name not in known]:
        raise InputError(
            f"key 'augment.impulse_response_devices': found '{unknown[0]}', expected devices of "
            f"training clips ({', '.join(known)}){suggestion(unknown[0], known)}"
        )
    responses = _responses(settings.impulse_responses, front_end.front_end.rate_hz)
    samples = torch.from_numpy(responses.samples).to(device)
    return Augmenter(settings, front_end, samples, responses.names)


def _responses(source: str, rate_hz: int) -> ImpulseResponses:
    if source == SYNTHETIC:
        return synthetic_responses(rate_hz)
    return read_responses(Path(source), rate_hz)
