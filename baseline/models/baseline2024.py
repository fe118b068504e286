"""The network of the DCASE 2024 and 2025 Task 1 baselines: a small CP-Mobile."""

from __future__ import annotations

from torch import nn

from baseline.models.cp_mobile import CPMobile, Stages

STAGES: Stages = {
    # block: (input channels, expanded, output channels, stride over frequency and time)
    "s1": {
        "b1": (32, 64, 32, (1, 1)),
        "b2": (32, 64, 32, (1, 1)),
        "b3": (32, 64, 32, (1, 2)),
    },
    "s2": {
        "b4": (32, 64, 56, (2, 1)),
        "b5": (56, 120, 56, (1, 1)),
    },
    "s3": {
        "b6": (56, 120, 104, (1, 1)),
    },
}


def build() -> nn.Module:
    """The network with 61,148 parameters and 29,419,156 MACs on a (1, 1, 256, 65) log-mel."""
    return CPMobile(STAGES)
