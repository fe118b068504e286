"""Short names for the tensors of a TFLite file, which tell the module that they belong to.

litert-torch names a tensor by its operations, the last one first and then those fused into it. Each
is the modules that it stood in, with their classes, and a ';'. A number keeps names unique.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate, chain, count
from typing import Any

INPUT, OUTPUT = "log_mel", "logits"

PLAIN = re.compile(r"(?!arith\.)[\w.]+")
"""A name that is short already; 'arith.constant' is what MLIR calls a constant without a module."""

STEP = re.compile(r".*\._*[^_.]+_(\w+)")
"""One module within the one before: a class with its Python module, then the attribute."""

WEIGHTED = ("conv_2d", "depthwise_conv_2d", "fully_connected")
"""Operators whose second input is the weight and whose third is the bias."""


def module_of(name: str) -> str | None:
    """The module whose output an activation is, as `network.get_submodule` takes it.

    Args:
        name: as litert-torch wrote it, or a plain name, which stays as it is.

    Returns:
        None if the name tells no module within the network. Children of a ModuleList or ModuleDict
        come without its name: litert-torch does not record it.
    """
    return name if PLAIN.fullmatch(name) else _path(name.split(";")[0])


def layer_of(name: str) -> str | None:
    """The convolution or linear layer that a constant belongs to, or else as `module_of`."""
    places = name.split(";")
    classes = (place.rpartition("/")[2].rpartition(".")[2] for place in places)
    layers = (
        place
        for place, kind in zip(places, classes, strict=True)
        if "Conv" in kind or "Linear" in kind
    )
    return module_of(next(layers, name))


def short_names(model: Any) -> list[str]:
    """Unique names of all tensors, by index, of a model with one subgraph.

    The activation `a.b` is what the module `a.b` returned when it was last called; what PAD
    computed on the way there is `a.b.pad`. Constants are `a.b.weight` and `a.b.bias`. A tensor that
    tells no module is `t` and its index.
    """
    names: dict[int, str] = {}
    for tensor, name in _proposals(model):
        if tensor not in names:
            names[tensor] = _free(name, set(names.values()))
    return [names[index] for index in range(len(names))]


def _path(place: str) -> str | None:
    root, *modules = place.split("/")
    if root.endswith(".ChannelLastIOWrapper"):
        modules = modules[1:]  # the network itself stands within litert-torch's wrapper
    steps = [STEP.fullmatch(module) for module in modules]
    return ".".join(step[1] for step in steps if step) or None if all(steps) else None


def _proposals(model: Any) -> Iterator[tuple[int, str]]:
    """Tensor and name; the first name that a tensor gets counts."""
    subgraph = model.subgraphs[0]
    yield from ((tensor, INPUT) for tensor in _indices(subgraph.inputs))
    yield from ((tensor, OUTPUT) for tensor in _indices(subgraph.outputs))
    kinds = _kinds(model)
    finished: set[str] = set()
    for operator in reversed(subgraph.operators):
        kind = kinds[operator.opcodeIndex]
        yield from _activations(subgraph, operator, kind, finished)
        yield from _constants(subgraph, operator, kind, finished)
    yield from ((tensor, f"t{tensor}") for tensor in range(len(subgraph.tensors)))


def _activations(
    subgraph: Any, operator: Any, kind: str, finished: set[str]
) -> Iterator[tuple[int, str]]:
    """Names of an operator's outputs, where `finished` are the modules that compute later ones."""
    for tensor in _indices(operator.outputs):
        module = module_of(_text(subgraph, tensor))
        if module:
            yield tensor, f"{module}.{kind}" if module in finished else module
            finished.update(_containers(module))


def _constants(
    subgraph: Any, operator: Any, kind: str, finished: set[str]
) -> Iterator[tuple[int, str]]:
    inputs = _indices(operator.inputs)[1:] if kind in WEIGHTED else []
    for tensor, role in zip(inputs, ("weight", "bias"), strict=False):
        name = _text(subgraph, tensor)
        layer = layer_of(name)
        if layer and tensor >= 0 and subgraph.tensors[tensor].buffer:
            yield tensor, name if PLAIN.fullmatch(name) else f"{layer}.{role}"
            finished.update(_containers(layer))


def _containers(module: str) -> Iterator[str]:
    """For 'a.b.c': 'a', 'a.b' and 'a.b.c'."""
    return accumulate(module.split("."), "{}.{}".format)


def _indices(vector: Any) -> list[int]:
    return [] if vector is None else [int(index) for index in vector]


def _text(subgraph: Any, tensor: int) -> str:
    return (subgraph.tensors[tensor].name or b"").decode(errors="replace")


def _free(name: str, taken: set[str]) -> str:
    candidates = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(candidate for candidate in candidates if candidate not in taken)


def _kinds(model: Any) -> list[str]:
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    names = {number: name.lower() for name, number in vars(BuiltinOperator).items()}
    # Old files have only the deprecated field, which ends at 127.
    numbers = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    return [names[number] for number in numbers]
