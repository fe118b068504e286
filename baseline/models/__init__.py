"""Networks by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from baseline.models import baseline2024, cpmobile2023
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


def create(name: str) -> nn.Module:
    """A freshly initialised network of that name, in training mode.

    Raises:
        InputError: no such network.
    """
    if name not in NETWORKS:
        raise InputError(
            f"network '{name}' is unknown; choose one of {', '.join(NETWORKS)}"
            f"{suggestion(name, NETWORKS)}"
        )
    return NETWORKS[name].build()
