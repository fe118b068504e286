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
    weights: np.ndarray
    """Shape (last_row - first_row, columns), float32."""


def bands(matrix: np.ndarray, columns: int) -> list[Band]:
    """Cut a (rows, columns) matrix into bands of at most `columns` columns each."""
    return [
        _band(matrix[:, start : start + columns]) for start in range(0, matrix.shape[1], columns)
    ]


def _band(block: np.ndarray) -> Band:
    used = np.flatnonzero(block.any(axis=1))
    first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
    return Band(first, last, np.ascontiguousarray(block[first:last], np.float32))


def product(values: np.ndarray, parts: list[Band]) -> np.ndarray:
    """Multiply `values` of shape (..., rows) by the banded matrix: shape (..., columns)."""
    flat = values.reshape(-1, values.shape[-1])  # one large product a band, not one a clip
    columns = np.concatenate(
        [flat[:, part.first_row : part.last_row] @ part.weights for part in parts], axis=1
    )
    return columns.reshape(*values.shape[:-1], -1)
