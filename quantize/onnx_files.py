"""ONNX: export in float32, and quantise to int8 in QDQ form with onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from deploy.files import replacing

OPSET = 18
INPUT_NAME, OUTPUT_NAME = "log_mel", "logits"


def export_float(network: nn.Module, example: np.ndarray, path: Path) -> None:
    """Export a network as float32 ONNX with a free batch size.

    Args:
        network: in evaluation mode.
        example: log-mel of shape (1, 1, mels, frames).
    """
    program = torch.onnx.export(
        network,
        (torch.from_numpy(example),),
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT_NAME],
        output_names=[OUTPUT_NAME],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    assert program is not None
    with replacing(path) as temporary:
        program.save(str(temporary))


def convert_int8(network: nn.Module, log_mels: np.ndarray, path: Path) -> None:
    """Convert a network to int8 ONNX in QDQ form: true min/max ranges, weight scales per channel.

    Args:
        network: in evaluation mode.
        log_mels: calibration clips (clips, 1, mels, frames), float32.
    """
    from onnxruntime.quantization import QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as folder, replacing(path) as temporary:
        exported, prepared = Path(folder) / "float.onnx", Path(folder) / "prepared.onnx"
        export_float(network, log_mels[:1], exported)
        quant_pre_process(str(exported), str(prepared))
        quantize_static(
            str(prepared),
            str(temporary),
            _Reader(log_mels),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
        )


class _Reader:
    """Calibration clips in the form onnxruntime asks for: one dictionary of inputs at a time."""

    def __init__(self, log_mels: np.ndarray) -> None:
        self._clips: Iterator[np.ndarray] = iter(log_mels)

    def get_next(self) -> dict[str, np.ndarray] | None:
        clip = next(self._clips, None)
        return None if clip is None else {INPUT_NAME: clip[None]}
