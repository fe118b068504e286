"""Rounding weights to int8 so that the layers' outputs, not the weights, change least.

Weights are rounded one input at a time, and what each rounding changes in the output is made up for
by the weights that are still to be rounded (GPTQ: Frantar et al., GPTQ: Accurate Post-Training
Quantization for Generative Pre-trained Transformers, 2022, after Optimal Brain Surgeon).
"""

from __future__ import annotations

import copy

import torch
from torch import nn

LEVELS = 127
"""Of a weight on either side of zero; TFLite's int8 weights have no -128."""

DAMPING = 0.01
"""Added to the Hessian's diagonal, as a share of its mean: inputs may depend on each other."""

MAX_CLIPS, CLIPS_AT_ONCE = 48, 16
"""Clips that the Hessians are measured on; each has thousands of positions."""


@torch.no_grad()
def round_weights(network: nn.Module, log_mels: torch.Tensor) -> nn.Module:
    """A copy of the network whose convolutions' weights lie on their int8 grids.

    The grid of an output channel is -127/127 to 127/127 of its largest absolute weight: what
    converters choose, so that they then round nothing. Folding batch norm into a convolution
    scales whole channels, and their grids with them.

    Args:
        network: in evaluation mode.
        log_mels: calibration clips (clips, 1, mels, frames).
    """
    rounded = copy.deepcopy(network)
    for layer, hessian in _input_hessians(rounded, log_mels).items():
        weights = layer.weight.unflatten(0, (layer.groups, -1)).flatten(2)
        layer.weight.copy_(_round(weights.double(), hessian).reshape(layer.weight.shape))
    return rounded


def _input_hessians(network: nn.Module, log_mels: torch.Tensor) -> dict[nn.Conv2d, torch.Tensor]:
    """For each convolution, the mean of x x^T over its input patches x: (groups, n, n)."""
    hessians: dict[nn.Conv2d, torch.Tensor] = {}

    def add(layer: nn.Conv2d, inputs: tuple[torch.Tensor], _: torch.Tensor) -> None:
        patches = _patches(layer, inputs[0])
        product = (patches.transpose(1, 2) @ patches).double() / patches.shape[1]
        hessians[layer] = hessians[layer] + product if layer in hessians else product

    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    hooks = [layer.register_forward_hook(add) for layer in layers if _pads_with_zeros(layer)]
    for clips in log_mels[:MAX_CLIPS].split(CLIPS_AT_ONCE):
        network(clips)
    for hook in hooks:
        hook.remove()
    return hessians


def _pads_with_zeros(layer: nn.Conv2d) -> bool:
    return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _patches(layer: nn.Conv2d, inputs: torch.Tensor) -> torch.Tensor:
    """What each output position of a convolution sees: (groups, positions, inputs of a group)."""
    assert not isinstance(layer.padding, str)  # see `_pads_with_zeros`
    unfolded = nn.functional.unfold(
        inputs, layer.kernel_size, layer.dilation, layer.padding, layer.stride
    )
    grouped = unfolded.unflatten(1, (layer.groups, -1))  # (batch, groups, n, positions)
    return grouped.permute(1, 0, 3, 2).flatten(1, 2)


def _round(weights: torch.Tensor, hessian: torch.Tensor) -> torch.Tensor:
    """Round weights (groups, outputs, n) on the grids of their outputs.

    The inputs that matter most go first, while there are most left to make up for them. The
    largest weight of an output stays as it is, because a converter takes the grid from it.
    """
    largest = weights.abs().amax(2, keepdim=True)
    step = largest.clamp(min=torch.finfo(torch.float32).tiny) / LEVELS
    order = hessian.diagonal(dim1=1, dim2=2).argsort(1, descending=True)
    ordered = weights.gather(2, order[:, None].expand_as(weights))
    remaining, rounded = ordered.clone(), ordered.clone()
    corrections = _corrections(hessian, order)
    for index in range(ordered.shape[2]):
        here = slice(index, index + 1)
        nearest = (remaining[:, :, here] / step).round().clamp(-LEVELS, LEVELS) * step
        is_largest = ordered[:, :, here].abs() == largest
        rounded[:, :, here] = torch.where(is_largest, ordered[:, :, here], nearest)
        error = remaining[:, :, here] - rounded[:, :, here]
        remaining -= error * corrections[:, here]
    return rounded.gather(2, order.argsort(1)[:, None].expand_as(weights))


def _corrections(hessian: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """How far the error of a weight (row) moves those after it (columns): (groups, n, n).

    The rows of the inverse Hessian's upper Cholesky factor over their diagonal elements.
    """
    groups = torch.arange(len(hessian))[:, None, None]
    ordered = hessian[groups, order[:, :, None], order[:, None]]
    strength = DAMPING * ordered.diagonal(dim1=1, dim2=2).mean(1).clamp(min=1e-12)
    damped = ordered + strength[:, None, None] * torch.eye(ordered.shape[1])
    factor = torch.linalg.cholesky(torch.linalg.inv(damped), upper=True)
    return factor / factor.diagonal(dim1=1, dim2=2)[:, :, None]
