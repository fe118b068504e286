"""The systems of a run: its network in torch and in each exported file, all used alike."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch

from baseline.inference import TorchClassifier
from baseline.run import Run
from baseline.trained_network import load_network
from deploy.classifier import Classifier
from deploy.frontend import FrontEnd
from quantize.system_names import exported_file, require_system

TORCH_DTYPES = {"torch-fp32": torch.float32, "torch-fp16": torch.float16}


class System(Protocol):
    """Waves in, probabilities out; see `deploy.classifier.Classifier`."""

    labels: tuple[str, ...]
    front_end: FrontEnd

    def probabilities(self, wave: np.ndarray, rate_hz: int) -> np.ndarray: ...


def open_system(run: Run, name: str) -> System:
    """One of the run's systems, such as `torch-fp16` or `tflite-int8`.

    Raises:
        InputError: no such system, the run was not trained or not quantised, or a file is damaged.
    """
    require_system(name)
    if name in TORCH_DTYPES:
        return TorchClassifier(load_network(run), run.recipe.front_end, TORCH_DTYPES[name])
    return Classifier(exported_file(run, name))
