"""The systems of a run: its network in torch and in each exported file, all used alike."""

from __future__ import annotations

from itertools import chain
from typing import Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from baseline import models
from baseline.inference import TorchClassifier
from baseline.recipe import QuantizationMethod
from baseline.run import Run
from deploy.classifier import Classifier
from deploy.errors import InputError
from deploy.frontend import FrontEnd

FLOAT_SYSTEM = "torch-fp32"
TORCH_DTYPES = {FLOAT_SYSTEM: torch.float32, "torch-fp16": torch.float16}
FILES_OF_METHOD: dict[QuantizationMethod, tuple[str, ...]] = {
    "ptq": ("onnx-int8", "tflite-int8"),
    "qat": ("onnx-int8-qat", "tflite-int8-qat"),
    "tuned": ("onnx-int8-tuned",),
}
"""The int8 systems that each method of quantisation makes."""

SYSTEMS = (*TORCH_DTYPES, "onnx-fp32", *chain.from_iterable(FILES_OF_METHOD.values()))
"""Backend, precision and method of everything that a run can be evaluated as."""

MAX_REASON = 200
"""Characters shown of torch's list of what does not fit."""

BACKENDS = ("torch", "onnx", "tflite")


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
    if name not in SYSTEMS:
        raise InputError(f"system '{name}' is unknown; choose one of {', '.join(SYSTEMS)}.")
    if name in TORCH_DTYPES:
        return TorchClassifier(load_network(run), run.recipe.front_end, TORCH_DTYPES[name])
    if not run.model_file(name).is_file():
        raise InputError(
            f"{run.model_file(name)}: is missing; run: tinyscene quantize {run.folder}"
        )
    return Classifier(run.model_file(name))


def available_systems(run: Run, backend: str | None = None) -> list[str]:
    """Systems that the run has files for, of one backend or of all."""
    return [
        system
        for system in SYSTEMS
        if (system in TORCH_DTYPES or run.model_file(system).is_file())
        and (backend is None or system.startswith(backend + "-"))
    ]


def load_network(run: Run) -> nn.Module:
    """The run's trained network in evaluation mode, on the CPU.

    Raises:
        InputError: weights missing, damaged, of another network, or not finite.
    """
    network = models.create(run.recipe.network)
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
    return network.eval()


def _require_finite(run: Run, network: nn.Module) -> None:
    for name, value in network.state_dict().items():
        if not value.isfinite().all():
            raise InputError(
                f"{run.weights_file}: {name} holds NaN or infinite weights; train again with a "
                "smaller learning rate."
            )
