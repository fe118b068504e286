"""A small network in torch, ONNX and TFLite, built by hand and small enough to be counted by hand.

On an input of 8 mels and 6 frames:

| layer     | kernel            | output | weights | biases | positions |
|-----------|-------------------|--------|---------|--------|-----------|
| first     | 3x3, 1 to 4, ReLU | 4x8x6  | 36      | 4      | 48        |
| depthwise | 3x3, 4            | 4x8x6  | 36      | 4      | 48        |
| pointwise | 1x1, 4 to 4       | 4x8x6  | 16      | 4      | 48        |
| add       | first + pointwise | 4x8x6  |         |        |           |
| pool      | mean              | 4      |         |        |           |
| classify  | 4 to 3            | 3      | 12      | 3      | 1         |

Weights only: (36 + 36 + 16) x 48 + 12 = 4,236 MACs; with the biases, (40 + 40 + 20) x 48 + 15 =
4,815. While the pointwise convolution or the addition runs, three tensors of 192 values live.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

WEIGHTS, BIASES = 36 + 36 + 16 + 12, 4 + 4 + 4 + 3
PARAMETERS = WEIGHTS + BIASES
MACS, WEIGHT_MACS = 4_815, 4_236
PEAK_VALUES = 3 * 4 * 8 * 6
SHAPE = (1, 1, 8, 6)


class SmallNetwork(nn.Module):
    """The network as it is trained: its convolutions have batch norm and no biases."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()
        )
        self.depthwise = nn.Sequential(
            nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(4)
        )
        self.pointwise = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4))
        self.classify = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        x = x + self.pointwise(self.depthwise(x))
        logits: torch.Tensor = self.classify(x.mean((2, 3)))
        return logits


TRAINED_PARAMETERS = WEIGHTS + 3 * 2 * 4 + 3
TRAINED_MACS = WEIGHT_MACS + 3 * 2 * 4 + 3
"""Batch norm counts twice its channels, and the linear layer's bias once."""

# --- ONNX ----------------------------------------------------------------------------------------


