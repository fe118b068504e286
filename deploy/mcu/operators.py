"""The supported operators of a TFLite file, each read into a layer with its integer arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from deploy.errors import InputError
from deploy.mcu import network as net
from deploy.mcu.file_tensors import FileTensor
from deploy.mcu.fixed_point import multiplier_and_shift, multipliers_and_shifts

SAME, VALID = 0, 1
"""TFLite's padding schemes."""

ACTIVATIONS = {0: (-math.inf, math.inf), 1: (0.0, math.inf), 3: (0.0, 6.0)}
"""Fused activations by TFLite's number: none, ReLU, ReLU6, as limits of the real value."""

ADD_SHIFT = 20
"""Bits that ADD gains before it rescales its inputs."""

SOFTMAX_INTEGER_BITS = 5
"""Integer bits of the differences that softmax takes the exponential of."""

LARGEST_ROW = 2**15
"""Limit of the values of a row, of the rows of a tensor and of the values that an output sums up:
kernels.h counts them, with margins, in uint16."""

LARGEST_WINDOW = 2**8
"""Limit of the rows and columns of a sliding window and of its strides, for the same reason."""

LARGEST_WEIGHT = 2**14
"""Limit of a weight shifted to the left with its sum: kernels_dsp.c holds it, doubled, in int16."""

LARGEST_SUM = 2**30
"""Limit of an accumulator; past it a kernel would overflow when it doubles it."""


@dataclass(frozen=True)
class Place:
    """Where an operator stands and what it connects."""

    index: int
    kind: str
    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True)
class Context:
    """The file that is being read, to look tensors up in and to name in errors."""

    path: Path
    tensors: list[FileTensor]

    def fail(self, place: Place | net.Layer, tensor: int, problem: str, remedy: str) -> NoReturn:
        """Refuse the file in one sentence."""
        raise InputError(
            f"{self.path}: operator {place.index} ({place.kind}), tensor {tensor} "
            f"'{self.tensors[tensor].name}': {problem}; {remedy}."
        )

    def activation(self, index: int, place: Place | net.Layer) -> net.Tensor:
        """A tensor that is computed, as rows of columns of channels."""
        tensor = self.tensors[index]
        if tensor.dynamic:
            self.fail(place, index, "has a free size", "export it with a fixed input shape")
        if tensor.type != "INT8":
            problem = f"is {tensor.type}, expected INT8 everywhere"
            self.fail(place, index, problem, "quantise the network to full int8, in and out")
        if tensor.values is not None:
            self.fail(place, index, "is a constant", "only weights may be constants")
        scale, zero_point = self.scale(index, place)
        rows, columns, channels = self._sizes(index, place)
        return net.Tensor(index, tensor.name, rows, columns, channels, scale, zero_point)

    def scale(self, index: int, place: Place | net.Layer) -> tuple[float, int]:
        """The one scale and zero point of a tensor."""
        tensor = self.tensors[index]
        if len(tensor.scales) != 1 or len(tensor.zero_points) != 1:
            problem = f"has {len(tensor.scales)} scales, expected one"
            self.fail(place, index, problem, "quantise activations per tensor")
        scale, zero_point = float(tensor.scales[0]), int(tensor.zero_points[0])
        if not 0 < scale < math.inf or not -128 <= zero_point <= 127:
            problem = f"has scale {scale:g} and zero point {zero_point}"
            self.fail(place, index, problem, "quantise the network again")
        return scale, zero_point

    def constant(self, place: Place, position: int, type_name: str) -> np.ndarray:
        """The values of a constant input."""
        index = place.inputs[position]
        tensor = self.tensors[index]
        if tensor.type != type_name:
            problem = f"is {tensor.type}, expected {type_name}"
            self.fail(place, index, problem, "quantise weights to int8 and biases to int32")
        if tensor.values is None:
            self.fail(place, index, "is not a constant", "export the network with its weights")
        return tensor.values

    def _sizes(self, index: int, place: Place | net.Layer) -> tuple[int, int, int]:
        shape = self.tensors[index].shape
        if not 1 <= len(shape) <= 4 or min(shape) < 1 or math.prod(shape) > 2**24:
            self.fail(place, index, f"has shape {shape}", "expected [1, rows, columns, channels]")
        if len(shape) > 1 and shape[0] != 1:
            self.fail(place, index, f"has shape {shape}, a batch", "export it for one clip")
        sizes = shape[1:] if len(shape) > 1 else shape
        rows, columns, channels = (1,) * (3 - len(sizes)) + tuple(sizes)
        if max(rows, columns * channels) >= LARGEST_ROW:
            problem = f"has {rows} rows of {columns * channels} values"
            self.fail(place, index, problem, f"expected less than {LARGEST_ROW} of either")
        return rows, columns, channels


