"""Networks by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from torch import nn

from baseline.models import baseline2024
from deploy.errors import InputError

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "baseline2024": baseline2024.build,
}
"""Builders of randomly initialised networks, log-mel (batch, 1, mels, frames) -> logits."""


def create(name: str) -> nn.Module:
    """A freshly initialised network of that name, in training mode.

    Raises:
        InputError: no such network.
    """
    if name not in NETWORKS:
        nearest = difflib.get_close_matches(name, NETWORKS, n=1, cutoff=0)
        raise InputError(
            f"network '{name}' is unknown; choose one of {', '.join(NETWORKS)}"
            f"; did you mean '{nearest[0]}'?"
        )
    return NETWORKS[name]()
