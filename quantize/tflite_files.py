"""TFLite: convert with litert-torch, and quantise to full int8 with ai-edge-quantizer."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from deploy.files import replacing

Ranges = dict[str, Any]
"""For each tensor of the graph, its smallest and largest value seen."""


def convert_int8(network: nn.Module, log_mels: np.ndarray, path: Path) -> None:
    """Convert a network to full-int8 TFLite: int8 input and output, scales per channel.

    Args:
        network: in evaluation mode; its input becomes (1, mels, frames, 1).
        log_mels: calibration clips (clips, 1, mels, frames), float32.
    """
    with TemporaryDirectory() as folder, replacing(path) as temporary:
        float_model = Path(folder) / "float.tflite"
        _convert_float(network, log_mels[:1], float_model)
        _quantize_static(float_model, channels_last(log_mels), temporary)


def channels_last(log_mels: np.ndarray) -> np.ndarray:
    """(clips, 1, mels, frames) as (clips, mels, frames, 1), the order that TFLite convolves in."""
    return np.ascontiguousarray(log_mels.transpose(0, 2, 3, 1))


def _convert_float(network: nn.Module, example: np.ndarray, path: Path) -> None:
    import litert_torch

    wrapped = litert_torch.to_channel_last_io(network, args=[0]).eval()
    litert_torch.convert(wrapped, (torch.from_numpy(channels_last(example)),)).export(str(path))


def _quantize_static(float_model: Path, inputs: np.ndarray, path: Path) -> None:
    from ai_edge_quantizer import quantizer, recipe

    tool = quantizer.Quantizer(str(float_model))
    tool.load_quantization_recipe(recipe.static_wi8_ai8())
    signature, argument = _signature(float_model)
    ranges: Ranges = {}
    for clip in inputs:
        _merge(ranges, tool.calibrate({signature: [{argument: clip[None]}]}))
    tool.quantize(ranges).export_model(str(path), overwrite=True)


def _merge(ranges: Ranges, new: Ranges) -> None:
    """Widen the ranges by those of one more clip.

    The quantizer's own way is a moving average of the clips' ranges, which clips their extremes:
    on the baseline it is nine times less accurate in the logits than the true minimum and maximum.
    """
    for tensor, statistics in new.items():
        if tensor in ranges and "min" in statistics:
            statistics = statistics | {
                "min": np.minimum(ranges[tensor]["min"], statistics["min"]),
                "max": np.maximum(ranges[tensor]["max"], statistics["max"]),
            }
        ranges[tensor] = statistics


def _signature(model: Path) -> tuple[str, str]:
    from ai_edge_litert.interpreter import Interpreter

    signatures = Interpreter(str(model)).get_signature_list()
    name, details = next(iter(signatures.items()))
    return name, details["inputs"][0]
