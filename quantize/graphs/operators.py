"""Which operators hold parameters, and how often they multiply by them."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt, prod
from typing import Literal

from quantize.graphs.graph import Graph, Operator, Tensor

Rule = Literal["convolution", "transposed", "linear", "matmul", "recurrent", "once"]


@dataclass(frozen=True)
class Role:
    """Where an operator keeps its parameters, and the rule for its MACs."""

    rule: Rule
    weights: tuple[int, ...]
    """Places of the weights among the inputs."""
    biases: tuple[int, ...] = ()
    data: int = 0
    """Place of the activations."""
    channels: int = -1
    """Axis of the channels in the output."""


ROLES = {
    # ONNX, channels first
    "Conv": Role("convolution", (1,), (2,), channels=1),
    "ConvInteger": Role("convolution", (1,), channels=1),
    "QLinearConv": Role("convolution", (3,), (8,), channels=1),
    "ConvTranspose": Role("transposed", (1,), (2,), channels=1),
    "Gemm": Role("linear", (1,), (2,)),
    "QGemm": Role("linear", (3,), (6,)),
    "MatMul": Role("matmul", (0, 1)),
    "MatMulInteger": Role("matmul", (0, 1)),
    "QLinearMatMul": Role("matmul", (0, 3)),
    "LSTM": Role("recurrent", (1, 2), (3,)),
    "GRU": Role("recurrent", (1, 2), (3,)),
    "RNN": Role("recurrent", (1, 2), (3,)),
    "BatchNormalization": Role("once", (1,), (2,)),
    "InstanceNormalization": Role("once", (1,), (2,)),
    "LayerNormalization": Role("once", (1,), (2,)),
    "GroupNormalization": Role("once", (1,), (2,)),
    # TFLite, channels last
    "CONV_2D": Role("convolution", (1,), (2,)),
    "DEPTHWISE_CONV_2D": Role("convolution", (1,), (2,)),
    "CONV_3D": Role("convolution", (1,), (2,)),
    "TRANSPOSE_CONV": Role("transposed", (1,), (3,), data=2),
    "FULLY_CONNECTED": Role("linear", (1,), (2,)),
    "BATCH_MATMUL": Role("matmul", (0, 1)),
}
"""Operators with named parameters; any other one may have constants among its operands."""

BIAS_OPERATORS = {"Add", "Sub", "ADD", "SUB"}
"""Other operators whose constant operands are added rather than multiplied with."""

WITHOUT_PARAMETERS = {"DequantizeLinear", "OneHot", "QuantizeLinear", "Resize", "Upsample"}
"""Operators whose constants are settings although there are several values."""

PARAMETER_DTYPES = {
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "int16",
    "int8",
    "uint8",
    "int4",
    "uint4",
    "int2",
}

SAME_VALUES = {
    "Cast",
    "DequantizeLinear",
    "Identity",
    "QuantizeLinear",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
    "CAST",
    "DEQUANTIZE",
    "EXPAND_DIMS",
    "QUANTIZE",
    "RESHAPE",
    "SQUEEZE",
    "TRANSPOSE",
}
"""Operators that give back their first input's values in another format or order."""


def constant_sources(graph: Graph) -> dict[str, Tensor]:
    """The stored constant behind each tensor that is known before the first inference.

    Weights may stand behind a `DequantizeLinear` or a `Transpose`; a tensor computed from several
    constants, which is not stored as such, stands for itself.
    """
    sources = {tensor.name: tensor for tensor in graph.tensors.values() if tensor.constant}
    for operator in graph.operators:
        given = [name for name in operator.inputs if name]
        if given and all(name in sources for name in given):
            same = operator.kind in SAME_VALUES
            for name in operator.outputs:
                sources[name] = sources[given[0]] if same else graph.tensors[name]
    return sources


def parameters(operator: Operator, sources: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The constants that an operator has as weights, and those that it has as biases."""
    role = ROLES.get(operator.kind)
    if role is not None:
        return _at(operator, role.weights, sources), _at(operator, role.biases, sources)
    if operator.kind in WITHOUT_PARAMETERS:
        return [], []
    constants = [
        tensor
        for tensor in _at(operator, tuple(range(len(operator.inputs))), sources)
        # A single value is a setting, such as an exponent, not something learned.
        if tensor.dtype in PARAMETER_DTYPES and tensor.values > 1
    ]
    return ([], constants) if operator.kind in BIAS_OPERATORS else (constants, [])


def rule_positions(operator: Operator, graph: Graph) -> int:
    """How often torchinfo counts each parameter of an operator, for a batch of one.

    A convolution's once per output position, a recurrent layer's once per time step, any other
    layer's once, also a linear layer's that is applied at many positions.
    """
    role = ROLES.get(operator.kind)
    if role is None or role.rule in ("linear", "matmul", "once"):
        return 1
    if role.rule == "recurrent":
        return prod(graph.tensors[operator.inputs[role.data]].shape[:2])
    return _positions(graph.tensors[operator.outputs[0]], role.channels)


def weight_macs(operator: Operator, graph: Graph) -> int:
    """Multiply-accumulates of convolutions and matrix products, without biases."""
    role = ROLES.get(operator.kind)
    if role is None or role.rule == "once":
        return 0
    data = graph.tensors[operator.inputs[role.data]]
    output = graph.tensors[operator.outputs[0]]
    weights = [graph.tensors[operator.inputs[place]] for place in role.weights]
    if role.rule == "matmul":
        return output.values * _contracted(weights[0], weights[1], output)
    values = sum(weight.values for weight in weights)
    if role.rule == "linear":
        return output.values * (values // output.shape[-1])
    if role.rule == "recurrent":
        return values * prod(data.shape[:2])
    # Each weight meets every position: of the output, or of a transposed convolution's input.
    return values * _positions(data if role.rule == "transposed" else output, role.channels)


def _at(operator: Operator, places: tuple[int, ...], sources: dict[str, Tensor]) -> list[Tensor]:
    names = [operator.inputs[place] for place in places if place < len(operator.inputs)]
    return [sources[name] for name in names if name in sources]


def _positions(tensor: Tensor, channel_axis: int) -> int:
    return tensor.values // tensor.shape[channel_axis]


def _contracted(left: Tensor, right: Tensor, output: Tensor) -> int:
    """K of a product (M, K) x (K, N); from the sizes alone, as either side may be transposed."""
    sides = prod(left.shape[-2:]) * prod(right.shape[-2:])
    return isqrt(sides // prod(output.shape[-2:]))
