"""What a training starts from where a recipe asks for more than random weights."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from baseline.models.passt import PaSST
from baseline.models.passt_checkpoints import load_checkpoint
from baseline.models.state_file import read_state, require_keys, shapes
from baseline.published_weights import PUBLISHED
from baseline.weights import default_folder, verify
from deploy.errors import InputError


def load_initial_weights(network: nn.Module, source: str) -> None:
    """Fill a network with published weights, or with those of a file.

    PaSST also takes weights for other classes, other lengths and from ImageNet, see
    `baseline.models.passt_checkpoints`; any other network only its own, key by key.

    Args:
        source: a name of `baseline.published_weights.PUBLISHED` that was fetched, or a path.

    Raises:
        InputError: not there, damaged, or keys that do not fit.
    """
    path = _file(source)
    if isinstance(network, PaSST):
        load_checkpoint(network, path)
        return
    state = read_state(path)
    require_keys(path, shapes(state), shapes(network.state_dict()))
    network.load_state_dict(state)


def _file(source: str) -> Path:
    if source not in PUBLISHED:
        return Path(source)
    path = default_folder() / PUBLISHED[source].file
    if not path.is_file():
        raise InputError(
            f"weights '{source}': {path} is not there; run: tinyscene weights fetch {source}"
        )
    verify(PUBLISHED[source], path)
    return path
