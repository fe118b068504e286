"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.errors import InputError


def make_folder(path: Path) -> Path:
    """Create a folder with its parents.

    Raises:
        InputError: the folder cannot be created or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be created as a folder ({error.strerror}); choose another place."
        ) from error
    if not os.access(path, os.W_OK):
        raise InputError(f"{path}: this folder is not writable; choose another place.")
    return path


def require_file(path: Path) -> None:
    """Expect a regular file: pipes and devices may have no end.

    Raises:
        InputError: nothing is there, it is something else, or the name is impossible.
    """
    try:
        kind = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path}: there is no such file; check the path.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); check the path.") from error
    if not stat.S_ISREG(kind):
        what = "a folder" if stat.S_ISDIR(kind) else "a pipe or a device"
        raise InputError(f"{path}: is {what}, expected a file; check the path.")


def require_replaceable(path: Path) -> None:
    """Expect a place for a file, before long work whose result goes there.

    Raises:
        InputError: a folder or a device is there, or its folder cannot be written to.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is a folder or a device, not a file; choose another place.")
    make_folder(path.parent)


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Tell in one sentence why a file or folder cannot be written.

    Raises:
        InputError: in place of an OSError of the block, for example because the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); "
            "free some space or choose another place."
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name in the same folder; rename it to `path` if the block succeeds.

    If the block fails the temporary file is removed and what stood at `path` is left untouched.

    Raises:
        InputError: the file cannot be written, for example because the disk is full.
    """
    require_replaceable(path)
    with (
        write_errors(path),
        tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder,
    ):
        temporary = Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with LF line ends, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, whole or not at all; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: the file is missing, unreadable or not JSON.
    """
    require_file(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not valid JSON ({error}); make it again.") from error
