"""Whether a folder may be replaced: nothing goes away that the user may want to keep."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePath

from deploy.errors import InputError

BUILD = "build"
"""Where the Makefile, and CMake as the project tells to call it, leave what they make."""


def replaceable(folder: Path, written: Callable[[Path], Collection[str]]) -> Path:
    """The place of a folder, links followed, if it is new, empty or an earlier project of ours.

    Args:
        written: names of the files that the project in a folder was written with; none where there
            is no project.

    Raises:
        InputError: something else stands there, or it cannot be replaced.
    """
    place = Path(os.path.realpath(folder))
    if not place.exists():
        return place
    if not place.is_dir():
        raise InputError(f"{folder}: is a file, expected a folder to write; choose another.")
    if place in (here := Path.cwd().resolve(), *here.parents):
        raise InputError(
            f"{folder}: you are in this folder, which is replaced whole; start from another folder."
        )
    if place.is_mount():
        raise InputError(
            f"{folder}: is a mount point, which cannot be replaced; name a folder inside it."
        )
    _require_own(folder, place, written(place))
    return place


def _require_own(folder: Path, place: Path, written: Collection[str]) -> None:
    foreign = min(_foreign(place, written), default=None)
    if foreign is None:
        return
    if not written:
        raise InputError(
            f"{folder}: holds other files, such as '{foreign}'; choose an empty folder."
        )
    raise InputError(
        f"{folder}: holds '{foreign}', which TinyScene did not write; move it away, or choose "
        "another folder."
    )


def _foreign(place: Path, written: Collection[str]) -> Iterator[str]:
    """What is in a folder beside the files that it was written with and what is built of them."""
    own = {PurePath(name) for name in written}
    own |= {parent for name in own for parent in name.parents}
    for path in place.rglob("*"):
        name = path.relative_to(place)
        if name not in own and not (written and name.parts[0] == BUILD):
            yield name.as_posix()
