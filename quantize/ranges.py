"""The range of each tensor, from what it holds on the calibration clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

ObserverName = Literal["minmax", "percentile", "mse"]

Tensors = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""From the log-mel (1, 1, mels, frames) of one clip to all tensors of a graph by name."""

Range = tuple[float, float]
"""Smallest and largest value that are represented; zero lies between them."""

BINS = 2048
STEPS = 256
"""Values of an int8 tensor."""

SHRINKINGS = np.linspace(1, 0.2, 81)
"""Parts of the full range that the mean squared error is tried with."""


@dataclass(frozen=True)
class Observer:
    """How a range is chosen.

    `minmax` takes the extremes themselves. `percentile` leaves out the values beyond a percentile
    on either side. `mse` takes the part of the full range whose rounding and clipping errors have
    the smallest mean square.
    """

    name: ObserverName = "minmax"
    percentile: float = 99.99
    """Percent of the values that `percentile` keeps below the upper end, and above the lower."""


DEFAULT_OBSERVER = Observer()


def observe(tensors: Tensors, log_mels: np.ndarray, observer: Observer) -> dict[str, Range]:
    """The range of each tensor over the clips (clips, 1, mels, frames)."""
    extremes: dict[str, Range] = {}
    for clip in log_mels:
        for name, values in tensors(clip[None]).items():
            low, high = extremes.get(name, (0.0, 0.0))
            extremes[name] = min(low, float(values.min())), max(high, float(values.max()))
    if observer.name == "minmax":
        return extremes
    counts = {name: np.zeros(BINS) for name in extremes}
    for clip in log_mels:
        for name, values in tensors(clip[None]).items():
            counts[name] += _histogram(values, *extremes[name])
    choose = _percentile_range if observer.name == "percentile" else _mse_range
    return {name: choose(counts[name], extremes[name], observer) for name in extremes}


def _histogram(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Counts in `BINS` equal parts of the range; twice as fast as numpy's, but for rounding."""
    if high <= low:
        return np.bincount([0], [values.size], minlength=BINS)
    parts = (values.ravel() - low) / (high - low)
    bins = (parts * BINS).astype(np.int32)
    return np.bincount(bins.clip(0, BINS - 1), minlength=BINS)


def _percentile_range(counts: np.ndarray, extremes: Range, observer: Observer) -> Range:
    low, high = extremes
    edges = np.linspace(low, high, BINS + 1)
    below = np.concatenate([[0.0], counts.cumsum()]) / max(counts.sum(), 1)
    share = observer.percentile / 100
    first = edges[np.searchsorted(below, 1 - share, side="right") - 1]
    last = edges[np.searchsorted(below, share, side="left")]
    return min(0.0, float(first)), max(0.0, float(last))


def _mse_range(counts: np.ndarray, extremes: Range, _: Observer) -> Range:
    edges = np.linspace(*extremes, BINS + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    errors = [counts @ rounding_error(centres, *_shrunk(extremes, part)) for part in SHRINKINGS]
    return _shrunk(extremes, float(SHRINKINGS[int(np.argmin(errors))]))


def _shrunk(extremes: Range, part: float) -> Range:
    return extremes[0] * part, extremes[1] * part


def rounding_error(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Squared error of each value when represented by one of 256 steps from `low` to `high`."""
    step = max((high - low) / (STEPS - 1), np.finfo(float).tiny)
    represented: np.ndarray = np.clip(np.round(values / step) * step, low, high)
    return (values - represented) ** 2