def read_layer(context: Context, place: Place, options: Any) -> net.Layer:
    """The layer of an operator.

    Raises:
        InputError: not supported, or with sizes or quantisation that are not.
    """
    if place.kind not in READERS:
        context.fail(
            place,
            place.output,
            "this operator is not supported",
            f"use others, of {', '.join(READERS)}, or run the network by TFLM",
        )
    return READERS[place.kind](context, place, options)


def _convolution(context: Context, place: Place, options: Any) -> net.Convolution:
    source, output = _ends(context, place)
    weights = context.constant(place, 1, "INT8")
    _expect_no_dilation(context, place, options)
    out_channels, rows, columns, in_channels = _weight_shape(context, place, weights)
    groups, rest = divmod(source.channels, in_channels)
    if rest or groups == 0 or out_channels % groups or out_channels != output.channels:
        _wrong_weights(context, place, weights, source, output)
    window = _window(context, place, options, (rows, columns))
    scales = _weight_scales(context, place, axis=0, channels=out_channels)
    bias = _bias(context, place, out_channels)
    rescaling = _rescaling(source, scales, output, options)
    _check_sums(context, place, weights.reshape(out_channels, -1), bias, rescaling)
    head = (place.index, place.kind, place.inputs[:1], place.output, window)
    return net.Convolution(*head, weights, bias, rescaling, groups)


def _fully_connected(context: Context, place: Place, options: Any) -> net.Convolution:
    """A window as large as the input, whose values stand in the same order as the weights."""
    source, output = _ends(context, place)
    weights = context.constant(place, 1, "INT8")
    if weights.ndim != 2 or weights.shape != (output.size, source.size):
        _wrong_weights(context, place, weights, source, output)
    weights = weights.reshape(output.size, source.rows, source.columns, source.channels)
    window = net.Window(source.rows, source.columns, 1, 1, 0, 0, 0, 0)
    scales = _fully_connected_scales(context, place, output.size)
    bias = _bias(context, place, output.size)
    rescaling = _rescaling(source, scales, output, options)
    _check_sums(context, place, weights.reshape(output.size, -1), bias, rescaling)
    return net.Convolution(
        place.index, place.kind, place.inputs[:1], place.output, window, weights, bias, rescaling
    )


