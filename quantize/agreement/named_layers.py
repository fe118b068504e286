"""Which tensors of an int8 TFLite file are the activations of a network's modules."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quantize.agreement.engines import LiteRT
from quantize.graphs.graph import Operator
from quantize.graphs.tflite_graph import read_tflite
from quantize.tensor_names import INPUT, OUTPUT, WEIGHTED


@dataclass(frozen=True)
class Layer:
    """An int8 activation of the file that a module of the network computes."""

    name: str
    """Of the module, or `log_mel` or `logits`."""
    tensor: dict[str, Any]
    """As LiteRT describes it."""
    sources: tuple[str, ...]
    """Layers that it is computed from, through tensors that are no layers."""
    weight: int | None
    """Index of the tensor of its weights."""


class LayerFinder:
    """The graph of a TFLite file, whose tensors have the short names of `quantize.tensor_names`."""

    def __init__(self, file: LiteRT, path: Path, modules: Collection[str]) -> None:
        """Look for the modules of these names, as `nn.Module.get_submodule` takes them."""
        self._tensors = {str(tensor["index"]): tensor for tensor in file.tensors()}
        self._makers: dict[str, Operator] = {
            result: operator
            for operator in read_tflite(path).operators
            for result in operator.outputs
        }
        # In the order of computing, which starts with the input, that no operator makes.
        self._names = {INPUT: str(file.input["index"])}
        for index in self._makers:
            name = self._tensors[index]["name"]
            if name in modules or name == OUTPUT:
                self._names[name] = self._as_int8(index)
        self._layers = {index: name for name, index in self._names.items() if self._is_int8(index)}

    def layers(self) -> list[Layer]:
        """The int8 layers in the order of computing."""
        return [
            Layer(
                name,
                self._tensors[index],
                tuple(dict.fromkeys(self._sources(index))),
                self._weight(index),
            )
            for index, name in self._layers.items()
        ]

    def float_layers(self) -> list[str]:
        """Modules whose result stays in float, such as those between dequantise and quantise."""
        return [name for name, index in self._names.items() if not self._is_int8(index)]

    def _is_int8(self, index: str) -> bool:
        return bool(self._tensors[index]["dtype"] == np.int8)

    def _as_int8(self, index: str) -> str:
        """What a tensor was dequantised from, otherwise the tensor itself."""
        maker = self._makers[index]
        return maker.inputs[0] if maker.kind == "DEQUANTIZE" else index

    def _sources(self, index: str) -> Iterator[str]:
        maker = self._makers.get(index)
        for source in maker.inputs if maker else ():
            if source in self._layers:
                yield self._layers[source]
            elif source:
                yield from self._sources(source)

    def _weight(self, index: str) -> int | None:
        maker = self._makers.get(index)
        return int(maker.inputs[1]) if maker and maker.kind.lower() in WEIGHTED else None
