"""Post-training quantisation: int8 files of a trained network, without training it further."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from deploy.errors import InputError
from quantize import onnx_files, tflite_files
from quantize.bias_correction import convert_corrected
from quantize.ranges import DEFAULT_OBSERVER, Observer
from quantize.weight_rounding import round_weights

CONVERTERS = {".onnx": onnx_files.convert_int8, ".tflite": tflite_files.convert_int8}


def quantize_network(
    network: nn.Module,
    log_mels: np.ndarray,
    paths: list[Path],
    observer: Observer = DEFAULT_OBSERVER,
) -> None:
    """Write a network as int8 files: QDQ .onnx, full-int8 .tflite, or both.

    Weights are rounded so that the layers' outputs change least, ranges of activations are chosen
    by the observer, and the mean error that remains is taken out of the logits.

    Args:
        network: log-mel (batch, 1, mels, frames) to logits (batch, classes), in evaluation mode.
        log_mels: calibration clips (clips, 1, mels, frames), float32.
        paths: files to write; the suffix tells the format.

    Raises:
        InputError: a suffix of another format.
    """
    if strange := [path for path in paths if path.suffix not in CONVERTERS]:
        raise InputError(
            f"{strange[0]}: found a '{strange[0].suffix}' file, expected .onnx or .tflite."
        )
    rounded = round_weights(network, torch.from_numpy(log_mels))
    for path in paths:
        convert = partial(CONVERTERS[path.suffix], observer=observer)
        convert_corrected(convert, rounded, log_mels, path, reference=network)
