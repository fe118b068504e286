"""Everything that is done to a training batch between the store and the network, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from baseline.augment import (
    convolve,
    draw_responses,
    freq_mixstyle,
    mask_frames,
    mask_frequencies,
    roll,
)
from baseline.features import LogMel
from baseline.impulse_responses import impulse_responses
from baseline.inference import to_float
from baseline.recipe import Augmentation
from deploy.errors import InputError


@dataclass(frozen=True)
class Augmenter:
    """From int16 waves to the log-mel that a network is trained on."""

    settings: Augmentation
    front_end: LogMel
    responses: torch.Tensor | None = None
    """Impulse responses (responses, taps) at the front end's rate, if the recipe has some."""

    def log_mel(
        self, waves: torch.Tensor, devices: np.ndarray, rng: np.random.Generator
    ) -> torch.Tensor:
        """Augmented log-mel of a batch.

        Args:
            waves: int16 (batch, 1, samples).
            devices: name of the device of each, (batch,).
        """
        log_mel = self.front_end(self._waves(to_float(waves), devices, rng))
        return self._masked_and_mixed(log_mel, rng)

    def _waves(
        self, waves: torch.Tensor, devices: np.ndarray, rng: np.random.Generator
    ) -> torch.Tensor:
        settings, rate_hz = self.settings, self.front_end.front_end.rate_hz
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
        InputError: unusable impulse responses, or no clip that they could be applied to.
    """
    if not settings.impulse_responses:
        return Augmenter(settings, front_end)
    wanted = settings.impulse_response_devices
    if set(wanted).isdisjoint(devices):
        raise InputError(
            f"augment.impulse_response_devices: found {', '.join(wanted) or 'none'}, expected some "
            f"of the training clips' devices {', '.join(sorted(set(devices)))}; change them."
        )
    responses = impulse_responses(settings.impulse_responses, front_end.front_end.rate_hz)
    return Augmenter(settings, front_end, torch.from_numpy(responses.samples).to(device))
