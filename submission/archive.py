"""What is in a package, zip or folder, with everything dangerous found before anything is read."""

from __future__ import annotations

import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

from deploy.errors import InputError
from submission.label import TASK
from submission.rules.faults import Fault, examples
from submission.zip_end import listing_bytes

MAX_ENTRIES = 1_000
MAX_LISTING_BYTES = 1_000_000
"""Of a zip's central directory, read whole before anything is known: twenty thousand entries."""

MAX_FILE_BYTES = 100_000_000
"""Several times an output CSV with all digits of its probabilities."""

MAX_BYTES = 2_000_000_000
"""Of all files together: as much again as twenty output CSVs with all digits and reports."""

MAX_RATIO = 100
"""Implausible compression: an output CSV of one and the same line reaches about 15."""

SMALL_BYTES = 1_000_000
"""Up to this size a file may be compressed by any ratio."""

LOCAL_HEADER_BYTES = 30
"""Before a file's name and content."""

ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""All that `zipfile` raises for damaged archives."""


@dataclass(frozen=True)
class Contents:
    """The files of an open package; names are relative to its top, with forward slashes."""

    files: tuple[str, ...]
    folders: tuple[str, ...]
    faults: tuple[Fault, ...]
    """Of the container; if there are any, nothing may be read."""
    open_and_read: Callable[[str, int], bytes]

    def read(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """The first `limit` bytes of a file.

        Raises:
            InputError: damaged.
        """
        try:
            return self.open_and_read(name, limit)
        except ZIP_ERRORS as error:
            raise InputError(f"cannot be read ({error}), expected a sound file.") from error


@dataclass(frozen=True)
class _Entry:
    """A file, folder or something else, as listed."""

    name: str
    mode: int
    """Of the file system, or 0 where the container keeps none."""
    size: int
    packed_size: int
    start: int = -1
    """Offset of its header in a zip; in a folder there is none."""
    method: int = zipfile.ZIP_STORED
    encrypted: bool = False


@contextmanager
def open_contents(path: Path) -> Iterator[Contents]:
    """List a package.

    Args:
        path: a zip file; or a folder, which is `task1` itself or holds it.

    Raises:
        InputError: there is no such file or folder.
    """
    if path.is_dir():
        yield _folder_contents(path)
        return
    if not path.is_file():
        raise InputError(f"{path}: there is no such package; give a zip file or a folder.")
    try:
        listing = listing_bytes(path)
        archive = zipfile.ZipFile(path) if listing <= MAX_LISTING_BYTES else None
    except ZIP_ERRORS as error:
        fault = Fault("S001", str(path), f"found no readable zip file ({error}), expected one.")
        yield Contents((), (), (fault,), _refuse)
        return
    if archive is None:
        message = f"found a listing of {listing:,} bytes, expected at most {MAX_LISTING_BYTES:,}."
        yield Contents((), (), (Fault("S005", str(path), message),), _refuse)
        return
    with archive:
        yield _zip_contents(archive)


def _zip_contents(archive: zipfile.ZipFile) -> Contents:
    def read(name: str, limit: int) -> bytes:
        with archive.open(name) as file:
            return file.read(limit)

    entries = [
        _Entry(
            # zipfile cuts names at a NUL and changes separators: judge what really stands there.
            info.orig_filename,
            info.external_attr >> 16,
            info.file_size,
            info.compress_size,
            info.header_offset,
            info.compress_type,
            bool(info.flag_bits & 1),
        )
        for info in archive.infolist()
    ]
    return _contents(entries, read)


def _folder_contents(path: Path) -> Contents:
    is_task = path.resolve().name == TASK and not (path / TASK).is_dir()
    top = path.resolve().parent if is_task else path

    def read(name: str, limit: int) -> bytes:
        with open(top / name, "rb") as file:
            return file.read(limit)

    entries = _walk(top, top / TASK if is_task else top)
    return _contents(list(islice(entries, MAX_ENTRIES + 1)), read)


def _walk(top: Path, start: Path) -> Iterator[_Entry]:
    for folder, folders, files in os.walk(start):
        folders.sort()
        for name in folders + sorted(files):
            path = Path(folder) / name
            status = path.lstat()
            suffix = "/" if stat.S_ISDIR(status.st_mode) else ""
            relative = path.relative_to(top).as_posix() + suffix
            yield _Entry(relative, status.st_mode, status.st_size, status.st_size)


def _contents(entries: list[_Entry], read: Callable[[str, int], bytes]) -> Contents:
    return Contents(
        files=tuple(entry.name for entry in entries if not entry.name.endswith("/")),
        folders=tuple(entry.name for entry in entries if entry.name.endswith("/")),
        faults=tuple(_faults(entries)),
        open_and_read=read,
    )


def _faults(entries: list[_Entry]) -> Iterator[Fault]:
    if len(entries) > MAX_ENTRIES:
        message = f"found {len(entries):,} files or more, expected at most {MAX_ENTRIES:,}."
        yield Fault("S005", TASK, message)
        return
    for entry in entries:
        for code, message in _entry_problems(entry):
            yield Fault(code, printable(entry.name), message)
    yield from _repeated_names(entries)
    yield from _shared_bytes(entries)
    size = sum(entry.size for entry in entries)
    if size > MAX_BYTES:
        message = f"has {size:,} bytes in all files, expected at most {MAX_BYTES:,}."
        yield Fault("S005", TASK, message)


def _entry_problems(entry: _Entry) -> Iterator[tuple[str, str]]:
    if _is_unsafe(entry.name):
        yield "S002", f"found the name {entry.name!r}, expected a relative one without '..'."
    if stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        yield "S003", "is a link or a special file, expected a plain file or folder."
    if entry.size > MAX_FILE_BYTES:
        yield "S005", f"has {entry.size:,} bytes, expected at most {MAX_FILE_BYTES:,}."
    if entry.size > max(SMALL_BYTES, MAX_RATIO * entry.packed_size):
        packed = f"packed into {entry.packed_size:,}"
        yield (
            "S005",
            f"has {entry.size:,} bytes {packed}, expected at most {MAX_RATIO} times as many.",
        )
    if entry.encrypted:
        yield "S006", "is encrypted, expected a file that anyone can read."
    if entry.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield "S006", f"has compression method {entry.method}, expected stored or deflated."


def _is_unsafe(name: str) -> bool:
    parts = name.removesuffix("/").split("/")
    odd = re.search(r"[\\\x00-\x1f\x7f]", name) or re.match(r"[A-Za-z]:", name)
    return bool(odd) or any(part in ("", ".", "..") for part in parts)


def _repeated_names(entries: list[_Entry]) -> Iterator[Fault]:
    same: dict[str, list[str]] = {}
    for entry in entries:
        key = unicodedata.normalize("NFC", entry.name.removesuffix("/")).casefold()
        same.setdefault(key, []).append(entry.name)
    for names in same.values():
        if len(names) > 1:
            found = examples([repr(name) for name in names])
            yield Fault("S004", printable(names[0]), f"found {found}, expected the name once.")


def _shared_bytes(entries: list[_Entry]) -> Iterator[Fault]:
    """A zip in which files overlap unpacks to far more than it holds."""
    placed = [entry for entry in entries if entry.start >= 0]
    placed.sort(key=lambda entry: entry.start)
    for entry, following in pairwise(placed):
        if entry.start + LOCAL_HEADER_BYTES + entry.packed_size > following.start:
            message = "overlaps with the file after it, expected each in bytes of its own."
            yield Fault("S007", printable(entry.name), message)


def printable(name: str) -> str:
    """A name with everything that could disturb a terminal escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def _refuse(name: str, limit: int) -> bytes:
    raise ValueError("the container is damaged")
