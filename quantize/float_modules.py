"""The modules that stay in float within an int8 network, and how converted graphs name them.

Such a module reads dequantised values and its result is quantised again; see `FLOAT_MODULES`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Any

from torch import nn

from baseline.models import FLOAT_MODULES

ONNX_SCOPES = "pkg.torch.onnx.name_scopes"
"""Metadata in which torch lists the modules around a node, the outermost first."""


def float_modules(network: nn.Module) -> dict[str, nn.Module]:
    """Modules that stay in float by each of their names in the network."""
    modules = network.named_modules(remove_duplicate=False)
    return {name: module for name, module in modules if isinstance(module, FLOAT_MODULES)}


def tflite_scope(network: nn.Module) -> str | None:
    """A pattern for the names that litert-torch gives to what such modules compute.

    A name tells the operation that came last first, then those fused into it; see
    `quantize.tensor_names`. Of a module the first place speaks, or the last one where an activation
    after it was fused. Places between may be elsewhere: equal constants of all modules are one.

    Returns:
        None if the network has no such module.
    """
    places = "|".join(sorted({_place(*item) for item in float_modules(network).items()}))
    inside = rf"/({places})(/[^;]*)?;"
    return rf"^[^;]*{inside}|{inside}\d*;?$" if places else None


def onnx_results(network: nn.Module, nodes: Iterable[Any]) -> set[str]:
    """What such modules compute: results of the nodes of a graph as torch exported it."""
    names = set(float_modules(network))
    return {
        result for node in nodes if not names.isdisjoint(_scopes(node)) for result in node.output
    }


def _place(name: str, module: nn.Module) -> str:
    kind = type(module)
    return re.escape(f"{kind.__module__}.{kind.__qualname__}_{name.rpartition('.')[2]}")


def _scopes(node: Any) -> list[str]:
    """Names of the modules that a node stands in, of which the last is the operation's own."""
    texts = [entry.value for entry in node.metadata_props if entry.key == ONNX_SCOPES]
    return ast.literal_eval(texts[0])[:-1] if texts else []
