"""Clips decoded and resampled once, in one file that is mapped into memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import disk_usage
from typing import Any

import numpy as np
import pandas as pd

from baseline import store_files
from baseline.challenge import CLIP_SECONDS, SOURCE_RATE_HZ
from baseline.clip_audio import FULL_SCALE
from baseline.clips import Dataset, read_table
from baseline.progress import progress_bar
from baseline.store_files import CLIPS, DESCRIPTION, SAMPLES, Entry, Stamp
from baseline.store_worker import Chunk, Work, source_stamp, store_chunk
from deploy.errors import InputError
from deploy.files import read_json
from deploy.workers import in_parallel

__all__ = ["FULL_SCALE", "Store", "open_store", "prepare"]

FORMAT = 1
"""Version of the store's files; a store of another version is made anew."""

CHUNK_CLIPS = 64
"""Clips that a worker process prepares at a time, some 20 ms of work."""


@dataclass(frozen=True, eq=False)
class Store:
    """Prepared clips."""

    folder: Path
    rate_hz: int
    clips: pd.DataFrame
    """Columns filename, size (bytes) and mtime_ns of the source, in the samples' row order."""
    samples: np.ndarray
    """int16, shape (clips, rate_hz), `FULL_SCALE` standing for 1.0. A read-only memory map: index
    it, which copies, before `torch.from_numpy`, or torch warns that it cannot be written to."""

    def positions(self, filenames: Sequence[str] | pd.Series[str]) -> np.ndarray:
        """Rows of `samples` for file names as in meta.csv, int64, in the order given.

        Raises:
            InputError: a clip is not in the store.
        """
        names = pd.Index(filenames)
        rows = self._rows.get_indexer(names)
        if (rows < 0).any():
            raise InputError(
                f"{self.folder}: the store has no clip '{names[rows < 0][0]}'; run "
                "'tinyscene data prepare'."
            )
        return rows.astype(np.int64)

    @cached_property
    def _rows(self) -> pd.Index[str]:
        rows: pd.Index[str] = pd.Index(self.clips["filename"])
        return rows


def open_store(folder: Path, dataset: Dataset, *, rate_hz: int) -> Store:
    """Open a complete store and check it against the dataset's files.

    Raises:
        InputError: no store, one of another rate or version, or one that lacks a clip of the
            dataset's lists or was made from another version of its file.
    """
    store = _load(folder)
    if store is None or store.rate_hz != rate_hz:
        found = "no complete store" if store is None else f"a store of {store.rate_hz} Hz"
        raise InputError(
            f"{folder}: found {found}, expected one of {rate_hz} Hz; run 'tinyscene data prepare'."
        )
    names = _listed_names(dataset)
    stored = _stamps(store.clips.iloc[store.positions(names)])
    for name, before, now in zip(names, stored, source_stamps(dataset.folder, names), strict=True):
        if before != now:
            raise InputError(
                f"{dataset.folder / name}: has changed since {folder} was made (found {now.size} "
                f"bytes, expected {before.size} and the same time); run 'tinyscene data prepare'."
            )
    return store


def prepare(
    dataset: Dataset,
    folder: Path,
    *,
    rate_hz: int = 32_000,
    workers: int | None = None,
    show_progress: bool = True,
) -> Store:
    """Decode and resample the clips of the dataset's lists into a store.

    A killed run goes on where it stopped. An old store stays until the new one is complete, and
    only what changed is decoded again. The bytes depend neither on interruptions nor on the number
    of workers.

    Args:
        dataset: clips in no list are left out.
        folder: the store to make or to bring up to date.
        rate_hz: of the stored samples.
        workers: number of decoding processes; all cores by default.
        show_progress: on standard error, with the time left.

    Raises:
        InputError: a source file is missing, unreadable or not of the dataset's format; the folder
            is something else, not writable, or used by another run; the disk is full.
    """
    names = _listed_names(dataset)
    if not names:
        raise InputError(
            f"{dataset.folder}: no clip is in any list, expected split_setup/split*.csv and "
            "test.csv; get them with 'tinyscene data fetch'."
        )
    folder = folder.resolve()  # what stands beside it is on the same disk, also through a link
    stamps = source_stamps(dataset.folder, names)
    wanted = list(map(Entry, range(len(names)), names, stamps))
    if not store_files.partial_folder(folder).exists():
        with _disk_errors(folder):
            if _is_current(_load(folder), wanted, rate_hz):  # needs no lock: others may be here too
                return open_store(folder, dataset, rate_hz=rate_hz)
    with _disk_errors(folder), store_files.exclusive(folder):
        store_files.tidy(folder)
        old = _load(folder)
        if not _is_current(old, wanted, rate_hz):
            work = Work(dataset.folder, folder, rate_hz)
            _fill(work, wanted, _reusable(old, wanted, rate_hz), workers, show_progress)
            store_files.publish(folder)
        store_files.discard_partial(folder)
    return open_store(folder, dataset, rate_hz=rate_hz)


