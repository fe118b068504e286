"""Rewriting a TFLite file without what running it does not need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deploy.errors import InputError
from deploy.files import write_bytes
from quantize.graphs.tflite_graph import IDENTIFIER
from quantize.tensor_names import short_names

PLANS = (b"OfflineMemoryAllocation", b"COMPRESSION_METADATA")
"""Metadata that a microcontroller obeys: where tensors lie, and how weights are packed."""


def write_lean(source: Path, target: Path) -> None:
    """Rewrite a TFLite file: the same network and quantisation in fewer bytes.

    Tensors get the short names of `quantize.tensor_names`. Left out are metadata, signatures,
    descriptions, calibrated ranges and unused tensors, operator codes and buffers; equal parts are
    stored once. A buffer's data begin at a multiple of 16 bytes, so that a microcontroller can
    read int32 in place. A lean file comes out as it was.

    Args:
        source: of one subgraph.
        target: may be the source.

    Raises:
        InputError: missing, damaged, of another kind, or with several subgraphs or other contents
            that cannot be rewritten.
    """
    model = _read(source)
    _require_rewritable(source, model)
    _drop_remarks(model)
    _drop_unused_tensors(model.subgraphs[0])
    _drop_unused_codes(model)
    _share_buffers(model)
    names = short_names(model)
    for tensor, name in zip(model.subgraphs[0].tensors, names, strict=True):
        tensor.name = name
    write_bytes(target, _packed(model))


def _read(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_litert.schema_py_generated import ModelT

    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path.") from error
    if content[4:8] != IDENTIFIER:
        raise InputError(f"{path}: is not a TFLite model; export it again.")
    try:
        Interpreter(model_content=content)  # verifies all offsets, which the schema's classes trust
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be opened ({reason}); export it again.") from error
    return ModelT.InitFromPackedBuf(content, 0)


def _require_rewritable(path: Path, model: Any) -> None:
    if len(model.subgraphs) != 1:
        raise InputError(
            f"{path}: found {len(model.subgraphs)} subgraphs, expected 1; control flow and several "
            "signatures cannot be rewritten, so export the network alone."
        )
    subgraph = model.subgraphs[0]
    indices = np.concatenate([getattr(part, field) for part, field in _index_vectors(subgraph)])
    if indices.min() < -1 or indices.max() >= len(subgraph.tensors):
        raise InputError(f"{path}: refers to a tensor that it does not have; export it again.")
    for obstacle in _obstacles(model):
        raise InputError(f"{path}: has {obstacle}, which cannot be rewritten; use it as it is.")


def _obstacles(model: Any) -> Iterator[str]:
    """What refers to tensors or to bytes of the file in ways that are not followed here."""
    subgraph = model.subgraphs[0]
    yield from (entry.name.decode() for entry in model.metadata or [] if entry.name in PLANS)
    if model.externalBuffers or any(buffer.offset or buffer.size for buffer in model.buffers):
        yield "data outside its tables"
    if any(operator.largeCustomOptionsSize for operator in subgraph.operators):
        yield "options outside its tables"
    quantizations = (tensor.quantization for tensor in subgraph.tensors)
    if any(quantization and quantization.details for quantization in quantizations):
        yield "a quantisation that is not by scale and zero point"


def _drop_remarks(model: Any) -> None:
    subgraph = model.subgraphs[0]
    model.description = model.metadata = model.metadataBuffer = model.signatureDefs = None
    subgraph.name = None
    for part in (subgraph, *subgraph.operators):
        part.debugMetadataIndex = -1
    for tensor in subgraph.tensors:
        if tensor.quantization is not None:  # the calibrated range; scale and zero point stay
            tensor.quantization.min = tensor.quantization.max = None


def _drop_unused_tensors(subgraph: Any) -> None:
    vectors = list(_index_vectors(subgraph))
    used = sorted({int(i) for part, field in vectors for i in getattr(part, field)} - {-1})
    # One place more than there are tensors: -1, a missing input, finds -1 at the end.
    places = np.full(len(subgraph.tensors) + 1, -1, np.int32)
    places[used] = np.arange(len(used))
    for part, field in vectors:
        setattr(part, field, places[getattr(part, field)])
    subgraph.tensors = [subgraph.tensors[index] for index in used]


def _index_vectors(subgraph: Any) -> Iterator[tuple[Any, str]]:
    """Each object and field with indices of tensors."""
    for part in (subgraph, *subgraph.operators):
        for field in ("inputs", "outputs", "intermediates"):
            if getattr(part, field, None) is not None:
                yield part, field


def _drop_unused_codes(model: Any) -> None:
    operators = model.subgraphs[0].operators
    used = sorted({operator.opcodeIndex for operator in operators})
    for operator in operators:
        operator.opcodeIndex = used.index(operator.opcodeIndex)
    model.operatorCodes = [model.operatorCodes[index] for index in used]


def _share_buffers(model: Any) -> None:
    """Keep one buffer for each content; the first is empty, as the schema demands."""
    from ai_edge_litert.schema_py_generated import BufferT

    buffers = {b"": BufferT()}
    places = {b"": 0}
    for tensor in model.subgraphs[0].tensors:
        buffer = model.buffers[tensor.buffer]
        content = b"" if buffer.data is None else buffer.data.tobytes()
        buffers.setdefault(content, buffer)
        tensor.buffer = places.setdefault(content, len(places))
    model.buffers = list(buffers.values())


def _packed(model: Any) -> bytes:
    from quantize.compact_builder import CompactBuilder

    builder = CompactBuilder()
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())
