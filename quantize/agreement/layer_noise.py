"""Signal-to-quantisation-noise of each layer of an int8 TFLite file.

The noise is the file's activation minus that of the float network on the same clip. Two ratios are
given: over all values, and the median of the channels' own. A channel a thousand times larger than
the others takes all steps of int8 and leaves them none: only the second ratio shows it.

The lowest ratio need not be where the fault is, for noise travels on. The worst layer is the one
that adds most of it to what it reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from deploy.interpreters import dequantize, quantize
from quantize.agreement.layer_causes import causes, explain
from quantize.agreement.layer_values import LayerValues
from quantize.agreement.named_layers import Layer
from quantize.tensor_names import INPUT, OUTPUT

LARGEST_DB = 120.0
"""What stands for no noise at all, and its negative for no signal."""

PARTS_OF_STEP = 4
"""Magnitudes are counted in quarters of the int8 step."""

LARGEST_STEPS = 4096
"""Magnitudes beyond so many steps are counted there."""

CONSTANT = 1e-6
"""A channel is dead if it moves by less than this part of the layer's largest magnitude."""

Row = dict[str, Any]


class UnnamedTensorsError(Exception):
    """A TFLite file whose tensors do not have the names of the network's modules."""


def layer_report(network: nn.Module, path: Path, log_mels: np.ndarray) -> dict[str, Any]:
    """Measure the layers, find the worst one and say why.

    Args:
        network: float, in evaluation mode.
        path: its int8 file, whose tensors have the names of its modules.
        log_mels: (clips, 1, mels, frames), float32.

    Returns:
        - `rows`: a layer each, in the order of computing; see `_Statistics.row`, and
          `reads_snr_db`, the lowest `channel_snr_db` of the layers it reads, or None;
          `added_noise`, the noise's share in the power of signal and noise, less that of what it
          reads; `dead_weights`, channels whose weights are all zero; `causes` and `why` of
          `quantize.agreement.layer_causes`;
        - `worst`: the layer that adds most noise, `lowest`: the one with the lowest ratio;
        - `float_layers`: modules whose result stays in float, which are not measured.

    Raises:
        UnnamedTensorsError: the file's tensors do not tell their modules.
    """
    values = LayerValues(network, path)
    statistics = _measure(values, log_mels)
    if statistics.keys() <= {INPUT, OUTPUT}:
        raise UnnamedTensorsError
    rows: dict[str, Row] = {}
    for layer in values.layers:
        if layer.name in statistics:
            rows[layer.name] = _row(layer, statistics[layer.name], values.weights(layer), rows)
    return {
        "rows": list(rows.values()),
        "worst": max(rows, key=lambda name: rows[name]["added_noise"]),
        "lowest": min(rows, key=lambda name: rows[name]["channel_snr_db"]),
        "float_layers": values.float_layers,
    }


def _row(
    layer: Layer, statistics: _Statistics, weights: np.ndarray | None, before: dict[str, Row]
) -> Row:
    """A layer's figures, by themselves and beside those of the layers before."""
    row = statistics.row(layer)
    read = [before[source]["channel_snr_db"] for source in layer.sources if source in before]
    row["reads_snr_db"] = min(read, default=None)
    inherited = _noise_share(min(read)) if read else 0.0
    row["added_noise"] = _noise_share(row["channel_snr_db"]) - inherited
    row["dead_weights"] = [] if weights is None else np.flatnonzero(~weights.any(1)).tolist()
    row["causes"] = causes(row)
    row["why"] = explain(row)
    return row


