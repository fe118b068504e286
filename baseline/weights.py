"""Getting published weights: downloaded resumably, checked, and kept in one folder."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from baseline.challenge import SCENES
from baseline.download import download
from baseline.models.passt import ARCHS, PaSST
from baseline.models.state_file import read_state, read_tensors, require_keys, shapes
from baseline.published_weights import PUBLISHED, Kind, Published
from deploy.errors import InputError, suggestion
from deploy.files import file_digest, make_folder
from deploy.table import format_table

FOLDER_VARIABLE = "TINYSCENE_WEIGHTS"
"""Environment variable that names the folder."""

LANDMARKS: dict[Kind, tuple[str, ...]] = {
    "deit": ("dist_token", "pos_embed", "patch_embed.proj.weight", "head_dist.weight"),
    "mn": ("features.0.0.weight", "features.16.0.weight"),
    "dymn": ("in_c.0.weight", "layers.14.depth_conv.weight", "out_c.0.weight"),
    "cp_resnet": ("in_c.0.weight", "feed_forward.1.running_mean"),
}
"""Keys by which a kind of weights is told where no architecture says all of them."""


def default_folder() -> Path:
    """The folder that `TINYSCENE_WEIGHTS` names, or `~/.cache/tinyscene/weights`."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "tinyscene" / "weights"


def find(name: str) -> Published:
    """The published weights of that name.

    Raises:
        InputError: no such weights.
    """
    if name not in PUBLISHED:
        raise InputError(
            f"weights '{name}' are unknown; see: tinyscene weights{suggestion(name, PUBLISHED)}"
        )
    return PUBLISHED[name]


def fetch(published: Published, folder: Path, *, show_progress: bool = True) -> Path:
    """Where the weights are, downloaded unless they are there, and checked.

    Args:
        folder: made if it is not there; a file may also be placed there by hand.

    Raises:
        InputError: offline, or the file is not what it is said to be.
    """
    path = make_folder(folder) / published.file
    if not path.is_file():
        _download(published, path, show_progress)
    verify(published, path)
    return path


def verify(published: Published, path: Path) -> None:
    """Refuse a file that is damaged or holds something else.

    Raises:
        InputError: another checksum, not readable as weights, or other keys.
    """
    if published.sha256_start:
        _require_checksum(published, path)
    if published.kind == "logits":
        _require_logits(path)
        return
    found = shapes(read_state(path))
    if published.kind == "passt":
        with torch.device("meta"):
            expected = PaSST(ARCHS[published.arch], published.classes).state_dict()
        require_keys(path, found, shapes(expected))
    else:
        _require_landmarks(path, published.kind, set(found))


def format_published() -> str:
    """A table of all published weights."""
    rows = [[name, row.kind, row.trained_on, row.url] for name, row in PUBLISHED.items()]
    return format_table(["name", "network", "trained on", "from"], rows)


def _download(published: Published, path: Path, show_progress: bool) -> None:
    try:
        download(published.url, path, show_progress=show_progress)
    except InputError as error:
        sentence = str(error).removesuffix(".")
        raise InputError(f"{sentence}; or get it by other means and place it as {path}.") from error


def _require_checksum(published: Published, path: Path) -> None:
    found = file_digest(path)
    if not found.startswith(published.sha256_start):
        raise InputError(
            f"{path}: found a SHA-256 that begins with {found[:8]}, expected "
            f"{published.sha256_start}; remove the file and fetch it again."
        )


def _require_logits(path: Path) -> None:
    logits = read_tensors(path)
    shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else None
    if shape is None or len(shape) != 2 or shape[1] != len(SCENES):
        raise InputError(
            f"{path}: found {'something else' if shape is None else f'shape {shape}'}, expected "
            f"logits of shape (clips, {len(SCENES)}); remove the file and fetch it again."
        )


def _require_landmarks(path: Path, kind: Kind, found: set[str]) -> None:
    missing = [key for key in LANDMARKS[kind] if key not in found]
    if missing:
        raise InputError(
            f"{path}: has no {', '.join(missing)}, expected the weights of a {kind}; remove the "
            "file and fetch it again."
        )
