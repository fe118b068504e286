"""Taking the constant part of the quantisation error out of the logits.

Rounding weights and activations moves each logit by much the same amount on every clip. Measured on
the calibration clips and subtracted from the network's last bias, it costs nothing at run time
(bias correction: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias
Correction, 2019, section 4.2).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from deploy.interpreters import open_interpreter

Converter = Callable[[nn.Module, np.ndarray, Path], None]
"""Writes an int8 file of a network, calibrated on log-mels (clips, 1, mels, frames)."""


def convert_corrected(
    convert: Converter,
    network: nn.Module,
    log_mels: np.ndarray,
    path: Path,
    reference: nn.Module | None = None,
) -> None:
    """Convert, measure the mean error of the logits, and convert again without it.

    The error is that against the reference, by default the network itself.
    A network whose last layer has no bias of one value a class is converted as it is.
    """
    bias = output_bias(network, log_mels)
    if bias is None:
        convert(network, log_mels, path)
        return
    with TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        convert(network, log_mels, trial)
        error = mean_error(reference or network, trial, log_mels)
    convert(shifted(network, bias, -error), log_mels, path)


def mean_error(network: nn.Module, model: Path, log_mels: np.ndarray) -> np.ndarray:
    """Mean difference of a file's logits from the network's, (classes,)."""
    interpreter = open_interpreter(model)
    quantized = np.concatenate([interpreter.logits(log_mel[None]) for log_mel in log_mels])
    with torch.no_grad():
        exact = torch.cat([network(part) for part in torch.from_numpy(log_mels).split(32)])
    error: np.ndarray = (quantized - exact.numpy()).mean(0)
    return error


def output_bias(network: nn.Module, log_mels: np.ndarray) -> str | None:
    """Name of the last bias if moving it moves every logit by as much, otherwise None."""
    biases = [name for name, _ in network.named_parameters() if name.endswith("bias")]
    example = torch.from_numpy(log_mels[:1])
    with torch.no_grad():
        logits = network(example)
        if not biases or network.get_parameter(biases[-1]).shape != logits.shape[1:]:
            return None
        moved = shifted(network, biases[-1], np.ones(logits.shape[1], np.float32))
        follows = torch.allclose(moved(example), logits + 1, atol=1e-3)
    return biases[-1] if follows else None


def shifted(network: nn.Module, bias: str, shift: np.ndarray) -> nn.Module:
    """A copy of the network with `shift` added to the named bias."""
    corrected = copy.deepcopy(network)
    with torch.no_grad():
        corrected.get_parameter(bias).add_(torch.from_numpy(shift))
    return corrected