class OnnxBuilder:
    """Collects nodes and constants, in float32 or in QDQ form."""

    def __init__(self, *, quantized: bool, opset: int = 18) -> None:
        self.quantized = quantized
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, array: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def parameter(self, name: str, *shape: int) -> str:
        """Weights, or a bias where there is one axis; quantised with a scale per channel."""
        if not self.quantized:
            return self.constant(name, np.ones(shape, np.float32))
        dtype = np.int32 if len(shape) == 1 else np.int8
        inputs = [
            self.constant(f"{name}_quantized", np.ones(shape, dtype)),
            self.constant(f"{name}_scale", np.ones(shape[0], np.float32)),
            self.constant(f"{name}_zero", np.zeros(shape[0], dtype)),
        ]
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [name], axis=0))
        return name

    def operator(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def activation(self, name: str) -> str:
        """The tensor again, after being rounded to int8 where the graph is quantised."""
        if not self.quantized:
            return name
        settings = [
            self.constant(f"{name}_scale", np.array(1, np.float32)),
            self.constant(f"{name}_zero", np.array(0, np.int8)),
        ]
        self.operator("QuantizeLinear", [name, *settings], f"{name}_q")
        return self.operator("DequantizeLinear", [f"{name}_q", *settings], f"{name}_dq")

    def model(
        self,
        inputs: dict[str, tuple[int | str, ...]],
        outputs: dict[str, tuple[int | str, ...]],
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "small",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
            self.constants,
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=10
        )


def small_onnx(path: Path, *, quantized: bool) -> Path:
    """The small network with a free batch, in float32 or int8 with float input and output."""
    build = OnnxBuilder(quantized=quantized)
    x = build.activation("log_mel")
    inputs = [x, build.parameter("w1", 4, 1, 3, 3), build.parameter("b1", 4)]
    build.operator("Conv", inputs, "conv1", pads=[1, 1, 1, 1])
    first = build.activation(build.operator("Relu", ["conv1"], "first"))
    inputs = [first, build.parameter("w2", 4, 1, 3, 3), build.parameter("b2", 4)]
    build.operator("Conv", inputs, "depthwise", pads=[1, 1, 1, 1], group=4)
    inputs = [
        build.activation("depthwise"),
        build.parameter("w3", 4, 4, 1, 1),
        build.parameter("b3", 4),
    ]
    pointwise = build.activation(build.operator("Conv", inputs, "pointwise"))
    added = build.activation(build.operator("Add", [first, pointwise], "add"))
    pool = build.activation(build.operator("GlobalAveragePool", [added], "pool"))
    flat = build.operator("Flatten", [pool], "flat")
    inputs = [build.activation(flat), build.parameter("w4", 3, 4), build.parameter("b4", 3)]
    logits = build.activation(build.operator("Gemm", inputs, "logits", transB=1))
    onnx.save(build.model({"log_mel": ("batch", 1, 8, 6)}, {logits: ("batch", 3)}), path)
    return path


# --- TFLite --------------------------------------------------------------------------------------

FORMATS = {np.float32: "FLOAT32", np.int32: "INT32", np.int8: "INT8", np.float16: "FLOAT16"}


class TfliteBuilder:
    """Collects tensors and operators of one subgraph."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.kinds: list[str] = []
        self.buffers: list[Any] = [schema.BufferT()]

    def tensor(
        self,
        shape: tuple[int, ...],
        dtype: type = np.float32,
        *,
        data: np.ndarray | None = None,
        scales: int = 0,
    ) -> int:
        """Add a tensor, with as many scales and zero points; its index."""
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape = f"tensor{len(self.tensors)}", list(shape)
        tensor.type = getattr(self.schema.TensorType, FORMATS[dtype])
        if data is not None:
            buffer = self.schema.BufferT()
            buffer.data = np.frombuffer(data.astype(dtype).tobytes(), np.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        if scales:
            tensor.quantization = self.schema.QuantizationParametersT()
            tensor.quantization.scale = [1.0] * scales
            tensor.quantization.zeroPoint = [0] * scales
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, shape: tuple[int, ...], dtype: type = np.float32, scales: int = 0) -> int:
        # Distinct values, or the writer would store equal constants once.
        data = np.full(shape, len(self.buffers))
        return self.tensor(shape, dtype, data=data, scales=scales)

    def operator(self, kind: str, inputs: list[int], outputs: list[int]) -> None:
        operator = self.schema.OperatorT()
        if kind not in self.kinds:
            self.kinds.append(kind)
        operator.opcodeIndex = self.kinds.index(kind)
        operator.inputs, operator.outputs = inputs, outputs
        self.operators.append(operator)

    def write(self, path: Path, inputs: list[int], outputs: list[int]) -> Path:
        import flatbuffers

        subgraph = self.schema.SubGraphT()
        subgraph.tensors, subgraph.operators = self.tensors, self.operators
        subgraph.inputs, subgraph.outputs = inputs, outputs
        model = self.schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [subgraph], self.buffers
        model.operatorCodes = [self._code(kind) for kind in self.kinds]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path

    def _code(self, kind: str) -> Any:
        code = self.schema.OperatorCodeT()
        code.builtinCode = getattr(self.schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        return code


def small_tflite(path: Path, *, quantized: bool) -> Path:
    """The small network in float32, or full int8: input, output, weights and activations."""
    build = TfliteBuilder()
    dtype, bias_dtype = (np.int8, np.int32) if quantized else (np.float32, np.float32)

    def activation(*shape: int) -> int:
        return build.tensor(shape, dtype, scales=int(quantized))

    def convolution(kind: str, x: int, weights: tuple[int, ...], result: int, channels: int) -> int:
        scales = channels if quantized else 0
        inputs = [
            x,
            build.constant(weights, dtype, scales),
            build.constant((channels,), bias_dtype, scales),
        ]
        build.operator(kind, inputs, [result])
        return result

    log_mel = activation(1, 8, 6, 1)
    first = convolution("CONV_2D", log_mel, (4, 3, 3, 1), activation(1, 8, 6, 4), 4)
    depthwise = convolution("DEPTHWISE_CONV_2D", first, (1, 3, 3, 4), activation(1, 8, 6, 4), 4)
    pointwise = convolution("CONV_2D", depthwise, (4, 1, 1, 4), activation(1, 8, 6, 4), 4)
    added = activation(1, 8, 6, 4)
    build.operator("ADD", [first, pointwise], [added])
    pool = activation(1, 4)
    axes = build.tensor((2,), np.int32, data=np.array([1, 2]))
    build.operator("MEAN", [added, axes], [pool])
    logits = convolution("FULLY_CONNECTED", pool, (3, 4), activation(1, 3), 3)
    return build.write(path, [log_mel], [logits])
