"""Activation memory and number formats of a graph."""

from __future__ import annotations

from collections import Counter

from baseline.liveness import Step, peak
from quantize.graphs.graph import Graph, Tensor
from quantize.graphs.operators import constant_sources

CONVERSIONS = {"QuantizeLinear", "DequantizeLinear", "QUANTIZE", "DEQUANTIZE"}

VIEWS = {
    "Dropout",
    "Flatten",
    "Identity",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "EXPAND_DIMS",
    "RESHAPE",
    "SQUEEZE",
}
"""Operators whose result is the same memory as their input."""

FUSED = {"BatchNormalization", "Clip", "Relu", "RELU", "RELU6", "RELU_N1_TO_1"}
"""Operators that runtimes compute inside the operator before them."""

INTEGER_FORMATS = {"int8", "uint8", "int32", "int64", "bool"}
"""Formats in an int8 network: those of values, of sums and of indices."""


def peak_activation_bytes(graph: Graph) -> int:
    """Most activation memory alive at once, each tensor in its own number format.

    A tensor lives from its making to its last use. ReLU and batch norm are fused into the operator
    before them; an ONNX operator between `DequantizeLinear` and `QuantizeLinear` reads and writes
    integers; reshaping takes no memory.
    """
    buffers = assign_buffers(graph)
    constants = constant_sources(graph)
    steps = [_step(graph.inputs, (), buffers)]
    for operator in graph.operators:
        if not all(name in constants for name in operator.outputs):
            reads = tuple(name for name in operator.inputs if name and name not in constants)
            steps.append(_step(operator.outputs, reads, buffers))
    outputs = tuple(name for name in graph.outputs if name not in constants)
    steps.append(_step((), outputs, buffers))
    return peak(steps)


def not_int8(graph: Graph) -> list[str]:
    """Operators that read or write other than integers, such as `ReduceMean (float32)`.

    Conversions between formats are left out: a float input or output shows in the graph's own.
    """
    buffers = assign_buffers(graph)
    constants = constant_sources(graph)
    found = []
    for operator in graph.operators:
        if operator.kind in CONVERSIONS or all(name in constants for name in operator.outputs):
            continue
        names = [name for name in (*operator.inputs, *operator.outputs) if name]
        dtypes = {
            constants[name].dtype if name in constants else buffers[name].dtype for name in names
        }
        if others := sorted(dtypes - INTEGER_FORMATS):
            found.append(f"{operator.kind} ({', '.join(others)})")
    return found


def assign_buffers(graph: Graph) -> dict[str, Tensor]:
    """For each tensor, the tensor whose memory and number format stand for it when run."""
    groups = {name: {name} for name in graph.tensors}
    for first, second in _sharing(graph):
        together = groups[first] | groups[second]
        groups |= dict.fromkeys(together, together)
    # A float tensor that a QuantizeLinear was fused with is never there: the smallest one is.
    return {
        name: min((graph.tensors[member] for member in group), key=lambda tensor: tensor.bytes)
        for name, group in groups.items()
    }


def _sharing(graph: Graph) -> list[tuple[str, str]]:
    """Pairs of a source and a result that are the same memory."""
    uses = Counter(name for operator in graph.operators for name in operator.inputs)
    uses.update(graph.outputs)
    makers = {name: operator.kind for operator in graph.operators for name in operator.outputs}
    without_copy = _without_float_copy(graph, uses)
    pairs = []
    for operator in graph.operators:
        if not operator.inputs:
            continue
        source, result = operator.inputs[0], operator.outputs[0]
        fusable = operator.kind in FUSED or operator.kind == "QuantizeLinear"
        computed = source in makers and makers[source] not in VIEWS | CONVERSIONS
        fused = fusable and computed and uses[source] == 1
        if fused or operator.kind in VIEWS or result in without_copy:
            pairs.append((source, result))
    return pairs


def _without_float_copy(graph: Graph, uses: Counter[str]) -> set[str]:
    """Results of `DequantizeLinear` that only operators on integers read."""
    quantized: set[str] = set()  # results that go nowhere but into a QuantizeLinear
    float_readers: set[str] = set()
    for operator in reversed(graph.operators):
        passes_on = operator.kind in FUSED | VIEWS and quantized.issuperset(operator.outputs)
        if operator.kind == "QuantizeLinear" or passes_on:
            quantized.update(name for name in operator.inputs if uses[name] == 1)
        elif not quantized.issuperset(operator.outputs):
            float_readers.update(operator.inputs)
    results = {
        operator.outputs[0] for operator in graph.operators if operator.kind == "DequantizeLinear"
    }
    return results - float_readers - set(graph.outputs)


def _step(makes: tuple[str, ...], reads: tuple[str, ...], buffers: dict[str, Tensor]) -> Step:
    made = [buffers[name] for name in makes]
    return Step(
        [buffers[name].name for name in reads], {tensor.name: tensor.bytes for tensor in made}
    )