class _Statistics:
    """Sums over clips for one layer, by channel."""

    def __init__(self, channels: int) -> None:
        self.signal, self.noise, self.rounding, self.clipping = np.zeros((4, channels))
        self.low, self.high = np.full(channels, np.inf), np.full(channels, -np.inf)
        self.stored_low, self.stored_high = self.low.copy(), self.high.copy()
        self.magnitudes = np.zeros(PARTS_OF_STEP * LARGEST_STEPS + 1, np.int64)

    def add(self, layer: Layer, exact: np.ndarray, stored: np.ndarray) -> None:
        """Count the values of a clip, (places, channels), float and as the file stores them."""
        self.signal += np.square(exact, dtype=np.float64).sum(0)
        self.noise += np.square(dequantize(stored, layer.tensor) - exact, dtype=np.float64).sum(0)
        self.low = np.minimum(self.low, exact.min(0))
        self.high = np.maximum(self.high, exact.max(0))
        self.stored_low = np.minimum(self.stored_low, stored.min(0))
        self.stored_high = np.maximum(self.stored_high, stored.max(0))
        self._add_own_noise(layer, exact)

    def _add_own_noise(self, layer: Layer, exact: np.ndarray) -> None:
        error = np.square(dequantize(quantize(exact, layer.tensor), layer.tensor) - exact)
        low, high = _limits(layer)
        outside = (exact < low) | (exact > high)
        self.rounding += np.where(outside, 0, error).sum(0)
        self.clipping += np.where(outside, error, 0).sum(0)
        parts = np.abs(exact) / layer.tensor["quantization"][0] * PARTS_OF_STEP
        places = np.minimum(parts, len(self.magnitudes) - 1).astype(np.int64)
        self.magnitudes += np.bincount(places.ravel(), minlength=len(self.magnitudes))

    def row(self, layer: Layer) -> Row:
        """The figures of a layer.

        Returns:
            - `snr_db` over all values, `channel_snr_db` of the median of the channels that live;
            - `own_snr_db`: what `snr_db` would be if nothing but the tensor itself were rounded;
            - `rounding_share` and `clipping_share`: of that rounding, and of values beyond the
              tensor's range, in the power of the noise, together at most 1;
            - `outlier_channel`, and `outlier_ratio` of its largest magnitude to the median's;
            - `dead_channels`, constant in float, and `lost_channels`, constant only in int8;
            - `range_ratio`: end of the tensor's range over the 99.9th percentile of magnitudes.
        """
        peaks = np.maximum(np.abs(self.low), np.abs(self.high))
        live = self.high - self.low > CONSTANT * peaks.max()
        lost = live & (self.stored_low == self.stored_high)
        own = self.rounding + self.clipping
        noise = max(float(self.noise.sum()), float(own.sum()), np.finfo(float).tiny)
        chosen = live if live.any() else np.ones_like(live)
        outlier = int(peaks.argmax())
        typical = float(np.median(peaks[chosen]))
        return {
            "layer": layer.name,
            "channels": len(live),
            "snr_db": _decibels(self.signal.sum(), self.noise.sum()),
            "channel_snr_db": float(np.median(_decibels_each(self.signal, self.noise)[chosen])),
            "own_snr_db": _decibels(self.signal.sum(), own.sum()),
            "rounding_share": float(self.rounding.sum()) / noise,
            "clipping_share": float(self.clipping.sum()) / noise,
            "outlier_channel": outlier,
            "outlier_ratio": float(peaks[outlier]) / typical if typical else 1.0,
            "dead_channels": np.flatnonzero(~live).tolist(),
            "lost_channels": np.flatnonzero(lost).tolist(),
            "range_ratio": self._range_ratio(layer),
        }

    def _range_ratio(self, layer: Layer) -> float:
        place = np.searchsorted(self.magnitudes.cumsum(), 0.999 * self.magnitudes.sum())
        step = layer.tensor["quantization"][0]
        percentile = (place + 1) / PARTS_OF_STEP * step
        return float(np.abs(_limits(layer)).max() / percentile)


def _measure(values: LayerValues, log_mels: np.ndarray) -> dict[str, _Statistics]:
    statistics: dict[str, _Statistics] = {}
    for log_mel in log_mels:
        for layer, exact, stored in values.of_clip(log_mel[None]):
            found = statistics.setdefault(layer.name, _Statistics(exact.shape[1]))
            found.add(layer, exact, stored)
    return statistics


def _limits(layer: Layer) -> np.ndarray:
    """Smallest and largest value that an int8 tensor can represent."""
    return dequantize(np.array([-128, 127], np.int8), layer.tensor)


def _noise_share(decibels: float) -> float:
    """Noise over signal and noise, from 0 to 1."""
    return float(1 / (1 + 10 ** (decibels / 10)))


def _decibels(signal: float, noise: float) -> float:
    return float(_decibels_each(np.array([signal]), np.array([noise]))[0])


def _decibels_each(signal: np.ndarray, noise: np.ndarray) -> np.ndarray:
    tiny = np.finfo(float).tiny
    ratios: np.ndarray = 10 * np.log10(np.maximum(signal, tiny) / np.maximum(noise, tiny))
    return ratios.clip(-LARGEST_DB, LARGEST_DB)
