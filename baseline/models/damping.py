"""Frequency damping: kernels whose outer rows are held small (Koutini et al. 2020).

A unit then hears mostly its own frequencies, as with a smaller receptive field, though no parameter
is taken away.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

SETTINGS = (
    "in_channels",
    "out_channels",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "groups",
    "padding_mode",
)
"""What a convolution is made of, besides its weights and whether it has biases."""


class DampedConv2d(nn.Conv2d):
    """A convolution with weights times a fixed factor for each row of the kernel.

    The weights are kept without it, as in the original, and learn through it.
    """

    damper: torch.Tensor

    def __init__(self, *args: Any, damping: float, **kwargs: Any) -> None:
        """Make the layer.

        Args:
            damping: factor of the outermost rows, from 0 to 1.
            args, kwargs: as for `torch.nn.Conv2d`.
        """
        super().__init__(*args, **kwargs)
        rows = damper(self.kernel_size[0], damping).reshape(1, 1, -1, 1)
        self.register_buffer("damper", rows, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(x, self.weight * self.damper, self.bias)


def damper(rows: int, damping: float) -> torch.Tensor:
    """Factors (rows,) of a kernel's rows: 1 in the middle, falling evenly to `damping` outside.

    1 - (1 - damping) |i - c| / c for row i, with c = (rows - 1) / 2; a single row is left alone.
    """
    centre = (rows - 1) / 2
    if centre < 1:
        return torch.ones(rows)
    return 1 - (1 - damping) * (torch.arange(rows) - centre).abs() / centre


def fold_damping(network: nn.Module) -> None:
    """Multiply the damping into a network's weights, so that plain convolutions remain; in place.

    Converters and their rounding take a convolution's weights for what it computes with.
    """
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, DampedConv2d):
                setattr(parent, name, _plain(child))


def _plain(layer: DampedConv2d) -> nn.Conv2d:
    settings: dict[str, Any] = {name: getattr(layer, name) for name in SETTINGS}
    plain = nn.Conv2d(**settings, bias=layer.bias is not None).to(layer.weight)
    plain.load_state_dict(layer.state_dict())
    with torch.no_grad():
        plain.weight.mul_(layer.damper)
    return plain.train(layer.training)
