"""The systems of a run: its network in torch and in each exported file, all used alike."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from baseline import models
from baseline.inference import TorchClassifier
from baseline.models.damping import fold_damping
from baseline.run import Run
from deploy.classifier import Classifier
from deploy.errors import InputError
from deploy.frontend import FrontEnd
from quantize.system_names import exported_file, require_system

TORCH_DTYPES = {"torch-fp32": torch.float32, "torch-fp16": torch.float16}

MAX_REASON = 200
"""Characters shown of torch's list of what does not fit."""


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


def load_network(run: Run) -> nn.Module:
    """The run's trained network in evaluation mode, on the CPU, frequency damping folded.

    Raises:
        InputError: weights missing, damaged, of another network, or not finite.
    """
    network = models.create(run.recipe.network, **run.recipe.network_options)
    try:
        network.load_state_dict(load_file(run.weights_file))
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{run.weights_file}: cannot be read as weights ({error}); train again."
        ) from error
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{run.weights_file}: does not fit network {run.recipe.network} "
            f"({reason[:MAX_REASON]}); train again."
        ) from error
    _require_finite(run, network)
    fold_damping(network)
    return network.eval()


def _require_finite(run: Run, network: nn.Module) -> None:
    for name, value in network.state_dict().items():
        if not value.isfinite().all():
            raise InputError(
                f"{run.weights_file}: {name} holds NaN or infinite weights; train again with a "
                "smaller learning rate."
            )
