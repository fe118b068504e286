"""The constants of a layer in the order that each kernel file reads them in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deploy.mcu import network as net
from deploy.mcu.plan import Rows

DSP_GROUP = 8
"""Values that the inner loop of kernels_dsp.c takes at a time."""


MVE_BLOCK = 16
"""Values that an instruction of kernels_mve.c multiplies."""
MVE_FOUR = 4
"""Channels that kernels_mve.c computes side by side; also the rows and columns of a window that it
weaves into one block."""


@dataclass(frozen=True)
class Constants:
    """The constants of a layer as one kernel file reads them."""

    weights: np.ndarray
    numbers: np.ndarray
    """int32: bias, multiplier and shift of each channel."""


def portable(layer: net.Convolution | net.Depthwise, source: Rows) -> Constants:
    """int8, with the input's zero point folded into the bias."""
    flat = layer.weights.reshape(len(layer.weights), -1)
    if isinstance(layer, net.Convolution):
        flat = _pairs(flat)
    bias = folded_bias(layer, source.tensor.zero_point)
    return Constants(flat, _numbers(bias, layer.rescaling.multiplier, layer.rescaling.shift))


def dsp(layer: net.Convolution | net.Depthwise, source: Rows) -> Constants:
    """int16, two in a word, and doubled, for SMMULR halves a product more than TFLite does.

    Shifts to the left go into the weights and the bias, which leaves shifts to the right.
    """
    rescaling = layer.rescaling
    gain = 2 << np.maximum(rescaling.shift, 0)
    flat = layer.weights.reshape(len(layer.weights), -1).astype(np.int64) * gain[:, None]
    if isinstance(layer, net.Convolution):
        weights = _dsp_order(flat)
    elif source.planar and layer.weights.shape[1:] == (3, 3):
        weights = _dsp_windows(flat)
    else:
        weights = flat.astype(np.int32).view(np.uint32)
    bias = folded_bias(layer, source.tensor.zero_point) * gain
    right = np.maximum(-rescaling.shift, 0)
    return Constants(weights, _numbers(bias, rescaling.multiplier, right))


def mve(layer: net.Convolution | net.Depthwise, source: Rows) -> Constants:
    """int8, filled up with zeros to whole vectors, and the numbers of four channels at a time."""
    flat = layer.weights.reshape(len(layer.weights), -1)
    if isinstance(layer, net.Convolution):
        weights = _mve_blocks(flat)
    elif _lies_side_by_side(source) and max(layer.weights.shape[1:]) <= MVE_FOUR:
        weights = _mve_windows(layer.weights)
    else:
        weights = flat
    return Constants(weights, _mve_numbers(layer, source.tensor.zero_point))


def folded_bias(layer: net.Convolution | net.Depthwise, zero_point: int) -> np.ndarray:
    """bias - zero point * sum of the channel's weights, int32 (channels,)."""
    sums = layer.weights.reshape(len(layer.weights), -1).astype(np.int64).sum(axis=1)
    return (layer.bias - zero_point * sums).astype(np.int32)


def _numbers(*columns: np.ndarray) -> np.ndarray:
    return np.stack([column.astype(np.int32) for column in columns], axis=1)


def _pairs(weights: np.ndarray) -> np.ndarray:
    """(channels, depth) to (pairs of channels, depth, 2), filled up with zeros."""
    channels, depth = weights.shape
    padded = np.pad(weights, [(0, channels % 2), (0, 0)])
    return padded.reshape(-1, 2, depth).transpose(0, 2, 1)


def _dsp_windows(weights: np.ndarray) -> np.ndarray:
    """A 3 x 3 window in five words: (00, 02), (10, 12), (20, 22), (01, 11), (21, 0)."""
    order = [0, 2, 3, 5, 6, 8, 1, 4, 7]
    return _words(np.pad(weights[:, order], [(0, 0), (0, 1)]))


def _dsp_order(weights: np.ndarray) -> np.ndarray:
    """Two channels in turn, four values of each: those at 0, 2, 1 and 3, as SXTB16 unpacks them."""
    channels, depth = weights.shape
    padded = np.pad(weights, [(0, channels % 2), (0, -depth % DSP_GROUP)])
    quads = padded.reshape(-1, 2, padded.shape[1] // 4, 4)[..., [0, 2, 1, 3]]
    return _words(quads.transpose(0, 2, 1, 3))


def _lies_side_by_side(source: Rows) -> bool:
    """Whether the columns of a channel do."""
    return source.planar or source.tensor.channels == 1


def _mve_blocks(weights: np.ndarray) -> np.ndarray:
    """(channels, depth) to (fours of channels, blocks of the depth, 4, 16)."""
    channels, depth = weights.shape
    padded = np.pad(weights, [(0, -channels % MVE_FOUR), (0, -depth % MVE_BLOCK)])
    return padded.reshape(-1, MVE_FOUR, padded.shape[1] // MVE_BLOCK, MVE_BLOCK).swapaxes(1, 2)


def _mve_windows(weights: np.ndarray) -> np.ndarray:
    """(channels, rows, columns) to (channels, columns, 4)."""
    channels, rows, _ = weights.shape
    padded = np.pad(weights, [(0, -channels % MVE_FOUR), (0, MVE_FOUR - rows), (0, 0)])
    return padded.swapaxes(1, 2)


def _mve_numbers(layer: net.Convolution | net.Depthwise, zero_point: int) -> np.ndarray:
    """Of four channels their biases, multipliers and shifts to the left and to the right."""
    rescaling = layer.rescaling
    fill = -len(layer.bias) % MVE_FOUR
    shift, bias, multiplier = (
        np.pad(numbers, (0, fill)).reshape(-1, MVE_FOUR).astype("<i4")
        for numbers in (rescaling.shift, folded_bias(layer, zero_point), rescaling.multiplier)
    )
    shifts = np.hstack([np.maximum(shift, 0), np.minimum(shift, 0)]).astype("i1")
    return np.hstack([bias, multiplier, shifts.view("<i4")])


def _words(values: np.ndarray) -> np.ndarray:
    """Pairs of int16 in words, the first in the lower half."""
    return np.ascontiguousarray(values, "<i2").view("<u4")
