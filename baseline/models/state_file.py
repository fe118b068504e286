"""Files of weights: read without running what is in them, and held against what is expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from deploy.errors import InputError

State = dict[str, torch.Tensor]
"""Weights by their key."""

Shapes = Mapping[str, tuple[int, ...]]

WRAPPERS = ("model", "state_dict")
"""Under which a checkpoint keeps its weights when it holds more than those."""

NAMED = 3
"""Keys that a sentence names before it only counts."""


def read_tensors(path: Path) -> Any:
    """What a file of torch or safetensors holds; nothing in it is executed.

    Raises:
        InputError: missing, damaged, or it holds more than tensors and plain values.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights; check the path, or fetch it.")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises whatever it leads to
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: cannot be read as a file of weights ({reason}); fetch or save it again."
        ) from error


def read_state(path: Path) -> State:
    """Weights by their key, also from a checkpoint that keeps them under 'model'.

    Raises:
        InputError: as `read_tensors`, or what it holds is no weights by key.
    """
    state = read_tensors(path)
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not _all_tensors(state):
        raise InputError(
            f"{path}: found something else, expected tensors by their key; give a state dict."
        )
    return dict(state)


def _all_tensors(state: dict[Any, Any]) -> bool:
    return all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in state.items())


def shapes(state: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor."""
    return {key: tuple(value.shape) for key, value in state.items()}


def require_keys(path: Path, found: Shapes, expected: Shapes) -> None:
    """Refuse weights that are not exactly those expected.

    Raises:
        InputError: keys that are missing, surplus or of another shape, the first few named.
    """
    others = [
        f"{key} {found[key]} for {expected[key]}"
        for key in expected
        if key in found and found[key] != expected[key]
    ]
    complaints = [
        _complaint("missing", [key for key in expected if key not in found]),
        _complaint("surplus", [key for key in found if key not in expected]),
        _complaint("of another shape", others),
    ]
    if any(complaints):
        raise InputError(
            f"{path}: its weights do not fit the network: {'; '.join(filter(None, complaints))}; "
            "take the file that belongs to this architecture."
        )


def _complaint(what: str, keys: Iterable[str]) -> str:
    keys = list(keys)
    more = ", ..." if len(keys) > NAMED else ""
    return f"{len(keys)} {what} ({', '.join(keys[:NAMED])}{more})" if keys else ""
