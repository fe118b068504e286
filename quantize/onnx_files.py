"""ONNX: export in float32, and quantise to int8 in QDQ form with onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from deploy.files import replacing
from quantize.float_modules import onnx_results
from quantize.ranges import DEFAULT_OBSERVER, Observer, Range, Tensors, observe

OPSET = 18
INPUT_NAME, OUTPUT_NAME = "log_mel", "logits"


def export_float(network: nn.Module, example: np.ndarray, path: Path) -> None:
    """Export a network as float32 ONNX with a free batch size.

    Args:
        network: in evaluation mode.
        example: log-mels (clips, 1, mels, frames).
    """
    with replacing(path) as temporary:
        _export(network, example, temporary)
        onnx.save(_without_remarks(temporary), temporary)


def export_quantized(graph: nn.Module, example: np.ndarray, path: Path) -> None:
    """Export a graph that quantises and dequantises as QDQ int8 ONNX with a free batch size.

    torch writes the weights in float with their quantisation behind them; onnxruntime's basic
    optimisations store its result instead. torch lets layers share equal zero points; each gets
    its own, because onnxruntime refuses to share them where it makes signed weights unsigned (x86
    without VNNI, see `deploy.interpreters.OnnxNetwork`).
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with TemporaryDirectory() as folder, replacing(path) as temporary:
        whole = Path(folder) / "whole.onnx"
        _export(graph, example, whole)
        options.optimized_model_filepath = str(temporary)
        onnxruntime.InferenceSession(str(whole), options, providers=["CPUExecutionProvider"])
        model = _without_remarks(temporary)
        _separate_zero_points(model)
        onnx.save(model, temporary)


def _separate_zero_points(model: onnx.ModelProto) -> None:
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        constant_with_zero_point = len(node.input) == 3 and constants.keys() >= set(node.input)
        if node.op_type == "DequantizeLinear" and constant_with_zero_point:
            own = model.graph.initializer.add()
            own.CopyFrom(constants[node.input[2]])
            own.name = node.input[2] = f"{node.output[0]}_zero_point"
    used = {name for node in model.graph.node for name in node.input}
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name not in used]:
        model.graph.initializer.remove(tensor)


def _export(network: nn.Module, example: np.ndarray, path: Path) -> None:
    program = torch.onnx.export(
        network,
        (torch.from_numpy(np.concatenate([example, example])[:2]),),
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT_NAME],
        output_names=[OUTPUT_NAME],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    assert program is not None
    program.save(str(path))


def convert_int8(
    network: nn.Module, log_mels: np.ndarray, path: Path, observer: Observer = DEFAULT_OBSERVER
) -> None:
    """Convert a network to int8 ONNX in QDQ form, with weight scales per channel.

    The modules of `quantize.float_modules` compute in float.

    Args:
        network: in evaluation mode.
        log_mels: calibration clips (clips, 1, mels, frames), float32.
        observer: how the ranges of the activations are chosen.
    """
    from onnxruntime.quantization import QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as folder, replacing(path) as temporary:
        exported, prepared, quantized = (
            Path(folder) / name for name in ("float.onnx", "prepared.onnx", "int8.onnx")
        )
        _export(network, log_mels[:1], exported)
        quant_pre_process(str(exported), str(prepared))
        ranges = observe(_tensors(prepared), log_mels, observer)
        quantize_static(
            str(prepared),
            str(quantized),
            _OneClip(log_mels),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            nodes_to_exclude=_float_nodes(network, exported, prepared),
            extra_options={"TensorQuantOverrides": _overrides(ranges)},
        )
        onnx.save(_without_remarks(quantized), temporary)


def _without_remarks(path: Path) -> onnx.ModelProto:
    """A file less what torch noted of each node: its Python source, with this machine's paths."""
    model = onnx.load(path)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for tensor in graph.initializer:
        tensor.ClearField("doc_string")
        tensor.ClearField("metadata_props")
    return model


def _float_nodes(network: nn.Module, exported: Path, prepared: Path) -> list[str]:
    """Names of a prepared graph's nodes that stay in float.

    Only the results keep their names when onnxruntime prepares a graph: nodes may be new ones.
    """
    results = onnx_results(network, onnx.load(exported).graph.node)
    nodes = onnx.load(prepared).graph.node
    return [node.name for node in nodes if not results.isdisjoint(node.output)]


def _overrides(ranges: dict[str, Range]) -> dict[str, list[dict[str, np.float32]]]:
    """Ranges in the form that onnxruntime takes."""
    return {
        name: [{"rmin": np.float32(low), "rmax": np.float32(high)}]
        for name, (low, high) in ranges.items()
    }


def _tensors(model: Path) -> Tensors:
    """What runs a clip and gives the input and the results of all operators."""
    loaded = onnx.load(model)
    names = [name for node in loaded.graph.node for name in node.output]
    del loaded.graph.output[:]
    loaded.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = onnxruntime.InferenceSession(
        loaded.SerializeToString(), providers=["CPUExecutionProvider"]
    )

    def tensors(log_mel: np.ndarray) -> dict[str, np.ndarray]:
        values = zip(names, session.run(None, {INPUT_NAME: log_mel}), strict=True)
        floats = {name: value for name, value in values if value.dtype == np.float32}
        return floats | {INPUT_NAME: log_mel}

    return tensors


class _OneClip:
    """A calibration clip in the form onnxruntime asks for; the ranges come from elsewhere."""

    def __init__(self, log_mels: np.ndarray) -> None:
        self._clips: Iterator[np.ndarray] = iter(log_mels[:1])

    def get_next(self) -> dict[str, np.ndarray] | None:
        clip = next(self._clips, None)
        return None if clip is None else {INPUT_NAME: clip[None]}
