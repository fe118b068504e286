"""Waves in, probabilities out, in batches on the training device."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from baseline import features
from baseline.challenge import SCENES
from baseline.clip_audio import FULL_SCALE
from baseline.features import LogMel
from deploy.classifier import one_second_windows, softmax
from deploy.frontend import FrontEnd

BATCH_CLIPS = 64


class Clips:
    """The chosen clips of a store, in order, as int16 waves.

    On a GPU they are copied there once if they take at most half of its free memory; otherwise
    each batch is read from the memory map.
    """

    def __init__(self, samples: np.ndarray, positions: np.ndarray, device: torch.device) -> None:
        self._samples, self._positions, self._device = samples, positions, device
        self._resident: torch.Tensor | None = None
        size = len(positions) * samples.shape[1] * samples.itemsize
        if device.type == "cuda" and size < torch.cuda.mem_get_info(device)[0] / 2:
            self._resident = torch.from_numpy(samples[positions]).to(device)

    def __len__(self) -> int:
        return len(self._positions)

    def waves(self, indices: np.ndarray) -> torch.Tensor:
        """The clips at these indices as int16 (batch, 1, samples) on the device."""
        if self._resident is not None:
            return self._resident[torch.from_numpy(indices).to(self._device)].unsqueeze(1)
        chosen = torch.from_numpy(self._samples[self._positions[indices]])
        return chosen.unsqueeze(1).to(self._device)

    def batches(self) -> Iterator[torch.Tensor]:
        """All clips in order, a batch at a time."""
        for start in range(0, len(self), BATCH_CLIPS):
            yield self.waves(np.arange(start, min(start + BATCH_CLIPS, len(self))))


def to_float(waves: torch.Tensor) -> torch.Tensor:
    """int16 samples as float32 in [-1, 1)."""
    return waves.to(torch.float32).div_(FULL_SCALE)


def predict(network: nn.Module, front_end: LogMel, clips: Clips) -> np.ndarray:
    """Probabilities of shape (clips, classes), float64, from the network in evaluation mode."""
    return logits(network, front_end, clips).double().softmax(1).cpu().numpy()


@torch.no_grad()
def logits(
    network: nn.Module, front_end: LogMel, clips: Clips, *, shift_samples: int = 0
) -> torch.Tensor:
    """Logits (clips, classes), float32, from the network in evaluation mode.

    Args:
        shift_samples: by how far each clip is first rolled round, to the right.
    """
    was_training = network.training
    network.eval()
    found = [
        network(front_end(to_float(waves.roll(shift_samples, -1)))).float()
        for waves in clips.batches()
    ]
    network.train(was_training)
    return torch.cat(found)


class TorchClassifier:
    """The trained network with its front end, used like `deploy.classifier.Classifier`.

    The network runs at `dtype`; the front end always in float32, as the original does when it
    tests at half precision.
    """

    def __init__(self, network: nn.Module, front_end: str | FrontEnd, dtype: torch.dtype) -> None:
        self.labels: tuple[str, ...] = SCENES
        self._features = features.create(front_end)
        self.front_end = self._features.front_end
        # On a CPU half precision is twice as fast in the plain layout, single in channels-last.
        layout = torch.channels_last if dtype == torch.float32 else torch.contiguous_format
        own = copy.deepcopy(network)  # the caller's keeps its precision
        self._network = own.eval().to(dtype, memory_format=layout)  # type: ignore[call-overload]
        self._dtype = dtype

    @torch.no_grad()
    def probabilities(self, wave: np.ndarray, rate_hz: int) -> np.ndarray:
        """Probabilities of the labels, averaged over the seconds of a wave; see `Classifier`."""
        windows = one_second_windows(wave, rate_hz, self.front_end)
        batch, count, samples = windows.shape
        log_mel = self._features(torch.from_numpy(windows.reshape(-1, 1, samples)))
        logits = self._network(log_mel.to(self._dtype)).float()
        mean = softmax(logits.numpy()).reshape(batch, count, -1).mean(1)
        return mean if wave.ndim == 2 else mean[0]
