"""CP-Mobile, the family of the CP-JKU networks: a stem, stages of blocks and a head.

Factorised inverted residual blocks: expand (1x1), depthwise (3x3), project (1x1).
Module names follow the original, so that its weights load with a strict key match.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import nn

from baseline.challenge import SCENES

Row = tuple[int, int, int, tuple[int, int]]
"""A block: input channels, expanded, output channels, stride over frequency and time."""

Stages = dict[str, dict[str, Row]]

STEM = ((1, 8), (8, 32))
"""Input and output channels of the two 3x3 convolutions that halve both axes."""


class CPMobile(nn.Module):
    """Log-mel (batch, 1, mels, frames) to logits (batch, 10).

    Args:
        stages: rows of blocks by stage and block name.
        norm: makes the layer between a block's sum and its last ReLU.
    """

    def __init__(self, stages: Stages, norm: Callable[[], nn.Module] = nn.Identity) -> None:
        super().__init__()
        self.in_c = nn.Sequential(
            *(conv_norm(*channels, 3, (2, 2), relu=True) for channels in STEM)
        )
        self.stages = nn.Sequential(
            OrderedDict((stage, _stage(rows, norm)) for stage, rows in stages.items())
        )
        channels = [row for rows in stages.values() for row in rows.values()][-1][2]
        self.feed_forward = nn.Sequential(
            nn.Conv2d(channels, len(SCENES), 1, bias=False),
            nn.BatchNorm2d(len(SCENES)),
            nn.AdaptiveAvgPool2d(1),
        )
        self.apply(initialise)

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.feed_forward(self.stages(self.in_c(log_mel)))
        return logits.flatten(1)


class Block(nn.Module):
    """Inverted residual block; ReLU comes after the sum, and also where there is no shortcut."""

    def __init__(
        self,
        inputs: int,
        expanded: int,
        outputs: int,
        stride: tuple[int, int],
        norm: Callable[[], nn.Module],
    ) -> None:
        super().__init__()
        self.block = nn.Sequential(
            conv_norm(inputs, expanded, 1, (1, 1), relu=True),
            conv_norm(expanded, expanded, 3, stride, groups=expanded, relu=True),
            conv_norm(expanded, outputs, 1, (1, 1), relu=False),
        )
        self.has_shortcut = inputs == outputs
        self.shortcut = nn.Identity() if stride == (1, 1) else nn.AvgPool2d(3, stride, padding=1)
        self.after_block_norm = norm()
        self.after_block_activation = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.block(x)
        if self.has_shortcut:
            y = y + self.shortcut(x)
        activated: torch.Tensor = self.after_block_activation(self.after_block_norm(y))
        return activated


def conv_norm(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: tuple[int, int],
    *,
    groups: int = 1,
    relu: bool,
) -> nn.Sequential:
    """Convolution without bias, batch norm and, if asked, ReLU; padded to keep the size."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


def initialise(module: nn.Module) -> None:
    """Kaiming normal over fan-out for convolutions (batch norm starts at 1 and 0 by itself)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _stage(rows: dict[str, Row], norm: Callable[[], nn.Module]) -> nn.Sequential:
    return nn.Sequential(OrderedDict((name, Block(*row, norm)) for name, row in rows.items()))
