"""A network file as one kind of graph, whichever format it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

BITS = {
    "float64": 64,
    "float32": 32,
    "float16": 16,
    "bfloat16": 16,
    "int64": 64,
    "uint64": 64,
    "int32": 32,
    "uint32": 32,
    "int16": 16,
    "uint16": 16,
    "int8": 8,
    "uint8": 8,
    "bool": 8,
    "int4": 4,
    "uint4": 4,
    "int2": 2,
}
"""Bits of a value by number format."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph: a stored constant, the graph's input or an operator's result."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """Number format: a key of `BITS`."""
    constant: bool = False
    storage: str = ""
    """What holds a stored constant's bytes; equal constants may share it."""

    @property
    def values(self) -> int:
        """Number of values; 1 for a scalar."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size of the values, in whole bytes."""
        return -(-self.values * BITS[self.dtype] // 8)


@dataclass(frozen=True)
class Operator:
    """A node of the graph."""

    kind: str
    """Name of the operator in its format, such as `Conv` (ONNX) or `CONV_2D` (TFLite)."""
    name: str
    inputs: tuple[str, ...]
    """Names of tensors in the operator's own order; empty where an optional one is left out."""
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """A network for a batch of one, with operators in the order of execution."""

    tensors: dict[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operators: tuple[Operator, ...]
    quantization_bytes: int
    """Size of all stored scales and zero points."""
    file_bytes: int
    """Size of the file, with the files of weights that it refers to."""
