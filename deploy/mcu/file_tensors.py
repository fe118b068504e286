"""The tensors of a TFLite file: shape, type, quantisation and, where constant, values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

DTYPES = {"INT8": np.int8, "INT32": np.int32, "INT64": np.int64}
"""Types of the constants that the supported operators have."""


@dataclass(frozen=True)
class FileTensor:
    """A tensor as the file describes it."""

    index: int
    name: str
    shape: tuple[int, ...]
    dynamic: bool
    """Whether a size other than the batch's is left free."""
    type: str
    scales: np.ndarray
    """float32, empty where the tensor is not quantised."""
    zero_points: np.ndarray
    axis: int
    """The dimension that the scales belong to, where there are several."""
    values: np.ndarray | None
    """Of a constant."""


def file_tensors(model: Any) -> list[FileTensor]:
    """All tensors of the first subgraph, in the file's order.

    Raises:
        Exception: of any class, where the file is damaged.
    """
    return [
        _tensor(index, tensor, model.buffers)
        for index, tensor in enumerate(model.subgraphs[0].tensors)
    ]


def numbers(vector: Any) -> list[int]:
    """A vector of the file; an empty one is read as None."""
    return [] if vector is None else [int(value) for value in vector]


def _tensor(index: int, tensor: Any, buffers: list[Any]) -> FileTensor:
    from ai_edge_litert import schema_py_generated as schema

    type_name = next(k for k, v in vars(schema.TensorType).items() if v == tensor.type)
    shape = tuple(numbers(tensor.shape))
    quantization = tensor.quantization
    return FileTensor(
        index=index,
        name=(tensor.name or b"").decode(errors="replace"),
        shape=shape,
        dynamic=-1 in numbers(tensor.shapeSignature)[1:] or min(shape, default=1) < 0,
        type=type_name,
        scales=_vector(quantization and quantization.scale, np.float32),
        zero_points=_vector(quantization and quantization.zeroPoint, np.int64),
        axis=quantization.quantizedDimension if quantization else 0,
        values=_values(shape, type_name, buffers[tensor.buffer]),
    )


def _vector(values: Any, dtype: Any) -> np.ndarray:
    return np.zeros(0, dtype) if values is None else np.asarray(values, dtype).reshape(-1)


def _values(shape: tuple[int, ...], type_name: str, buffer: Any) -> np.ndarray | None:
    if buffer.data is None or len(buffer.data) == 0 or type_name not in DTYPES:
        return None
    content = np.asarray(buffer.data, np.uint8).tobytes()
    return np.frombuffer(content, DTYPES[type_name]).reshape(shape)
