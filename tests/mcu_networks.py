"""Small random networks in full int8, as .tflite files written without any converter.

Each tensor carries the real values that a few random inputs give there, and its scale is chosen
from their range, so that numbers neither all saturate nor all agree, however deep the network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from hypothesis import strategies as st

from quantize.compact_builder import CompactBuilder

CLIPS = 4
"""Random inputs that the ranges are taken from."""

SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
NONE, RELU, RELU6 = 0, 1, 3

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Tensor:
    """An activation of the network that is being drawn."""

    index: int
    values: np.ndarray
    """float64 (clips, rows, columns, channels), or (clips, channels)."""
    scale: float
    zero_point: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Without the batch."""
        return self.values.shape[1:]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class NetworkFile:
    """Collects tensors and operators, and writes them."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.lines: list[str] = []
        self.first: Tensor | None = None
        self._tensors: list[Any] = []
        self._buffers: list[Any] = [schema.BufferT()]
        self._operators: list[Any] = []
        self._kinds: list[str] = []

    def __repr__(self) -> str:
        return "\n  ".join(["a network:", *self.lines])

    def input(self, *shape: int) -> Tensor:
        """The network's input, (rows, columns, channels)."""
        self.first = self._activation(self.random.normal(0.5, 1.0, (CLIPS, *shape)))
        return self.first

    def convolution(
        self,
        x: Tensor,
        channels: int,
        size: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        *,
        groups: int = 1,
        padding: int = SAME,
        activation: int = NONE,
        bias: bool = True,
    ) -> Tensor:
        weights, scales = self._weights((channels, *size, x.shape[-1] // groups), axis=0)
        windows = np.split(_windows(x.values, size, stride, padding), groups, axis=3)
        real = np.split(weights * scales[:, None, None, None], groups)
        parts = map(lambda part, w: np.einsum("nrckhw,ohwk->nrco", part, w), windows, real)
        sums = np.concatenate(list(parts), axis=-1)
        options = _sliding(schema.Conv2DOptionsT(), stride, padding, activation)
        return self._weighted("CONV_2D", x, sums, (weights, scales, 0), options, bias=bias)

    def depthwise(
        self,
        x: Tensor,
        multiplier: int,
        size: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        *,
        padding: int = SAME,
        activation: int = NONE,
        bias: bool = True,
    ) -> Tensor:
        channels = x.shape[-1]
        weights, scales = self._weights((1, *size, channels * multiplier), axis=3)
        windows = _windows(x.values, size, stride, padding).repeat(multiplier, axis=3)
        sums = np.einsum("nrckhw,hwk->nrck", windows, (weights * scales)[0])
        options = _sliding(schema.DepthwiseConv2DOptionsT(), stride, padding, activation)
        options.depthMultiplier = multiplier
        return self._weighted(
            "DEPTHWISE_CONV_2D", x, sums, (weights, scales, 3), options, bias=bias
        )

    def fully_connected(
        self,
        x: Tensor,
        outputs: int,
        *,
        per_channel: bool = False,
        activation: int = NONE,
        bias: bool = True,
    ) -> Tensor:
        weights, scales = self._weights((outputs, x.size), axis=0, one_scale=not per_channel)
        real = weights * np.broadcast_to(scales, (outputs,))[:, None]
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = activation
        sums = x.values.reshape(len(x.values), -1) @ real.T
        return self._weighted("FULLY_CONNECTED", x, sums, (weights, scales, 0), options, bias=bias)

    def pad(self, x: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
        values = np.pad(x.values, [(0, 0), rows, columns, (0, 0)])
        margins = self._constant(np.array([(0, 0), rows, columns, (0, 0)], np.int32))
        output = self._like(x, values)
        self._operator("PAD", [x.index, margins], output, schema.PadOptionsT())
        return output

    def add(self, x: Tensor, y: Tensor, *, activation: int = NONE) -> Tensor:
        output = self._activation(_activated(x.values + y.values, activation))
        options = schema.AddOptionsT()
        options.fusedActivationFunction = activation
        self._operator("ADD", [x.index, y.index], output, options)
        return output

    def average_pool(
        self,
        x: Tensor,
        size: tuple[int, int],
        stride: tuple[int, int],
        *,
        padding: int = SAME,
        activation: int = NONE,
    ) -> Tensor:
        sums = _windows(x.values, size, stride, padding).sum(axis=(-2, -1))
        counts = _windows(np.ones_like(x.values), size, stride, padding).sum(axis=(-2, -1))
        values = _activated(sums / counts, activation)
        return self._pooled("AVERAGE_POOL_2D", x, values, size, stride, padding, activation)

    def max_pool(
        self,
        x: Tensor,
        size: tuple[int, int],
        stride: tuple[int, int],
        *,
        padding: int = SAME,
        activation: int = NONE,
    ) -> Tensor:
        windows = _windows(x.values, size, stride, padding, outside=-np.inf)
        values = _activated(windows.max(axis=(-2, -1)), activation)
        return self._pooled("MAX_POOL_2D", x, values, size, stride, padding, activation)

    def mean(self, x: Tensor, *, keep: bool = False) -> Tensor:
        axes = self._constant(np.array([1, 2], np.int32))
        output = self._activation(x.values.mean(axis=(1, 2), keepdims=keep))
        options = schema.ReducerOptionsT()
        options.keepDims = keep
        self._operator("MEAN", [x.index, axes], output, options)
        return output

    def reshape(self, x: Tensor, *shape: int) -> Tensor:
        target = self._constant(np.array([1, *shape], np.int32))
        output = self._like(x, x.values.reshape(len(x.values), *shape))
        options = schema.ReshapeOptionsT()
        options.newShape = [1, *shape]
        self._operator("RESHAPE", [x.index, target], output, options)
        return output

    def quantize(self, x: Tensor) -> Tensor:
        output = self._activation(x.values)
        self._operator("QUANTIZE", [x.index], output, schema.QuantizeOptionsT())
        return output

    def softmax(self, x: Tensor, beta: float = 1.0) -> Tensor:
        powers = np.exp(beta * (x.values - x.values.max(axis=-1, keepdims=True)))
        output = self._tensor_of(powers / powers.sum(axis=-1, keepdims=True), 1 / 256, -128)
        options = schema.SoftmaxOptionsT()
        options.beta = beta
        self._operator("SOFTMAX", [x.index], output, options)
        return output

    def model(self, output: Tensor) -> Any:
        """The file as the schema's objects, to be changed before it is packed."""
        assert self.first is not None
        subgraph = schema.SubGraphT()
        subgraph.tensors, subgraph.operators = self._tensors, self._operators
        subgraph.inputs, subgraph.outputs = [self.first.index], [output.index]
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [subgraph], self._buffers
        model.operatorCodes = [_code(kind) for kind in self._kinds]
        return model

    def _pooled(
        self,
        kind: str,
        x: Tensor,
        values: np.ndarray,
        size: tuple[int, int],
        stride: tuple[int, int],
        padding: int,
        activation: int,
    ) -> Tensor:
        output = self._like(x, values)
        options = _sliding(schema.Pool2DOptionsT(), stride, padding, activation)
        options.filterHeight, options.filterWidth = size
        self._operator(kind, [x.index], output, options)
        return output

    def _weights(
        self, shape: tuple[int, ...], axis: int, *, one_scale: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """int8 weights, now and then few and small, now and then none, and their scales."""
        kind = self.random.choice(["full", "full", "full", "small"])
        largest = 127 if kind == "full" else int(self.random.integers(1, 4))
        weights = self.random.integers(-largest, largest + 1, shape)
        if kind == "small":
            weights *= self.random.random(shape) < 0.3
        if self.random.random() < 0.1:  # a channel that died in training
            np.moveaxis(weights, axis, 0)[self.random.integers(shape[axis])] = 0
        count = 1 if one_scale else shape[axis]
        fan_in = weights.size / shape[axis]
        scales = 2 ** self.random.uniform(-1, 1, count) / (largest * math.sqrt(fan_in))
        return weights.astype(np.int8), scales.astype(np.float32)

    def _weighted(
        self,
        kind: str,
        x: Tensor,
        sums: np.ndarray,
        weights: tuple[np.ndarray, np.ndarray, int],
        options: Any,
        *,
        bias: bool,
    ) -> Tensor:
        values, scales, axis = weights
        inputs = [x.index, self._constant(values, scales, axis)]
        if bias:
            spread = sums.std() + 1e-3
            units = np.broadcast_to(x.scale * scales.astype(np.float64), sums.shape[-1:])
            numbers = np.rint(self.random.normal(0, spread / 2, len(units)) / units)
            sums = sums + numbers * units
            inputs.append(self._constant(numbers.astype(np.int32), units.astype(np.float32)))
        elif kind == "FULLY_CONNECTED":  # of others without a bias, -1 makes TFLM crash
            inputs.append(-1)
        output = self._activation(_activated(sums, options.fusedActivationFunction))
        self._operator(kind, inputs, output, options)
        return output

    def _activation(self, values: np.ndarray) -> Tensor:
        """A tensor whose scale suits the values, or now and then is far too small or too large."""
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        slack = float(self.random.choice([1.0, 1.0, 1.0, 0.6, 1.4, 6.0]))
        scale = float(np.float32(max(high - low, 1e-3) * slack / 255))
        zero_point = int(np.clip(round(-128 - low * slack / scale / slack), -128, 127))
        if self.random.random() < 0.2:
            zero_point = int(np.clip(zero_point + self.random.integers(-40, 41), -128, 127))
        return self._tensor_of(values, scale, zero_point)

    def _like(self, x: Tensor, values: np.ndarray) -> Tensor:
        return self._tensor_of(values, x.scale, x.zero_point)

    def _tensor_of(self, values: np.ndarray, scale: float, zero_point: int) -> Tensor:
        index = self._tensor((1, *values.shape[1:]), "INT8")
        self._quantize(index, [scale], [zero_point], 0)
        integers = np.clip(np.rint(values / scale) + zero_point, -128, 127)
        return Tensor(index, (integers - zero_point) * scale, scale, zero_point)

    def _constant(self, values: np.ndarray, scales: np.ndarray | None = None, axis: int = 0) -> int:
        index = self._tensor(values.shape, values.dtype.name.upper())
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._tensors[index].buffer = len(self._buffers)
        self._buffers.append(buffer)
        if scales is not None:
            self._quantize(index, scales.tolist(), [0] * len(scales), axis)
        return index

    def _tensor(self, shape: tuple[int, ...], type_name: str) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape = f"t{len(self._tensors)}", list(shape)
        tensor.type = getattr(schema.TensorType, type_name)
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _quantize(self, index: int, scales: list[float], zero_points: list[int], axis: int) -> None:
        quantization = schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = scales, zero_points
        quantization.quantizedDimension = axis
        self._tensors[index].quantization = quantization

    def _operator(self, kind: str, inputs: list[int], output: Tensor, options: Any) -> None:
        if kind not in self._kinds:
            self._kinds.append(kind)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._kinds.index(kind)
        operator.inputs, operator.outputs = inputs, [output.index]
        operator.builtinOptions = options
        operator.builtinOptionsType = getattr(
            schema.BuiltinOptions, type(options).__name__.removesuffix("T")
        )
        self._operators.append(operator)
        settings = {k: v for k, v in vars(options).items() if v and k != "newShape"}
        self.lines.append(f"{kind} {inputs} -> {output.index} {output.shape} {settings}")


def packed(model: Any) -> bytes:
    """The bytes of a file."""
    builder = CompactBuilder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def write(path: Path, network: NetworkFile, output: Tensor) -> Path:
    """Write a network to a file."""
    path.write_bytes(packed(network.model(output)))
    return path


def _code(kind: str) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = 1
    return code


def _sliding(options: Any, stride: tuple[int, int], padding: int, activation: int) -> Any:
    options.padding, options.fusedActivationFunction = padding, activation
    options.strideH, options.strideW = stride
    return options


def _activated(values: np.ndarray, activation: int) -> np.ndarray:
    limits = {NONE: (-np.inf, np.inf), RELU: (0.0, np.inf), RELU6: (0.0, 6.0)}[activation]
    return np.clip(values, *limits)


def _windows(
    values: np.ndarray,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: int,
    outside: float = 0.0,
) -> np.ndarray:
    """(clips, rows, columns, channels, window rows, window columns)."""
    if padding == SAME:
        lengths = values.shape[1:3]
        missing = [
            max((-(-length // step) - 1) * step + extent - length, 0)
            for length, extent, step in zip(lengths, size, stride, strict=True)
        ]
        margins = [(total // 2, total - total // 2) for total in missing]
        values = np.pad(values, [(0, 0), *margins, (0, 0)], constant_values=outside)
    windows = np.lib.stride_tricks.sliding_window_view(values, size, axis=(1, 2))
    return windows[:, :: stride[0], :: stride[1]]


# --- What hypothesis draws ------------------------------------------------------------------------

activations = st.sampled_from([NONE, NONE, RELU, RELU, RELU6])


@st.composite
def networks(draw: Draw, most_blocks: int = 5) -> tuple[NetworkFile, Tensor]:
    """A network and its output: a sequence of layers and blocks of layers."""
    network = NetworkFile(draw(st.integers(0, 2**32 - 1)))
    x = network.input(draw(st.integers(1, 14)), draw(st.integers(1, 11)), draw(st.integers(1, 6)))
    for _ in range(draw(st.integers(1, most_blocks))):
        x = draw(st.sampled_from(_blocks_for(x)))(draw, network, x)
    return network, x


@st.composite
def single_layers(draw: Draw) -> tuple[NetworkFile, Tensor]:
    """A network of one layer, its shapes as in `networks`."""
    network = NetworkFile(draw(st.integers(0, 2**32 - 1)))
    x = network.input(draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 6)))
    return network, draw(st.sampled_from(SINGLE_LAYERS))(draw, network, x)


@st.composite
def blocks_of(draw: Draw, *names: str) -> tuple[NetworkFile, Tensor]:
    """A network of one to three blocks of these names behind a convolution of many channels."""
    network = NetworkFile(draw(st.integers(0, 2**32 - 1)))
    x = network.input(draw(st.integers(2, 9)), draw(st.integers(2, 9)), draw(st.integers(1, 3)))
    x = network.convolution(x, draw(st.sampled_from([4, 6, 12, 24])), (1, 1), activation=RELU)
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            x = _pad(draw, network, x)
        x = BLOCKS[draw(st.sampled_from(names))](draw, network, x)
    return network, x


def _blocks_for(x: Tensor) -> Sequence[Callable[..., Tensor]]:
    return MAP_BLOCKS if len(x.shape) == 3 else VECTOR_BLOCKS


def _convolution(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    size, stride, padding = _geometry(draw, x)
    return network.convolution(
        x, draw(st.integers(1, 9)), size, stride, padding=padding, **_finish(draw)
    )


def _grouped(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    size, stride, padding = _geometry(draw, x)
    groups = draw(st.sampled_from(_divisors(x.shape[-1], 12)))
    channels = groups * draw(st.integers(1, 5))
    return network.convolution(
        x, channels, size, stride, groups=groups, padding=padding, **_finish(draw)
    )


def _pointwise(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    return network.convolution(x, draw(st.integers(1, 12)), (1, 1), **_finish(draw))


def _depthwise(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    size, stride, padding = _geometry(draw, x)
    multiplier = draw(st.integers(1, 3 if x.shape[-1] <= 6 else 1))
    return network.depthwise(x, multiplier, size, stride, padding=padding, **_finish(draw))


def _usual_depthwise(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    """A window of 3 x 3 behind a 1 x 1 convolution, for which kernels take another way."""
    x = _pointwise(draw, network, x)
    stride = draw(st.sampled_from([(1, 1), (2, 2), (2, 1), (1, 2), (1, 3)]))
    multiplier = draw(st.integers(1, 2))
    return network.depthwise(x, multiplier, (3, 3), stride, **_finish(draw))


def _padded(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    """A pad and what slides over it, or not, and perhaps another that reads the pad too."""
    x = _pad(draw, network, x)
    slide = st.sampled_from([_convolution, _grouped, _depthwise, _average_pool, _max_pool])
    output: Tensor = draw(slide)(draw, network, x)
    if draw(st.booleans()):
        other = network.convolution(x, output.shape[-1], (1, 1))
        if other.shape == output.shape:
            return network.add(other, output)
    return output


def _pad(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    margin = st.tuples(st.integers(0, 3), st.integers(0, 3))
    return network.pad(x, draw(margin), draw(margin))


def _average_pool(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    size, stride, padding = _geometry(draw, x)
    return network.average_pool(x, size, stride, padding=padding, activation=draw(activations))


def _max_pool(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    size, stride, padding = _geometry(draw, x)
    return network.max_pool(x, size, stride, padding=padding, activation=draw(activations))


def _residual(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    size = draw(st.sampled_from([(1, 1), (3, 3), (5, 1)]))
    y = network.convolution(x, x.shape[-1], size, **_finish(draw))
    return _sum(draw, network, x, y)


def _inverted_residual(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    y = network.convolution(x, draw(st.integers(2, 10)), (1, 1), **_finish(draw))
    y = network.depthwise(y, 1, draw(st.sampled_from([(3, 3), (1, 5)])), **_finish(draw))
    y = network.convolution(y, x.shape[-1], (1, 1))
    return _sum(draw, network, x, y)


def _pooled_residual(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    """As where the baseline halves its map: the shortcut is padded and pooled."""
    y = network.convolution(x, draw(st.integers(2, 8)), (1, 1), activation=RELU)
    y = network.depthwise(network.pad(y, (1, 1), (1, 1)), 1, (3, 3), (2, 2), padding=VALID)
    y = network.convolution(y, x.shape[-1], (1, 1))
    shortcut = network.pad(x, (1, 1), (1, 1))
    shortcut = network.average_pool(shortcut, (3, 3), (2, 2), padding=VALID)
    return _sum(draw, network, shortcut, y)


def _sum(draw: Draw, network: NetworkFile, x: Tensor, y: Tensor) -> Tensor:
    pair = (x, y) if draw(st.booleans()) else (y, x)
    return network.add(*pair, activation=draw(activations))


def _twice(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    return network.add(x, x)


def _unread(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    """A layer that nothing reads, beside one that is read."""
    network.convolution(x, 2, (1, 1))
    return network.quantize(x)


def _mean(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    return network.mean(x, keep=draw(st.booleans()))


def _reshape(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    """The same values in other rows, columns and channels."""
    rows = draw(st.sampled_from(_divisors(x.size, 14)))
    columns = draw(st.sampled_from(_divisors(x.size // rows, 11)))
    channels = x.size // rows // columns
    return network.reshape(x, rows, columns, channels) if channels <= 40 else x


def _flat(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    return network.reshape(x, x.size)


def _fully_connected(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    per_channel = draw(st.booleans())
    return network.fully_connected(
        x, draw(st.integers(1, 9)), per_channel=per_channel, **_finish(draw)
    )


def _quantize(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    return network.quantize(x)


def _softmax(draw: Draw, network: NetworkFile, x: Tensor) -> Tensor:
    return network.softmax(x, draw(st.sampled_from([1.0, 0.3, 4.0])))


def _geometry(draw: Draw, x: Tensor) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Window, strides and padding that leave something."""
    padding = draw(st.sampled_from([SAME, VALID]))
    most = [5, 5] if padding == SAME else [min(5, length) for length in x.shape[:2]]
    size = (draw(st.integers(1, most[0])), draw(st.integers(1, most[1])))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    return size, stride, padding


def _finish(draw: Draw) -> dict[str, Any]:
    return {"activation": draw(activations), "bias": draw(st.integers(0, 11)) > 0}


def _divisors(number: int, most: int) -> list[int]:
    return [divisor for divisor in range(1, most + 1) if number % divisor == 0]


SINGLE_LAYERS = (
    _convolution,
    _grouped,
    _depthwise,
    _average_pool,
    _max_pool,
    _twice,
    _mean,
    _fully_connected,
    _quantize,
    _softmax,
    _pad,
    _reshape,
)
MAP_BLOCKS = (
    _convolution,
    _grouped,
    _pointwise,
    _depthwise,
    _usual_depthwise,
    _padded,
    _pad,
    _average_pool,
    _max_pool,
    _residual,
    _inverted_residual,
    _pooled_residual,
    _twice,
    _unread,
    _mean,
    _reshape,
    _flat,
    _fully_connected,
    _quantize,
    _softmax,
)
BLOCKS = {"max_pool": _max_pool, "grouped": _grouped}
VECTOR_BLOCKS = (_fully_connected, _quantize, _softmax, _twice)
