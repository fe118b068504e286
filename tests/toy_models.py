"""Networks as files, made by hand in a moment: each logit is a multiple of the log-mel's mean."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper

from baseline.challenge import SCENES
from deploy.frontend import front_end
from deploy.model_file import ModelInfo, write_info

MELS, FRAMES = 256, 65
"""Of the front end dcase2024."""


def write_toy(path: Path, *, mels: int = MELS, classes: int = len(SCENES)) -> Path:
    """Write a float32 .onnx or .tflite file with the JSON file beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    make = _onnx if path.suffix == ".onnx" else _tflite
    path.write_bytes(make(mels, classes))
    write_info(path, ModelInfo(SCENES, front_end("dcase2024")))
    return path


def _weights(classes: int) -> np.ndarray:
    return np.linspace(0.1, 0.5, classes, dtype=np.float32)


def _onnx(mels: int, classes: int) -> bytes:
    weight = numpy_helper.from_array(_weights(classes)[None], "weight")
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["log_mel"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
        ],
        "toy",
        [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, (1, 1, mels, FRAMES))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, classes))],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _tflite(mels: int, classes: int) -> bytes:
    model = schema.ModelT()
    model.version, model.description = 3, "toy"
    axes, weight = np.array([1, 2], np.int32), _weights(classes)[:, None]
    model.buffers = [_buffer(None), _buffer(axes), _buffer(weight)]
    subgraph = schema.SubGraphT()
    subgraph.tensors = [
        _tensor("log_mel", (1, mels, FRAMES, 1), 0),
        _tensor("axes", axes.shape, 1, schema.TensorType.INT32),
        _tensor("mean", (1, 1), 0),
        _tensor("weight", weight.shape, 2),
        _tensor("logits", (1, classes), 0),
    ]
    builtins, options = schema.BuiltinOperator, schema.BuiltinOptions
    model.operatorCodes = [_code(builtins.MEAN), _code(builtins.FULLY_CONNECTED)]
    subgraph.operators = [
        _operator(0, (0, 1), 2, options.ReducerOptions, schema.ReducerOptionsT()),
        _operator(1, (2, 3, -1), 4, options.FullyConnectedOptions, schema.FullyConnectedOptionsT()),
    ]
    subgraph.inputs, subgraph.outputs = [0], [4]
    model.subgraphs = [subgraph]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _buffer(values: np.ndarray | None) -> schema.BufferT:
    buffer = schema.BufferT()
    buffer.data = None if values is None else np.frombuffer(values.tobytes(), np.uint8)
    return buffer


def _tensor(
    name: str, shape: tuple[int, ...], buffer: int, kind: int = schema.TensorType.FLOAT32
) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer, tensor.type = name, list(shape), buffer, kind
    return tensor


def _code(builtin: int) -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 1
    return code


def _operator(
    code: int, inputs: tuple[int, ...], output: int, kind: int, options: object
) -> schema.OperatorT:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, list(inputs), [output]
    operator.builtinOptionsType, operator.builtinOptions = kind, options
    return operator
