"""The files of a store: complete, unfinished, and the step from one to the other.

A store is a folder of `samples.npy`, `clips.csv` and `store.json`. It is made in
`<folder>.partial` and renamed when complete, under the lock `<folder>.lock`.

How a killed run loses nothing: `journal.csv` in the partial folder names the rows whose samples
have reached the disk, and only those. A run that goes on first strikes from the journal what no
longer holds, and only then writes samples.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deploy.errors import InputError
from deploy.files import make_folder, read_json, write_json, write_text
from deploy.workers import abandoned

SAMPLES, CLIPS, DESCRIPTION = "samples.npy", "clips.csv", "store.json"
JOURNAL = "journal.csv"

JOURNAL_CLIPS = 1024
"""Clips after which samples are forced to the disk and entered in the journal."""


class Stamp(NamedTuple):
    """What tells one version of a source file from another."""

    size: int
    """Bytes."""
    mtime_ns: int
    """Time of the last change, nanoseconds."""


class Entry(NamedTuple):
    """A clip's place in the store."""

    row: int
    filename: str
    stamp: Stamp


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the lock of a store; the system drops it when the process ends, however it ends.

    Raises:
        InputError: another process holds it, or the folder cannot be written.
    """
    make_folder(folder.parent)
    with open(_beside(folder, "lock"), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{folder}: another run is preparing this store; wait until it ends or choose "
                "another folder."
            ) from error
        yield


def tidy(folder: Path) -> None:
    """Remove what a run left that was killed while it published.

    If it had taken the old store away, the partial folder is complete, and the next run finds so.

    Raises:
        InputError: the folder, or one of the names beside it, holds something else than a store.
    """
    retired = _beside(folder, "old")
    for path in (folder, partial_folder(folder), retired):
        _refuse_foreign(path)
    shutil.rmtree(retired, ignore_errors=True)
    (folder / JOURNAL).unlink(missing_ok=True)


def publish(folder: Path) -> None:
    """Put the finished partial folder in the place of the old store."""
    retired = _beside(folder, "old")
    if folder.exists():
        folder.rename(retired)
    partial_folder(folder).rename(folder)
    shutil.rmtree(retired, ignore_errors=True)
    (folder / JOURNAL).unlink()


def discard_partial(folder: Path) -> None:
    """Remove what an unfinished run left and nobody needs any more."""
    shutil.rmtree(partial_folder(folder), ignore_errors=True)


def partial_folder(folder: Path) -> Path:
    """Where a store is made before it takes its place."""
    return _beside(folder, "partial")


def begin(partial: Path, description: dict[str, Any], shape: tuple[int, int]) -> None:
    """Make an empty partial store, or keep the one that is there if it is of the same kind."""
    if _continues(partial, description, shape):
        with open(partial / SAMPLES, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until a killed run's last worker has written
        return
    shutil.rmtree(partial, ignore_errors=True)
    make_folder(partial)
    np.lib.format.open_memmap(partial / SAMPLES, mode="w+", dtype=np.int16, shape=shape)
    write_text(partial / JOURNAL, "")
    write_json(partial / DESCRIPTION, description)  # last: from here on it is worth keeping


def _continues(partial: Path, description: dict[str, Any], shape: tuple[int, int]) -> bool:
    try:
        same_kind = bool(read_json(partial / DESCRIPTION) == description)
        return same_kind and np.load(partial / SAMPLES, mmap_mode="r").shape == shape
    except (InputError, OSError, ValueError):  # not there, or cut off by a power failure
        return False


def still_valid(partial: Path, wanted: Sequence[Entry]) -> list[Entry]:
    """Strike from the journal what differs from the wanted entries; return what is left."""
    found = set(_read_journal(partial / JOURNAL))
    valid = [entry for entry in wanted if _journal_line(entry) in found]
    write_text(partial / JOURNAL, "".join(map(_journal_line, valid)))
    return valid


@contextmanager
def journal(partial: Path) -> Iterator[Callable[[Sequence[Entry]], None]]:
    """Give a function that enters rows in the journal after their samples were written.

    The disk is awaited once for many rows. When the block ends, also by an error, the rest is
    entered.
    """
    waiting: list[Entry] = []

    def flush() -> None:
        with open(partial / SAMPLES, "rb") as samples:
            os.fsync(samples.fileno())
        with open(partial / JOURNAL, "a", encoding="utf-8", newline="\n") as file:
            file.writelines(map(_journal_line, waiting))
        waiting.clear()

    def enter(entries: Sequence[Entry]) -> None:
        waiting.extend(entries)
        if len(waiting) >= JOURNAL_CLIPS:
            flush()

    try:
        yield enter
    finally:
        flush()


def write_rows(partial: Path, rows: Sequence[int], waves: Sequence[np.ndarray]) -> None:
    """Write rows of samples; called by the worker processes.

    Written, not mapped: a full disk is then an OSError and not the signal SIGBUS.
    """
    path = partial / SAMPLES
    offset = np.load(path, mmap_mode="r").offset
    with open(path, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        if abandoned():  # the next run may be at work here
            raise InputError(f"{partial}: the run that wrote here has ended; run it again.")
        for row, wave in zip(rows, waves, strict=True):
            file.seek(offset + row * wave.nbytes)
            file.write(wave.tobytes())


def finish(partial: Path, entries: Iterable[Entry]) -> None:
    """Write the list of clips that completes the partial folder, in row order."""
    lines = [f"{e.filename}\t{e.stamp.size}\t{e.stamp.mtime_ns}\n" for e in sorted(entries)]
    write_text(partial / CLIPS, "filename\tsize\tmtime_ns\n" + "".join(lines))


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(f"{folder.name}.{suffix}")


def _refuse_foreign(path: Path) -> None:
    if not path.exists():
        return
    ours = {SAMPLES, CLIPS, DESCRIPTION, JOURNAL}
    names = [path.name] if not path.is_dir() else [entry.name for entry in path.iterdir()]
    for name in sorted(set(names) - ours):
        if not _is_temporary(name, ours):
            raise InputError(
                f"{path}: found '{name}', expected a prepared store or an empty folder; choose "
                "another folder."
            )


def _is_temporary(name: str, ours: set[str]) -> bool:
    # What `deploy.files.replacing` leaves of a killed run.
    return any(name.startswith(f".{known}.") for known in ours)


def _journal_line(entry: Entry) -> str:
    size, mtime_ns = entry.stamp
    return f"{entry.row}\t{entry.filename}\t{size}\t{mtime_ns}\n"


def _read_journal(path: Path) -> list[str]:
    # A torn line matches no entry.
    if not path.is_file():
        return []
    return path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
