"""The same activations twice: of the float network, and of its int8 TFLite file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from deploy.interpreters import dequantize, quantize
from quantize.agreement.engines import LiteRT
from quantize.agreement.named_layers import Layer, LayerFinder
from quantize.tensor_names import INPUT, OUTPUT


class LayerValues:
    """A network and its TFLite file side by side."""

    def __init__(self, network: nn.Module, path: Path) -> None:
        self._network = network
        # The reference kernels give what a microcontroller computes, and keep each tensor.
        self._file = LiteRT(path.read_bytes(), reference=True, keep_tensors=True)
        modules = {name for name, _ in network.named_modules(remove_duplicate=False) if name}
        finder = LayerFinder(self._file, path, modules)
        self.layers = finder.layers()
        self.float_layers = finder.float_layers()

    def weights(self, layer: Layer) -> np.ndarray | None:
        """Weights of a layer, (output channels, rest), as the file stores them."""
        if layer.weight is None:
            return None
        details = next(t for t in self._file.tensors() if t["index"] == layer.weight)
        values = self._file.tensor(layer.weight)
        axis = details["quantization_parameters"]["quantized_dimension"]
        return np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)

    def of_clip(self, log_mel: np.ndarray) -> Iterator[tuple[Layer, np.ndarray, np.ndarray]]:
        """Each layer with its float values and the file's own, both (places, channels).

        Layers whose shapes do not fit each other are left out.

        Args:
            log_mel: (1, 1, mels, frames), float32.
        """
        exact = self._float_values(log_mel)
        source = self._file.input
        self._file.run(quantize(log_mel.reshape(source["shape"]), source))
        for layer in self.layers:
            stored = self._file.tensor(layer.tensor["index"])
            if (values := _same_layout(exact.get(layer.name), stored, layer)) is not None:
                channels = stored.shape[-1]
                yield layer, values.reshape(-1, channels), stored.reshape(-1, channels)

    def _float_values(self, log_mel: np.ndarray) -> dict[str, np.ndarray]:
        values = {INPUT: log_mel}
        hooks = [
            self._network.get_submodule(layer.name).register_forward_hook(_keep(values, layer.name))
            for layer in self.layers
            if layer.name not in (INPUT, OUTPUT)
        ]
        try:
            with torch.no_grad():
                values[OUTPUT] = self._network(torch.from_numpy(log_mel)).numpy()
        finally:
            for hook in hooks:
                hook.remove()
        return values


def _keep(values: dict[str, np.ndarray], name: str) -> Callable[..., None]:
    def hook(_: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            values[name] = output.numpy().copy()  # for a later module may work in place

    return hook


def _same_layout(exact: np.ndarray | None, stored: np.ndarray, layer: Layer) -> np.ndarray | None:
    """Float values with channels last, as TFLite computes; in networks of one's own not always."""
    if exact is None or exact.ndim < 2:
        return None
    layouts = [x for x in (np.moveaxis(exact, 1, -1), exact) if x.shape == stored.shape]
    values = dequantize(stored, layer.tensor)
    return min(layouts, key=lambda x: float(np.square(x - values).sum()), default=None)