def _is_current(store: Store | None, wanted: list[Entry], rate_hz: int) -> bool:
    return store is not None and store.rate_hz == rate_hz and _entries(store) == wanted


def source_stamps(folder: Path, names: Sequence[str]) -> list[Stamp]:
    """Sizes and times of source files.

    Raises:
        InputError: one is missing.
    """
    prefix = str(folder)
    return [source_stamp(os.path.join(prefix, name)) for name in names]


def _listed_names(dataset: Dataset) -> list[str]:
    names: list[str] = dataset.clips["filename"].iloc[dataset.listed_rows()].to_list()
    return names


def _description(rate_hz: int, clips: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "source_rate_hz": SOURCE_RATE_HZ,
        "rate_hz": rate_hz,
        "full_scale": FULL_SCALE,
        "clips": clips,
    }


def _load(folder: Path) -> Store | None:
    """The store in this folder; None if there is no complete one of this version."""
    try:
        description = read_json(folder / DESCRIPTION)
        clips = read_table(folder / CLIPS, ["filename", "size", "mtime_ns"])
        clips = clips.astype({"size": np.int64, "mtime_ns": np.int64}).reset_index(drop=True)
        samples = np.load(folder / SAMPLES, mmap_mode="r")
        rate_hz = description["rate_hz"]
    except (InputError, OSError, ValueError, KeyError, TypeError):
        return None
    shape = (len(clips), rate_hz * CLIP_SECONDS)
    if description != _description(rate_hz, len(clips)) or samples.shape != shape:
        return None
    return Store(folder, rate_hz, clips, samples)


def _stamps(clips: pd.DataFrame) -> list[Stamp]:
    return list(map(Stamp, clips["size"].to_list(), clips["mtime_ns"].to_list()))


def _entries(store: Store) -> list[Entry]:
    names = store.clips["filename"].to_list()
    return list(map(Entry, range(len(names)), names, _stamps(store.clips)))


def _reusable(old: Store | None, wanted: list[Entry], rate_hz: int) -> dict[int, int]:
    """Wanted row to the old store's row of the same clip from the same source."""
    if old is None or old.rate_hz != rate_hz:
        return {}
    known = {(entry.filename, entry.stamp): entry.row for entry in _entries(old)}
    rows = {entry.row: known.get((entry.filename, entry.stamp)) for entry in wanted}
    return {row: old_row for row, old_row in rows.items() if old_row is not None}


def _fill(
    work: Work,
    wanted: list[Entry],
    reusable: dict[int, int],
    workers: int | None,
    show_progress: bool,
) -> None:
    """Make the partial folder complete, whatever it holds now."""
    partial = store_files.partial_folder(work.store)
    samples = work.rate_hz * CLIP_SECONDS
    store_files.begin(partial, _description(work.rate_hz, len(wanted)), (len(wanted), samples))
    done = store_files.still_valid(partial, wanted)
    missing = sorted(set(wanted) - set(done))
    _require_space(partial, len(missing) * samples * np.dtype(np.int16).itemsize)
    chunks = [
        Chunk(work, part, [reusable.get(entry.row) for entry in part])
        for part in (missing[i : i + CHUNK_CLIPS] for i in range(0, len(missing), CHUNK_CLIPS))
    ]
    with (
        progress_bar(
            len(wanted), "prepare", "clip", show=show_progress, done=len(done)
        ) as progress,
        store_files.journal(partial) as enter,
    ):
        for entries in in_parallel(store_chunk, chunks, workers=workers):
            enter(entries)
            done += entries
            progress.update(len(entries))
    store_files.finish(partial, done)


def _require_space(folder: Path, needed: int) -> None:
    free = disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{folder}: found {free / 1e6:,.0f} MB of free space, expected {needed / 1e6:,.0f} MB "
            "for the samples; free some space or choose another folder."
        )


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror or error}); free some space or choose "
            "another place and run again, it goes on where it stopped."
        ) from error
