"""Networks by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from baseline.models import baseline2024
from deploy.errors import InputError, suggestion

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
        raise InputError(
            f"network '{name}' is unknown; choose one of {', '.join(NETWORKS)}"
            f"{suggestion(name, NETWORKS)}"
        )
    return NETWORKS[name]()
