"""What a worker process does for a store: a chunk of clips from source files to rows of samples.

Imports neither pandas nor torch, so that workers start fast.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from baseline.clip_audio import stored_clip
from baseline.store_files import SAMPLES, Entry, Stamp, partial_folder, write_rows
from deploy.errors import InputError


class Work(NamedTuple):
    """What is being prepared."""

    dataset: Path
    store: Path
    rate_hz: int


class Chunk(NamedTuple):
    """Some clips of the work."""

    work: Work
    entries: list[Entry]
    old_rows: list[int | None]
    """Row of the old store to copy, or None to decode the source."""


def store_chunk(chunk: Chunk) -> list[Entry]:
    """Write a chunk's samples into the partial store.

    Returns:
        The chunk's entries with the stamps that the sources had when they were read.

    Raises:
        InputError: a source is missing, unreadable or not of the dataset's format.
        OSError: the samples cannot be written.
    """
    clips = zip(chunk.entries, chunk.old_rows, strict=True)
    prepared = [_prepared(chunk.work, entry, old_row) for entry, old_row in clips]
    rows = [entry.row for entry, _ in prepared]
    write_rows(partial_folder(chunk.work.store), rows, [wave for _, wave in prepared])
    return [entry for entry, _ in prepared]


def source_stamp(path: str) -> Stamp:
    """Size and time of a source file.

    Raises:
        InputError: it is missing.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: there is no such file though meta.csv lists it; put it back, or list all "
            "missing files with 'tinyscene data check'."
        ) from error
    return Stamp(status.st_size, status.st_mtime_ns)


def _prepared(work: Work, entry: Entry, old_row: int | None) -> tuple[Entry, np.ndarray]:
    if old_row is not None:
        return entry, np.load(work.store / SAMPLES, mmap_mode="r")[old_row]
    path = work.dataset / entry.filename
    stamp = source_stamp(str(path))  # before reading: a change while reading is seen afterwards
    return entry._replace(stamp=stamp), stored_clip(path, work.rate_hz)
