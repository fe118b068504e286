"""CP-Mobile in full: the network of the DCASE 2023 Task 1 winners (Schmid et al. 2023).

It is as wide as int8 allows and normalises each block's sum by the energies of the channels.
The original's stubs for quantisation hold no parameters and are left out.
"""

from __future__ import annotations

import torch
from torch import nn

from baseline.models.cp_mobile import CPMobile, Stages

STAGES: Stages = {
    # block: (input channels, expanded, output channels, stride over frequency and time)
    "s1": {
        "b1": (32, 96, 32, (1, 1)),
        "b2": (32, 96, 32, (2, 2)),
        "b3": (32, 96, 32, (1, 1)),
    },
    "s2": {
        "b4": (32, 96, 72, (2, 1)),
        "b5": (72, 216, 72, (1, 1)),
    },
    "s3": {
        "b6": (72, 216, 168, (1, 1)),
    },
}

GRN_EPSILON = 1e-6

SILENT_ENERGY = 1e-12
"""Added under the root, whose gradient at zero is infinite."""


def build() -> nn.Module:
    """The network with 126,952 parameters and 28,893,268 MACs on a (1, 1, 256, 64) log-mel."""
    return CPMobile(STAGES, GRN)


class GRN(nn.Module):
    """Global response normalisation of (batch, channels, mels, frames), with one scale and shift.

    y = gamma * x * n + beta + x, n = g / (mean of g over the channels + 1e-6), g = L2 norm of each
    clip's channel over mels and frames (Woo et al. 2023, there with a gamma and beta a channel).
    It begins as the identity. The norm is spelt out for the int8 exports, which know no such
    operator, and runs in float32, for in half precision a sum of squares overflows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.beta = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        norm = (x.float().square().sum((2, 3), keepdim=True) + SILENT_ENERGY).sqrt()
        relative = (norm / (norm.mean(1, keepdim=True) + GRN_EPSILON)).to(x.dtype)
        # Of four axes, or the conversion to TFLite transposes every map to channels first and back.
        gamma, beta = (value.reshape(1, 1, 1, 1) for value in (self.gamma, self.beta))
        return x * (1 + gamma * relative) + beta
