"""Products with matrices that are zero outside a band, without multiplying the zeros.

Mel filterbanks and polyphase resampling kernels are such matrices: 98 % and 96 % of their numbers
are zero. Taking a few columns at a time, each with just the rows it needs, keeps the product a
handful of small dense ones, which BLAS does well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Band:
    """Neighbouring columns of a matrix with the range of rows where they are not zero."""

    first_row: int
    last_row: int
    columns: slice
    weights: np.ndarray
    """Shape (last_row - first_row, columns), float32."""


def bands(matrix: np.ndarray, columns: int) -> list[Band]:
    """Cut a (rows, columns) matrix into bands of at most `columns` columns each."""
    starts = range(0, matrix.shape[1], columns)
    return [_band(matrix, slice(start, min(start + columns, matrix.shape[1]))) for start in starts]


def _band(matrix: np.ndarray, columns: slice) -> Band:
    block = matrix[:, columns]
    used = np.flatnonzero(block.any(axis=1))
    first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
    return Band(first, last, columns, np.ascontiguousarray(block[first:last], np.float32))


def product(values: np.ndarray, parts: list[Band], out: np.ndarray | None = None) -> np.ndarray:
    """Multiply float32 `values` of shape (rows, inner) by the banded matrix of (inner, columns).

    Returns:
        float32 of shape (rows, columns): `out`, where it is given.
    """
    if out is None:
        out = np.empty((len(values), parts[-1].columns.stop), np.float32)
    for part in parts:
        rows = values[:, part.first_row : part.last_row]
        np.matmul(rows, part.weights, out=out[:, part.columns])
    return out
