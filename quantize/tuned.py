"""Accuracy-aware quantisation to ONNX: neural-compressor searches until the drop is tolerable.

Accuracy is measured on held-out clips with the ONNX file itself, so what is chosen is what runs.
"""

from __future__ import annotations

import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from deploy.interpreters import OnnxNetwork
from quantize import onnx_files


def quantize_tuned(
    network: nn.Module,
    log_mels: np.ndarray,
    held_out: np.ndarray,
    labels: np.ndarray,
    path: Path,
    tolerable_drop: float,
) -> dict[str, Any]:
    """Write the first int8 ONNX file that is accurate enough, or else the most accurate one.

    Args:
        network: in evaluation mode.
        log_mels: calibration clips (clips, 1, mels, frames), float32.
        held_out: clips to measure accuracy on, of the same form.
        labels: their labels, (clips,).
        tolerable_drop: of the accuracy, as a share of one.

    Returns:
        The float network's accuracy, that of each configuration tried, and whether one of them
        was accurate enough.
    """
    from neural_compressor.torch.export import export
    from neural_compressor.torch.quantization import TuningConfig, autotune

    example = np.concatenate([log_mels, log_mels])[:2]  # with one, torch would fix the batch size
    batch = ({0: torch.export.Dim("batch")},)
    exported = export(copy.deepcopy(network), (torch.from_numpy(example),), batch)
    accuracies: list[float] = []

    def accuracy(graph: nn.Module) -> float:
        with TemporaryDirectory() as folder:
            trial = Path(folder) / "trial.onnx"
            onnx_files.export_quantized(graph, example, trial)
            accuracies.append(_accuracy(trial, held_out, labels))
        return accuracies[-1]

    def calibrate(graph: nn.Module) -> None:
        # All clips in one batch: from batch to batch the observers only average the ranges.
        with torch.no_grad():
            graph(torch.from_numpy(log_mels))

    float_accuracy = accuracy(exported)
    accuracies.clear()
    relative = tolerable_drop / max(float_accuracy, tolerable_drop, 1e-9)
    tuning = TuningConfig(configurations(network), tolerable_loss=relative)
    best = autotune(exported, tuning, eval_fn=accuracy, run_fn=calibrate)
    onnx_files.export_quantized(best, example, path)
    tried = accuracies[1:]  # neural-compressor measures the float network first
    return {
        "float_accuracy": float_accuracy,
        "tried_accuracies": tried,
        "tolerable": max(tried) >= float_accuracy - tolerable_drop,
    }


def configurations(network: nn.Module) -> list[Any]:
    """What is tried, in this order; the later ones are slower to run.

    neural-compressor's own list has symmetric activations as well, which onnxruntime does not run
    as int8.
    """
    from neural_compressor.torch.quantization import StaticQuantConfig

    in_float = StaticQuantConfig(w_dtype="fp32", act_dtype="fp32")
    children = [name for name, _ in network.named_children()]
    outer = [*children[:1], *children[-1:]]
    whole = [StaticQuantConfig(act_algo=observer) for observer in ("kl", "minmax")]
    inner = [
        StaticQuantConfig(act_algo=observer).set_local(outer, in_float)
        for observer in ("kl", "minmax")
    ]
    return whole + (inner if outer else [])


def _accuracy(path: Path, log_mels: np.ndarray, labels: np.ndarray) -> float:
    logits = OnnxNetwork(path).logits(log_mels)
    return float(np.mean(logits.argmax(1) == labels))
