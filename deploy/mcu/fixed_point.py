"""Real factors as int32 multipliers and shifts, as TFLite's reference kernels take them."""

from __future__ import annotations

import math

import numpy as np


def multiplier_and_shift(factor: float) -> tuple[int, int]:
    """The m and s of factor ~ m / 2**31 * 2**s, with m in [2**30, 2**31).

    A factor under 2**-32 becomes (0, 0), one over 2**30 the largest there is.
    """
    if factor <= 0 or not math.isfinite(factor):
        return 0, 0
    fraction, shift = math.frexp(factor)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return 2**31 - 1, 30
    return multiplier, shift


def multipliers_and_shifts(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`multiplier_and_shift` of each of (channels,) factors: two int32 arrays."""
    pairs = [multiplier_and_shift(float(factor)) for factor in factors]
    multipliers, shifts = np.array(pairs, np.int32).reshape(-1, 2).T
    return multipliers, shifts


def rescale(values: np.ndarray, multiplier: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """values * multiplier / 2**31 * 2**shift with TFLite's double rounding, int64.

    First to the nearest, halves up; then, where bits are dropped, to the nearest, halves away
    from zero.
    """
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    high = ((values.astype(np.int64) << left) * multiplier.astype(np.int64) + 2**30) >> 31
    half = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0)
    return (high + half - ((high < 0) & (right > 0))) >> right
