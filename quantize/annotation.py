"""Where a graph is quantised, for quantisation-aware training: full int8 as TFLite computes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from litert_torch.quantize.pt2e_quantizer import PT2EQuantizer, get_symmetric_quantization_config
from torch import fx
from torchao.quantization.pt2e.fake_quantize import FakeQuantize
from torchao.quantization.pt2e.observer import (
    MinMaxObserver,
    MovingAveragePerChannelMinMaxObserver,
)
from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, SharedQuantizationSpec

from baseline.models import FLOAT_MODULES

MEANS = (torch.ops.aten.adaptive_avg_pool2d.default, torch.ops.aten.mean.dim)
SUMS = (torch.ops.aten.add.Tensor, torch.ops.aten.add_.Tensor)
POOLS = (torch.ops.aten.avg_pool2d.default, torch.ops.aten.max_pool2d.default)


class Int8Quantizer(PT2EQuantizer):  # type: ignore[misc]  # litert-torch has no types
    """litert-torch's quantiser, with four things it leaves out.

    A mean over time and frequency gets a scale of its own: its range, that of the logits, is
    smaller than its input's. A pool shares its input's scale instead of quantising it once more.
    Sums that no ReLU follows are quantised too.
    Modules of `baseline.models.FLOAT_MODULES` stay in float.
    """

    # Batch norm is folded before, so nothing is searched for patterns with it.
    STATIC_QAT_ONLY_OPS: tuple[str, ...] = ()

    def annotate(self, model: fx.GraphModule) -> fx.GraphModule:
        """Mark what is quantised and how."""
        activation = self.global_config.input_activation
        for node in model.graph.nodes:
            if _in_float_module(node):
                _mark(node, {}, None)
            elif node.target in MEANS:
                _mark(node, {node.args[0]: activation}, activation)
        model = super().annotate(model)
        for node in model.graph.nodes:
            if node.target in SUMS and "quantization_annotation" not in node.meta:
                terms = [term for term in node.args if isinstance(term, fx.Node)]
                _mark(node, dict.fromkeys(terms, activation), activation)
            if node.target in POOLS and not _in_float_module(node):
                source = node.args[0]
                known = source.meta.get("quantization_annotation")
                quantized = known is not None and known.output_qspec is not None
                spec = SharedQuantizationSpec(source) if quantized else activation
                _mark(node, {source: spec}, SharedQuantizationSpec((source, node)))
        return model


def make_quantizer() -> Int8Quantizer:
    """Activations per tensor, weights per channel and symmetric.

    torchao's fused fake quantiser, litert-torch's choice, rounds weights on another grid than the
    converted graph has (its scale is the largest weight over 128, not 127): what is trained would
    not be what runs. Its smallest scale of 2**-12 is more than weights folded with batch norm need.
    """
    config = get_symmetric_quantization_config(is_per_channel=True, is_qat=True)
    activation = replace(
        config.input_activation,
        observer_or_fake_quant_ctr=FakeQuantize.with_args(observer=MinMaxObserver),
    )
    weight = replace(
        config.weight,
        observer_or_fake_quant_ctr=FakeQuantize.with_args(
            observer=MovingAveragePerChannelMinMaxObserver,
            averaging_constant=1.0,  # the weights as they are now
        ),
    )
    return Int8Quantizer().set_global(
        replace(config, input_activation=activation, output_activation=activation, weight=weight)
    )


def _in_float_module(node: fx.Node) -> bool:
    """Whether a node came from such a module; torch.export keeps the classes as text."""
    names = {kind.__name__ for kind in FLOAT_MODULES}
    stack = node.meta.get("nn_module_stack", {}).values()
    return any(str(kind).rpartition(".")[2].rstrip("'>") in names for _, kind in stack)


def _mark(node: fx.Node, inputs: dict[Any, Any], output: Any) -> None:
    node.meta["quantization_annotation"] = QuantizationAnnotation(inputs, output, _annotated=True)
