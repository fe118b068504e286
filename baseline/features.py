"""The front ends of `deploy.frontend`, batched in torch and built from the same tables."""

from __future__ import annotations

import torch
from torch import nn

from deploy.frontend import FrontEnd, front_end

CLIPS_AT_ONCE = 8
"""Clips transformed together: their frames then stay in the processor's cache."""


def create(name: str | FrontEnd) -> LogMel:
    """The front end of that name, or one of your own, as a torch module.

    Raises:
        InputError: no such front end.
    """
    return LogMel(front_end(name))


class LogMel(nn.Module):
    """Waves (batch, 1, samples) at the front end's rate to log-mel (batch, 1, mels, frames)."""

    window: torch.Tensor

    def __init__(self, front_end: FrontEnd) -> None:
        super().__init__()
        self.front_end = front_end
        self.register_buffer("window", torch.from_numpy(front_end.window()), persistent=False)
        self.rows: list[slice] = []
        for index, band in enumerate(front_end.mel_bands()):
            self.rows.append(slice(band.first_row, band.last_row))
            self.register_buffer(f"band{index}", torch.from_numpy(band.weights), persistent=False)

    @torch.no_grad()
    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        spec = self.front_end
        if not len(waves):  # as where processes share a small batch; no transform takes nothing
            return waves.new_zeros(0, 1, spec.n_mels, spec.frames(waves.shape[-1]))
        waves = waves[:, 0]
        if spec.pre_emphasis:
            waves = torch.sub(waves[:, 1:], waves[:, :-1], alpha=spec.pre_emphasis)
        padded = nn.functional.pad(waves, (spec.padding(), spec.padding()), mode="reflect")
        views = padded.unfold(-1, spec.win_length, spec.hop_length)  # (batch, frames, win_length)
        at_once = CLIPS_AT_ONCE if waves.device.type == "cpu" else len(waves)
        # Zeros behind the window change the phase, not the power; a buffer of n_fft samples
        # spares the transform a copy of its own that is slower than everything else here.
        frames = views.new_zeros(min(at_once, len(waves)), views.shape[1], spec.n_fft)
        mels = torch.cat([self._mel_power(part, frames) for part in views.split(at_once)])
        mels.add_(spec.log_offset).log_()
        if spec.normalises:
            mels.sub_(spec.mean).div_(spec.deviation)
        return mels.transpose(1, 2).unsqueeze(1)

    def _mel_power(self, views: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """Mel power (clips, frames, mels) of framed waves, through a zeroed buffer."""
        windowed = frames[: len(views)]
        torch.mul(views, self.window, out=windowed[..., : self.front_end.win_length])
        spectrum = torch.fft.rfft(windowed)
        power = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag).flatten(0, 1)
        mels = [power[:, rows] @ self.get_buffer(f"band{i}") for i, rows in enumerate(self.rows)]
        return torch.cat(mels, -1).unflatten(0, views.shape[:2])
