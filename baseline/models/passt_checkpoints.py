"""PaSST from weights of ImageNet (DeiT, as in timm), of AudioSet, or of a teacher trained from it.

What a head of other classes learnt is left behind, position encodings for longer clips are cut.
"""

from __future__ import annotations

import math
from pathlib import Path

from torch import nn

from baseline.models.passt import Arch, PaSST
from baseline.models.state_file import State, read_state, require_keys, shapes
from deploy.errors import InputError

CLASSIFIER: tuple[str, ...] = ("head.1.weight", "head.1.bias", "head_dist.weight", "head_dist.bias")
"""Weights whose shape depends on the classes."""

HEAD: tuple[str, ...] = ("head.0.weight", "head.0.bias", *CLASSIFIER)

WRAPPED, WRAPPER_KEY = "net.", "device_proxy"
"""Prefix of the network in the HEAR package's checkpoints, and the one key beside it."""


def load_checkpoint(network: PaSST, path: Path) -> None:
    """Fill a network with the weights of a file.

    DeiT's weights are told by their `pos_embed`, and the whole head stays as it is. Otherwise the
    classifier stays only where the file's has other classes.

    Args:
        path: .pt, .pth or .safetensors.

    Raises:
        InputError: not a file of weights, or its keys or shapes do not fit; `network` is then as
            it was.
    """
    state = _unwrapped(read_state(path))
    if "pos_embed" in state:
        state, kept = from_imagenet(state, network.arch, path), HEAD
    else:
        state = _cut_to(state, network.arch)
        kept = _foreign_classifier(state, network.classes)
    expected = network.state_dict()
    fresh = {key: expected[key] for key in kept if key in expected}
    state = {key: value for key, value in state.items() if key not in kept} | fresh
    require_keys(path, shapes(state), shapes(expected))
    network.load_state_dict(state)


def from_imagenet(state: State, arch: Arch, path: Path) -> State:
    """DeiT's weights under PaSST's keys, without its classifiers.

    The grid of positions is resized to PaSST's by bicubic interpolation; the encoding of frequency
    is its mean over time, that of time its mean over frequency. The patches' kernels are summed
    over red, green and blue.

    Raises:
        InputError: positions that are no square grid.
    """
    state = {k: v for k, v in state.items() if not k.startswith(("head.", "head_dist."))}
    positions = state.pop("pos_embed")  # (1, tokens + grid, width)
    tokens, grid = positions[:, : arch.tokens], positions[:, arch.tokens :]
    side = math.isqrt(grid.shape[1])
    if side * side != grid.shape[1]:
        raise InputError(
            f"{path}: found {positions.shape[1]} positions, expected {arch.tokens} and a square "
            "grid; take the weights of a DeiT with as many tokens."
        )
    square = grid.transpose(1, 2).unflatten(2, (side, side))
    resized = nn.functional.interpolate(square, arch.grid, mode="bicubic", align_corners=False)
    state["new_pos_embed"] = tokens
    state["freq_new_pos_embed"] = resized.mean(3, keepdim=True)
    state["time_new_pos_embed"] = resized.mean(2, keepdim=True)
    if (kernel := state.get("patch_embed.proj.weight")) is not None:
        state["patch_embed.proj.weight"] = kernel.sum(1, keepdim=True)
    return state


def _unwrapped(state: State) -> State:
    if WRAPPER_KEY not in state:
        return state
    return {key.removeprefix(WRAPPED): v for key, v in state.items() if key != WRAPPER_KEY}


def _cut_to(state: State, arch: Arch) -> State:
    """With the time encoding's first columns, as many as the network has."""
    encoding = state.get("time_new_pos_embed")
    if encoding is None:
        return state
    return state | {"time_new_pos_embed": encoding[..., : arch.grid[1]]}


def _foreign_classifier(state: State, classes: int) -> tuple[str, ...]:
    """The classifier's keys, if the file's is for another number of classes."""
    bias = state.get("head.1.bias")
    return () if bias is None or bias.shape == (classes,) else CLASSIFIER
