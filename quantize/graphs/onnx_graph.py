"""Reading an ONNX file as a graph, without running it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import onnx
import onnx.inliner
from onnx import shape_inference

from deploy.errors import InputError
from quantize.graphs.graph import BITS, Graph, Operator, Tensor

QUANTIZATION_INPUTS = {
    "QuantizeLinear": (1, 2),
    "DequantizeLinear": (1, 2),
    "ConvInteger": (2, 3),
    "MatMulInteger": (2, 3),
    "QLinearConv": (1, 2, 4, 5, 6, 7),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "QLinearAdd": (1, 2, 4, 5, 6, 7),
    "QGemm": (1, 2, 4, 5, 7, 8),
}
"""Inputs of an operator that are scales and zero points."""

DTYPES = {"float": "float32", "double": "float64"}
"""Number formats that ONNX calls by another name than numpy."""


def read_onnx(path: Path, input_shape: tuple[int, ...] | None = None) -> Graph:
    """Read an ONNX file and infer the shapes of its tensors.

    Args:
        input_shape: for a file that leaves more sizes free than the batch, which is taken as 1.

    Raises:
        InputError: sizes left free, control flow, or external weights that are missing.
        Exception: of any class, where the file is damaged.
    """
    model = onnx.load_model_from_string(path.read_bytes())
    external_bytes = _external_bytes(path, model)
    onnx.checker.check_model(str(path) if external_bytes else model)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    _fix_input_shapes(path, model, input_shape)
    model = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    _refuse_control_flow(path, model)
    tensors = _tensors(model)
    _require_known(path, model, tensors)
    return Graph(
        tensors=tensors,
        inputs=tuple(value.name for value in _inputs(model)),
        outputs=tuple(value.name for value in model.graph.output),
        operators=tuple(
            Operator(node.op_type, node.name or node.output[0], tuple(node.input), _outputs(node))
            for node in model.graph.node
            if node.op_type != "Constant"
        ),
        quantization_bytes=_quantization_bytes(model, tensors),
        file_bytes=path.stat().st_size + external_bytes,
    )


def _inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    stored = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in stored]


def _outputs(node: onnx.NodeProto) -> tuple[str, ...]:
    return tuple(name for name in node.output if name)


def _fix_input_shapes(
    path: Path, model: onnx.ModelProto, input_shape: tuple[int, ...] | None
) -> None:
    for value in _inputs(model):
        sizes = value.type.tensor_type.shape.dim
        found = [size.dim_param or size.dim_value or "?" for size in sizes]
        wanted = input_shape or tuple(
            1 if place == 0 and not size.HasField("dim_value") else size.dim_value
            for place, size in enumerate(sizes)
        )
        if len(wanted) != len(sizes) or any(
            size.HasField("dim_value") and size.dim_value != new
            for size, new in zip(sizes, wanted, strict=True)
        ):
            raise InputError(
                f"{path}: input {value.name} is of shape {found}, not {list(wanted)}; "
                "leave --input-shape out or give the file's own."
            )
        if min(wanted, default=1) < 1:
            raise InputError(
                f"{path}: input {value.name} leaves sizes free ({found}); "
                "give them, for example --input-shape 1,1,256,65."
            )
        for size, new in zip(sizes, wanted, strict=True):
            size.dim_value = new


def _refuse_control_flow(path: Path, model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise InputError(
                f"{path}: holds the operator {node.op_type}, whose work depends on the data and "
                "cannot be counted; export the network without control flow."
            )


def _tensors(model: onnx.ModelProto) -> dict[str, Tensor]:
    graph = model.graph
    tensors = {}
    for value in [*graph.value_info, *graph.input, *graph.output]:
        kind = value.type.tensor_type
        known = all(size.HasField("dim_value") for size in kind.shape.dim)
        if kind.HasField("shape") and known:
            shape = tuple(size.dim_value for size in kind.shape.dim)
            tensors[value.name] = _tensor(value.name, shape, kind.elem_type)
    for stored in graph.initializer:
        tensors[stored.name] = _stored(stored.name, stored)
    for node in graph.node:
        if node.op_type == "Constant":
            tensors[node.output[0]] = _constant(node, tensors)
    return tensors


def _tensor(name: str, shape: tuple[int, ...], data_type: int, *, stored: bool = False) -> Tensor:
    dtype = onnx.TensorProto.DataType.Name(data_type).lower()
    dtype = DTYPES.get(dtype, dtype)
    if dtype not in BITS or min(shape, default=1) < 0:
        raise ValueError(f"tensor {name} is {dtype} of shape {shape}")
    return Tensor(name, shape, dtype, constant=stored, storage=name if stored else "")


def _stored(name: str, proto: onnx.TensorProto) -> Tensor:
    tensor = _tensor(name, tuple(proto.dims), proto.data_type, stored=True)
    if proto.HasField("raw_data") and len(proto.raw_data) != tensor.bytes:
        raise ValueError(f"tensor {name} has {len(proto.raw_data)} bytes for {tensor.bytes}")
    return tensor


def _constant(node: onnx.NodeProto, tensors: dict[str, Tensor]) -> Tensor:
    name = node.output[0]
    for attribute in node.attribute:
        if attribute.name == "value":
            return _stored(name, attribute.t)
    inferred = tensors[name]  # value_float, value_ints and the like
    return Tensor(name, inferred.shape, inferred.dtype, constant=True, storage=name)


def _require_known(path: Path, model: onnx.ModelProto, tensors: dict[str, Tensor]) -> None:
    for node in model.graph.node:
        for name in _outputs(node):
            if name not in tensors:
                raise InputError(
                    f"{path}: the shape of tensor {name} that {node.op_type} makes is unknown; "
                    "export it with fixed shapes and standard operators."
                )


def _quantization_bytes(model: onnx.ModelProto, tensors: dict[str, Tensor]) -> int:
    names = {
        node.input[place]
        for node in model.graph.node
        for place in QUANTIZATION_INPUTS.get(node.op_type, ())
        if place < len(node.input) and node.input[place]
    }
    return sum(tensors[name].bytes for name in names if tensors[name].constant)


def _external_files(model: onnx.ModelProto) -> set[str]:
    return {
        entry.value
        for tensor in model.graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }


def _external_bytes(path: Path, model: onnx.ModelProto) -> int:
    total = 0
    for location in _external_files(model):
        place = PurePosixPath(location)
        weights = path.parent / place
        if place.is_absolute() or ".." in place.parts or not weights.is_file():
            raise InputError(
                f"{path}: its weights file {location} is missing; keep it beside the model."
            )
        total += weights.stat().st_size
    return total
