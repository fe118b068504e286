"""Parameters, MACs, bytes and activation memory of an ONNX or TFLite file, read without running it.

MACs are given by two counts: the organisers' rule (torchinfo's) applied to the file's own graph,
and weights only, the usual count on embedded devices. They differ by the biases, which torchinfo
multiplies with the output positions: folding batch norm into the convolutions therefore raises the
organisers' count although the computation is the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from baseline.complexity import Layer
from deploy.errors import InputError
from quantize.graphs.activations import not_int8, peak_activation_bytes
from quantize.graphs.graph import BITS, Graph, Operator, Tensor
from quantize.graphs.operators import constant_sources, parameters, rule_positions, weight_macs
from quantize.graphs.tflite_graph import read_tflite

PRECISIONS = {"float32": "fp32", "float16": "fp16", "uint8": "int8"}
"""What the challenge calls a number format, where it is not the format's own name."""


@dataclass(frozen=True)
class TensorFormat:
    """What an input or output of the graph looks like."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {'x'.join(map(str, self.shape)) or 'scalar'}"


@dataclass(frozen=True)
class FileComplexity:
    """What the graph in a model file costs for one second of audio."""

    file: str
    inputs: tuple[TensorFormat, ...]
    outputs: tuple[TensorFormat, ...]
    parameters: int
    """Weights and biases; no scales, zero points and running statistics."""
    macs: int
    """torchinfo's rule: a convolution's weights and biases times its output positions, a recurrent
    layer's times its time steps, any other layer's once."""
    weight_macs: int
    """Multiply-accumulates of convolutions and matrix products, without biases."""
    precision: str
    """Formats of the weights, such as `int8`, or `int8 and fp32` where they differ."""
    widest_bits: int
    """Bits of a weight, of the widest where they differ."""
    parameter_bytes: int
    """Parameters x bits / 8 by the challenge's rule: a bias counts as wide as its weights."""
    file_bytes: int
    weight_bytes: int
    """Stored size of the weights."""
    bias_bytes: int
    """Stored size of the biases, which an int8 network keeps as int32."""
    quantization_bytes: int
    """Stored size of scales and zero points, of weights and activations."""
    peak_activation_bytes: int
    """Most activation memory alive at once, each tensor in its own number format."""
    not_int8: tuple[str, ...]
    """Operators on other than integers, in a file with int8 weights; empty in a float file."""
    layers: tuple[Layer, ...] = field(repr=False)

    @property
    def other_bytes(self) -> int:
        """The rest of the file: names, metadata, settings and padding."""
        return self.file_bytes - self.weight_bytes - self.bias_bytes - self.quantization_bytes


def measure_file(path: Path, input_shape: tuple[int, ...] | None = None) -> FileComplexity:
    """Count the graph in an ONNX or TFLite file, for a batch of one.

    Args:
        input_shape: for an ONNX file that leaves more sizes free than the batch.

    Raises:
        InputError: missing, damaged or of another kind, or with operators that cannot be counted.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such model file; check the path.")
    if path.suffix not in (".onnx", ".tflite"):
        raise InputError(f"{path}: found a '{path.suffix}' file, expected .onnx or .tflite.")
    try:
        return _count(path, _read(path, input_shape))
    except (InputError, OSError, ImportError):
        raise
    except Exception as error:  # parsers raise nearly every class on a damaged file
        reason = " ".join(str(error).split())[:120] or "it ends too early"
        raise InputError(
            f"{path}: is not a complete {path.suffix[1:]} model ({type(error).__name__}: {reason})"
            "; export it again."
        ) from error


@dataclass(frozen=True)
class _Counted:
    """An operator with those of its parameters that no operator before it has."""

    layer: Layer
    weight_macs: int
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]


def _read(path: Path, input_shape: tuple[int, ...] | None) -> Graph:
    if path.suffix == ".onnx":
        # onnx need not be there to count a TFLite file.
        from quantize.graphs.onnx_graph import read_onnx

        return read_onnx(path, input_shape)
    return read_tflite(path)


def _count(path: Path, graph: Graph) -> FileComplexity:
    if not graph.inputs or not graph.outputs:
        raise ValueError("the graph has no input or no output")
    counted = _count_operators(graph)
    formats = _parameters_by_format(counted)
    precision = " and ".join(dict.fromkeys(PRECISIONS.get(name, name) for name in formats))
    layers = tuple(operator.layer for operator in counted)
    return FileComplexity(
        file=str(path),
        inputs=_formats(graph, graph.inputs),
        outputs=_formats(graph, graph.outputs),
        parameters=sum(layer.parameters for layer in layers),
        macs=sum(layer.macs for layer in layers),
        weight_macs=sum(operator.weight_macs for operator in counted),
        precision=precision or "no weights",
        widest_bits=max((BITS[name] for name in formats), default=0),
        parameter_bytes=-(-sum(count * BITS[name] for name, count in formats.items()) // 8),
        file_bytes=graph.file_bytes,
        weight_bytes=_stored_bytes(tensor for operator in counted for tensor in operator.weights),
        bias_bytes=_stored_bytes(tensor for operator in counted for tensor in operator.biases),
        quantization_bytes=graph.quantization_bytes,
        peak_activation_bytes=peak_activation_bytes(graph),
        not_int8=tuple(not_int8(graph)) if {"int8", "uint8"} & set(formats) else (),
        layers=layers,
    )


def _count_operators(graph: Graph) -> list[_Counted]:
    sources = constant_sources(graph)
    seen: set[str] = set()
    return [
        _count_operator(operator, graph, sources, seen)
        for operator in graph.operators
        if not all(name in sources for name in operator.outputs)
    ]


def _count_operator(
    operator: Operator, graph: Graph, sources: dict[str, Tensor], seen: set[str]
) -> _Counted:
    weights, biases = parameters(operator, sources)
    values = sum(tensor.values for tensor in (*weights, *biases))
    new_weights, new_biases = (
        tuple(tensor for tensor in tensors if tensor.name not in seen)
        for tensors in (weights, biases)
    )
    seen.update(tensor.name for tensor in (*weights, *biases))
    layer = Layer(
        name=operator.name,
        kind=operator.kind,
        output_shape=graph.tensors[operator.outputs[0]].shape,
        parameters=sum(tensor.values for tensor in (*new_weights, *new_biases)),
        macs=values * rule_positions(operator, graph),
    )
    return _Counted(layer, weight_macs(operator, graph), new_weights, new_biases)


def _parameters_by_format(counted: list[_Counted]) -> Counter[str]:
    """Parameters by number format; a bias has the format of its operator's weights."""
    formats: Counter[str] = Counter()
    for operator in counted:
        for tensor in (*operator.weights, *operator.biases):
            owner = operator.weights[0] if operator.weights else tensor
            formats[owner.dtype] += tensor.values
    return formats


def _stored_bytes(tensors: Iterable[Tensor]) -> int:
    """Size of distinct stored constants; equal ones may be stored once."""
    stored = {tensor.storage: tensor.bytes for tensor in tensors if tensor.storage}
    return sum(stored.values())


def _formats(graph: Graph, names: Iterable[str]) -> tuple[TensorFormat, ...]:
    return tuple(
        TensorFormat(graph.tensors[name].dtype, graph.tensors[name].shape) for name in names
    )
