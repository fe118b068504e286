"""Writing a folder so that nobody ever sees half of one."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.files import make_folder, write_errors

WHOLE, EARLIER = "whole", "earlier"
"""In the temporary folder: what is being written, and for a moment what it replaces."""


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give a new folder beside `path`; put it in that place if the block succeeds.

    If the block fails or is killed, what stood at `path` is left untouched. What a killed one left
    beside it, the next one removes.

    Args:
        path: without links and relative parts; what stands there is replaced whole.

    Raises:
        InputError: the folder cannot be written, for example because the disk is full.
    """
    make_folder(path.parent)
    prefix = f".{path.name}.tinyscene-"
    _remove_abandoned(path.parent, prefix)
    with (
        write_errors(path),
        tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as name,
    ):
        temporary = Path(name)
        with _opened(temporary) as handle:
            with suppress(OSError):  # a file system that knows no locks
                _lock(handle)
            (temporary / WHOLE).mkdir()
            yield temporary / WHOLE
            _move(temporary, path)


def _move(temporary: Path, path: Path) -> None:
    """What stands at `path` goes away only when its successor is complete."""
    earlier = temporary / EARLIER
    try:
        if path.exists():
            os.replace(path, earlier)
        os.replace(temporary / WHOLE, path)
    except BaseException:
        if earlier.exists() and not path.exists():
            os.replace(earlier, path)
        raise


def _remove_abandoned(parent: Path, prefix: str) -> None:
    """Remove what no running process has locked; the system takes a killed one's lock away."""
    for folder in parent.glob(f"{glob.escape(prefix)}*"):
        if folder.is_symlink() or not (folder / WHOLE).is_dir():
            continue  # it is not of ours, or about to be locked
        with suppress(OSError), _opened(folder) as handle:
            _lock(handle)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