def _depthwise(context: Context, place: Place, options: Any) -> net.Layer:
    source, output = _ends(context, place)
    weights = context.constant(place, 1, "INT8")
    _expect_no_dilation(context, place, options)
    _, rows, columns, out_channels = _weight_shape(context, place, weights)
    if out_channels != output.channels or out_channels % source.channels:
        _wrong_weights(context, place, weights, source, output)
    window = _window(context, place, options, (rows, columns))
    scales = _weight_scales(context, place, axis=3, channels=out_channels)
    bias = _bias(context, place, out_channels)
    rescaling = _rescaling(source, scales, output, options)
    by_channel = np.ascontiguousarray(weights[0].transpose(2, 0, 1))
    _check_sums(context, place, by_channel.reshape(out_channels, -1), bias, rescaling)
    head = (place.index, place.kind, place.inputs[:1], place.output, window)
    if source.channels == 1:  # then it is a convolution of all channels, for which a kernel is fast
        return net.Convolution(*head, by_channel[..., None], bias, rescaling)
    return net.Depthwise(*head, by_channel, bias, rescaling, out_channels // source.channels)


def _pad(context: Context, place: Place, options: Any) -> net.Pad:
    source, output = _ends(context, place)
    type_name = context.tensors[place.inputs[1]].type
    margins = context.constant(place, 1, type_name).reshape(-1, 2)
    if len(margins) != 4 or margins.min() < 0 or margins[[0, 3]].any():
        problem = f"pads by {margins.tolist()}"
        context.fail(place, place.inputs[1], problem, "pad rows and columns only")
    _expect_same_scale(context, place, source, output)
    (top, bottom), (left, right) = margins[1:3].tolist()
    window = net.Window(1, 1, 1, 1, top, left, bottom, right)
    sizes = (source.rows + top + bottom, source.columns + left + right, source.channels)
    _expect_sizes(context, place, output, sizes)
    return net.Pad(place.index, place.kind, place.inputs[:1], place.output, window)


def _average_pool(context: Context, place: Place, options: Any) -> net.AveragePool:
    return net.AveragePool(*_pool(context, place, options))


def _max_pool(context: Context, place: Place, options: Any) -> net.MaxPool:
    return net.MaxPool(*_pool(context, place, options))


def _pool(context: Context, place: Place, options: Any) -> tuple[Any, ...]:
    """The fields of a `net.Pool`, in their order."""
    source, output = _ends(context, place)
    _expect_same_scale(context, place, source, output)
    window = _window(context, place, options, (options.filterHeight, options.filterWidth))
    if output.channels != source.channels:
        _wrong_sizes(context, place, output, (output.rows, output.columns, source.channels))
    minimum, maximum = _limits(output, options)
    head = (place.index, place.kind, place.inputs, place.output)
    return (*head, window, False, minimum, maximum)


def _add(context: Context, place: Place, options: Any) -> net.Add:
    first, second = (context.activation(index, place) for index in place.inputs)
    output = context.activation(place.output, place)
    for tensor in (second, output):
        _expect_sizes(context, place, tensor, (first.rows, first.columns, first.channels))
    largest = 2 * max(first.scale, second.scale)
    factors = (first.scale / largest, second.scale / largest, 0.0)
    factors = (*factors[:2], largest / ((1 << ADD_SHIFT) * output.scale))
    multipliers, shifts = zip(*map(multiplier_and_shift, factors), strict=True)
    if max(shifts) > 0:
        context.fail(
            place, place.output, "has a scale far below its inputs'", "quantise the network again"
        )
    minimum, maximum = _limits(output, options)
    head = (place.index, place.kind, place.inputs, place.output)
    return net.Add(*head, multipliers, shifts, minimum, maximum)


def _mean(context: Context, place: Place, options: Any) -> net.Mean:
    source, output = _ends(context, place)
    axes = sorted(int(axis) % 4 for axis in context.constant(place, 1, "INT32").reshape(-1))
    if axes != [1, 2] or len(context.tensors[place.inputs[0]].shape) != 4:
        context.fail(
            place, place.inputs[1], f"averages axes {axes}", "average rows and columns, [1, 2]"
        )
    _expect_sizes(context, place, output, (1, 1, source.channels))
    multiplier, shift = multiplier_and_shift(source.scale / output.scale)
    count = source.rows * source.columns
    # The division by the count goes into the multiplier, with as many bits as there is room for.
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    return net.Mean(
        place.index,
        place.kind,
        place.inputs[:1],
        place.output,
        (multiplier << bits) // count,
        shift - bits,
    )


def _requantize(context: Context, place: Place, options: Any) -> net.Requantize:
    source, output = _ends(context, place)
    _expect_sizes(context, place, output, (source.rows, source.columns, source.channels))
    factor = multiplier_and_shift(source.scale / output.scale)
    return net.Requantize(place.index, place.kind, place.inputs, place.output, *factor)


def _reshape(context: Context, place: Place, options: Any) -> net.Reshape:
    source, output = _ends(context, place)
    _expect_same_scale(context, place, source, output)
    if source.size != output.size:
        problem = f"has {output.size} values, expected the {source.size} of its input"
        context.fail(place, place.output, problem, "export the network again")
    return net.Reshape(place.index, place.kind, place.inputs[:1], place.output)


def _softmax(context: Context, place: Place, options: Any) -> net.Softmax:
    source, output = _ends(context, place)
    _expect_sizes(context, place, output, (source.rows, source.columns, source.channels))
    if (output.scale, output.zero_point) != (1 / 256, -128):
        problem = f"has scale {output.scale:g} and zero point {output.zero_point}"
        context.fail(place, place.output, problem, "expected 1/256 and -128, as TFLite defines it")
    fraction_bits = 31 - SOFTMAX_INTEGER_BITS
    factor = min(options.beta * source.scale * (1 << fraction_bits), 2**31 - 1)
    multiplier, left_shift = multiplier_and_shift(factor)
    if left_shift < 0:
        context.fail(place, place.inputs[0], "has too small a scale", "quantise it again")
    largest = ((1 << SOFTMAX_INTEGER_BITS) - 1) * 2**fraction_bits / 2**left_shift
    head = (place.index, place.kind, place.inputs, place.output)
    return net.Softmax(*head, multiplier, left_shift, -math.floor(largest))


READERS: dict[str, Callable[[Context, Place, Any], net.Layer]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "PAD": _pad,
    "ADD": _add,
    "AVERAGE_POOL_2D": _average_pool,
    "MAX_POOL_2D": _max_pool,
    "MEAN": _mean,
    "RESHAPE": _reshape,
    "QUANTIZE": _requantize,
    "SOFTMAX": _softmax,
}


def _ends(context: Context, place: Place) -> tuple[net.Tensor, net.Tensor]:
    return context.activation(place.inputs[0], place), context.activation(place.output, place)


def _window(context: Context, place: Place, options: Any, size: tuple[int, int]) -> net.Window:
    """The window of a sliding operator, with the margins that its padding scheme gives."""
    source, output = _ends(context, place)
    strides = (options.strideH, options.strideW)
    if min(*size, *strides) < 1 or max(*size, *strides) >= LARGEST_WINDOW:
        problem = f"slides a window of {size} by {strides}"
        remedy = f"expected sizes from 1 to {LARGEST_WINDOW - 1}"
        context.fail(place, place.output, problem, remedy)
    margins, lengths = [], []
    for length, extent, stride in zip((source.rows, source.columns), size, strides, strict=True):
        if options.padding == SAME:
            steps = -(-length // stride)
            missing = max((steps - 1) * stride + extent - length, 0)
        else:
            steps, missing = (length - extent) // stride + 1, 0
        lengths.append(steps)
        margins.append((missing // 2, missing - missing // 2))
    _expect_sizes(context, place, output, (*lengths, output.channels))
    (top, bottom), (left, right) = margins
    return net.Window(*size, *strides, top, left, bottom, right)


def _weight_shape(context: Context, place: Place, weights: np.ndarray) -> tuple[int, ...]:
    if weights.ndim != 4 or weights.size == 0:
        problem = f"has shape {list(weights.shape)}, expected four dimensions"
        context.fail(place, place.inputs[1], problem, "export the network again")
    return weights.shape


def _weight_scales(context: Context, place: Place, axis: int, channels: int) -> np.ndarray:
    """One scale per output channel, float64 (channels,)."""
    index = place.inputs[1]
    tensor = context.tensors[index]
    if len(tensor.scales) == 1 and channels > 1:
        remedy = "quantise weights per channel, for one scale costs accuracy"
        context.fail(place, index, "has one scale for all channels", remedy)
    if len(tensor.scales) != channels or tensor.axis != axis:
        problem = f"has {len(tensor.scales)} scales along axis {tensor.axis}"
        context.fail(place, index, problem, f"expected {channels} along axis {axis}")
    return _positive_scales(context, place)


def _fully_connected_scales(context: Context, place: Place, channels: int) -> np.ndarray:
    """As `_weight_scales`; one scale for all is what TFLite defines for this operator."""
    count = len(context.tensors[place.inputs[1]].scales)
    if count not in (1, channels):
        context.fail(place, place.inputs[1], f"has {count} scales", f"expected 1 or {channels}")
    return np.broadcast_to(_positive_scales(context, place), (channels,))


def _positive_scales(context: Context, place: Place) -> np.ndarray:
    index = place.inputs[1]
    tensor = context.tensors[index]
    if not ((tensor.scales > 0) & np.isfinite(tensor.scales)).all() or tensor.zero_points.any():
        problem = "has a scale that is not positive, or a zero point other than 0"
        context.fail(place, index, problem, "quantise weights symmetrically")
    return tensor.scales.astype(np.float64)


def _bias(context: Context, place: Place, channels: int) -> np.ndarray:
    if len(place.inputs) < 3 or place.inputs[2] < 0:
        return np.zeros(channels, np.int32)
    bias = context.constant(place, 2, "INT32").reshape(-1)
    if len(bias) != channels:
        problem = f"has {len(bias)} values, expected {channels}"
        context.fail(place, place.inputs[2], problem, "export the network again")
    return bias


def _rescaling(
    source: net.Tensor, scales: np.ndarray, output: net.Tensor, options: Any
) -> net.Rescaling:
    multipliers, shifts = multipliers_and_shifts(source.scale * scales / output.scale)
    return net.Rescaling(multipliers, shifts, output.zero_point, *_limits(output, options))


def _limits(output: net.Tensor, options: Any) -> tuple[int, int]:
    """Smallest and largest number that the fused activation lets through."""
    number = options.fusedActivationFunction
    if number not in ACTIVATIONS:
        raise ValueError(f"fused activation {number} is neither ReLU nor ReLU6")
    low, high = ACTIVATIONS[number]
    minimum = -128 if low == -math.inf else max(-128, output.zero_point)
    if high == math.inf:
        return minimum, 127
    steps = math.floor(np.float32(high) / np.float32(output.scale) + 0.5)
    return minimum, min(127, output.zero_point + steps)


def _check_sums(
    context: Context, place: Place, weights: np.ndarray, bias: np.ndarray, rescaling: net.Rescaling
) -> None:
    """No sum may have too many values, nor reach `LARGEST_SUM` over any input."""
    if weights.shape[1] >= LARGEST_ROW:
        problem = f"sums up {weights.shape[1]} values"
        context.fail(place, place.inputs[1], problem, f"expected less than {LARGEST_ROW}")
    left = np.maximum(rescaling.shift, 0)
    if (np.abs(weights.astype(np.int64)).max(axis=1) << left).max() >= LARGEST_WEIGHT:
        problem = f"leads to an output whose scale is about 2**{left.max()} times too small"
        context.fail(place, place.inputs[1], problem, "quantise the network again")
    sums = np.abs(bias.astype(np.int64)) + 255 * np.abs(weights.astype(np.int64)).sum(axis=1)
    largest = sums << left
    if largest.max() >= LARGEST_SUM:
        channel = int(largest.argmax())
        problem = f"channel {channel} sums up to {int(largest.max()):,}"
        remedy = f"expected less than {LARGEST_SUM:,}; its scale is too small, remove or clamp it"
        context.fail(place, place.inputs[1], problem, remedy)


def _expect_no_dilation(context: Context, place: Place, options: Any) -> None:
    if (options.dilationHFactor, options.dilationWFactor) != (1, 1):
        context.fail(place, place.inputs[1], "is dilated", "use a window without gaps")


def _expect_same_scale(
    context: Context, place: Place, source: net.Tensor, output: net.Tensor
) -> None:
    if (source.scale, source.zero_point) != (output.scale, output.zero_point):
        context.fail(
            place, place.output, "has another scale than its input", "quantise the network again"
        )


def _expect_sizes(
    context: Context, place: Place, tensor: net.Tensor, sizes: tuple[int, int, int]
) -> None:
    if (tensor.rows, tensor.columns, tensor.channels) != sizes:
        _wrong_sizes(context, place, tensor, sizes)


def _wrong_sizes(
    context: Context, place: Place, tensor: net.Tensor, sizes: tuple[int, int, int]
) -> NoReturn:
    found = (tensor.rows, tensor.columns, tensor.channels)
    problem = f"has {found} rows, columns and channels, expected {sizes}"
    context.fail(place, tensor.index, problem, "export the network again")


def _wrong_weights(
    context: Context,
    place: Place,
    weights: np.ndarray,
    source: net.Tensor,
    output: net.Tensor,
) -> NoReturn:
    problem = (
        f"has shape {list(weights.shape)}, which does not lead from "
        f"{source.channels} channels to {output.channels}"
    )
    context.fail(place, place.inputs[1], problem, "export the network again")
