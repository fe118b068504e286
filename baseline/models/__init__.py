"""Networks by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from baseline.models import baseline2024, cpmobile2023
from baseline.models.user_network import load_user_network
from deploy.errors import InputError, suggestion


class Row(NamedTuple):
    """A network of the table."""

    build: Callable[[], nn.Module]
    """Makes it randomly initialised, log-mel (batch, 1, mels, frames) -> logits."""
    front_end: str
    """The front end it was published with, on whose log-mel its MACs are counted."""


NETWORKS = {
    "baseline2024": Row(baseline2024.build, "dcase2024"),
    "cpmobile2023": Row(cpmobile2023.build, "cpjku2023"),
}


FLOAT_MODULES: tuple[type[nn.Module], ...] = (cpmobile2023.GRN,)
"""Kinds of modules that stay in float between dequantise and quantise in an int8 network."""


def create(name: str) -> nn.Module:
    """A freshly initialised network, in training mode.

    Args:
        name: one of `NETWORKS`, or `module:function` of the current folder.

    Raises:
        InputError: no such network.
    """
    if ":" in name:
        return load_user_network(name)
    if name not in NETWORKS:
        raise InputError(
            f"network '{name}' is unknown; choose module:function or one of {', '.join(NETWORKS)}"
            f"{suggestion(name, NETWORKS)}"
        )
    return NETWORKS[name].build()
