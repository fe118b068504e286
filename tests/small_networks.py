"""A network of the baseline's kinds of layer, with a third of its blocks."""

from __future__ import annotations

from torch import nn

from baseline.models.cp_mobile import CPMobile


def two_blocks() -> nn.Module:
    """A recipe's `small_networks:two_blocks`: a block with either kind of shortcut."""
    return CPMobile({"s1": {"b1": (32, 64, 32, (1, 1)), "b2": (32, 64, 32, (2, 2))}})
