"""TFLite: convert with litert-torch, and quantise to full int8 with ai-edge-quantizer."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from deploy.files import replacing
from quantize.float_modules import tflite_scope
from quantize.lean_file import write_lean
from quantize.ranges import DEFAULT_OBSERVER, Observer, Tensors, observe


def convert_int8(
    network: nn.Module, log_mels: np.ndarray, path: Path, observer: Observer = DEFAULT_OBSERVER
) -> None:
    """Convert a network to full-int8 TFLite: int8 input and output, weight scales per channel.

    The modules of `quantize.float_modules` compute in float.

    Args:
        network: in evaluation mode; its input becomes (1, mels, frames, 1).
        log_mels: calibration clips (clips, 1, mels, frames), float32.
        observer: how the ranges of the activations are chosen.
    """
    with TemporaryDirectory() as folder, replacing(path) as temporary:
        float_model, quantized = Path(folder) / "float.tflite", Path(folder) / "int8.tflite"
        convert_float(network, log_mels[:1], float_model)
        _quantize_static(float_model, log_mels, observer, quantized, tflite_scope(network))
        write_lean(quantized, temporary)


def channels_last(log_mels: np.ndarray) -> np.ndarray:
    """(clips, 1, mels, frames) as (clips, mels, frames, 1), the order that TFLite convolves in."""
    return np.ascontiguousarray(log_mels.transpose(0, 2, 3, 1))


def convert_float(network: nn.Module, example: np.ndarray, path: Path) -> None:
    """Convert a network in evaluation mode to float32 TFLite with input (1, mels, frames, 1)."""
    import litert_torch

    wrapped = litert_torch.to_channel_last_io(network, args=[0]).eval()
    litert_torch.convert(wrapped, (torch.from_numpy(channels_last(example)),)).export(str(path))


def _quantize_static(
    float_model: Path,
    log_mels: np.ndarray,
    observer: Observer,
    path: Path,
    float_scope: str | None,
) -> None:
    from ai_edge_quantizer import quantizer, recipe
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName

    tool = quantizer.Quantizer(str(float_model))
    tool.load_quantization_recipe(recipe.static_wi8_ai8())
    if float_scope:
        tool.update_quantization_recipe(
            float_scope,
            TFLOperationName.ALL_SUPPORTED,
            algorithm_key=AlgorithmName.NO_QUANTIZE,
        )
    signature, argument = _signature(float_model)
    # One clip tells which tensors the tool wants to know. Its own ranges of many clips would be a
    # moving average of theirs, which clips their extremes: on the baseline that is nine times less
    # accurate in the logits than the true minimum and maximum.
    statistics = tool.calibrate({signature: [{argument: channels_last(log_mels[:1])}]})
    ranges = observe(_tensors(float_model, set(statistics)), log_mels, observer)
    for name, (low, high) in ranges.items():
        statistics[name]["min"] = np.full_like(statistics[name]["min"], low)
        statistics[name]["max"] = np.full_like(statistics[name]["max"], high)
    tool.quantize(statistics).export_model(str(path), overwrite=True)


def _tensors(float_model: Path, names: set[str]) -> Tensors:
    """What runs a clip and gives all tensors of those names."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        str(float_model),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    wanted = {t["name"]: t["index"] for t in interpreter.get_tensor_details() if t["name"] in names}

    def tensors(log_mel: np.ndarray) -> dict[str, np.ndarray]:
        interpreter.set_tensor(source, channels_last(log_mel))
        interpreter.invoke()
        return {name: interpreter.get_tensor(index) for name, index in wanted.items()}

    return tensors


def _signature(model: Path) -> tuple[str, str]:
    from ai_edge_litert.interpreter import Interpreter

    signatures = Interpreter(str(model)).get_signature_list()
    name, details = next(iter(signatures.items()))
    return name, details["inputs"][0]
