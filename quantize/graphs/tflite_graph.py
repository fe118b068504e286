"""Reading a TFLite file as a graph, without running it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from deploy.errors import InputError
from quantize.graphs.graph import BITS, Graph, Operator, Tensor

IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TFLite file."""


def read_tflite(path: Path) -> Graph:
    """Read a TFLite file of one subgraph.

    Raises:
        InputError: another kind of file, several subgraphs, or sizes left free.
        Exception: of any class, where the file is damaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    content = path.read_bytes()
    if content[4:8] != IDENTIFIER:
        raise InputError(f"{path}: is not a TFLite model; export it again.")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    if len(model.subgraphs) != 1:
        raise InputError(
            f"{path}: found {len(model.subgraphs)} subgraphs, expected 1; control flow and several "
            "signatures cannot be counted, so export the network alone."
        )
    subgraph = model.subgraphs[0]
    _require_fixed_sizes(path, subgraph)
    kinds = [_kind(code, schema) for code in model.operatorCodes]
    return Graph(
        tensors={
            str(index): _tensor(str(index), tensor, model.buffers, schema)
            for index, tensor in enumerate(subgraph.tensors)
        },
        inputs=_names(subgraph.inputs),
        outputs=_names(subgraph.outputs),
        operators=tuple(
            Operator(
                kinds[operator.opcodeIndex],
                str(place),
                _names(operator.inputs),
                _names(operator.outputs),
            )
            for place, operator in enumerate(subgraph.operators)
        ),
        quantization_bytes=_quantization_bytes(subgraph.tensors),
        file_bytes=len(content),
    )


def _require_fixed_sizes(path: Path, subgraph: Any) -> None:
    for tensor in subgraph.tensors:
        signature = _list(tensor.shapeSignature)
        if -1 in signature[1:]:
            raise InputError(
                f"{path}: has a tensor of free size {signature}; only the batch may be free, so "
                "export it with a fixed input shape."
            )


def _names(indices: Any) -> tuple[str, ...]:
    return tuple("" if index == -1 else str(index) for index in _list(indices))


def _list(vector: Any) -> list[int]:
    """A vector of the file; an empty one is read as None."""
    return [] if vector is None else [int(value) for value in vector]


def _kind(code: Any, schema: Any) -> str:
    # Old files have only the deprecated field, which ends at 127.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        return str(code.customCode.decode())
    return _enum_name(schema.BuiltinOperator, number)


def _enum_name(enumeration: Any, number: int) -> str:
    return str(next(name for name, value in vars(enumeration).items() if value == number))


def _tensor(name: str, tensor: Any, buffers: list[Any], schema: Any) -> Tensor:
    buffer = buffers[tensor.buffer]
    stored = 0 if buffer.data is None else len(buffer.data)
    constant = stored > 0 or buffer.size > 0  # a large file's data stand behind the flatbuffer
    dtype = _enum_name(schema.TensorType, tensor.type).lower()
    result = Tensor(name, tuple(_list(tensor.shape)), dtype, constant, str(tensor.buffer))
    if dtype not in BITS or min(result.shape, default=1) < 0:
        raise ValueError(f"tensor {name} is {dtype} of shape {result.shape}")
    if stored and tensor.sparsity is None and stored != result.bytes:
        raise ValueError(f"tensor {name} has {stored} bytes for {result.bytes}")
    return result


def _quantization_bytes(tensors: Iterable[Any]) -> int:
    """Size of the scales and zero points; equal ones count once, as our own files store them."""
    vectors = {
        np.asarray(vector, dtype).tobytes()
        for tensor in tensors
        if tensor.quantization is not None
        for vector, dtype in (
            (tensor.quantization.scale, np.float32),
            (tensor.quantization.zeroPoint, np.int64),
        )
        if vector is not None
    }
    return sum(map(len, vectors))
