"""Predictions that are not complete yet: rows in a file that only grows, for going on after a kill.

A line of JSON tells what the rows belong to; then come probabilities, (rows, classes) float32.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from baseline.challenge import SCENES
from deploy.errors import InputError
from deploy.files import make_folder
from submission.predictions import SUM_TOLERANCE

ROW_BYTES = 4 * len(SCENES)


@dataclass
class PartialPredictions:
    """The rows so far, in the order of the recordings."""

    file: BinaryIO
    start: int
    """Where the rows begin in the file."""
    rows: int

    def append(self, probabilities: np.ndarray) -> None:
        """Add rows (rows, classes)."""
        self.file.write(probabilities.astype("<f4").tobytes())
        self.file.flush()
        self.rows += len(probabilities)

    def probabilities(self) -> np.ndarray:
        """All rows, (rows, classes) float32."""
        self.file.seek(self.start)
        return np.frombuffer(self.file.read(), "<f4").reshape(-1, len(SCENES))


@contextmanager
def open_partial(path: Path, identity: dict[str, Any], chunk: int) -> Iterator[PartialPredictions]:
    """Go on with the rows that are there, or begin anew; the file is removed on success.

    Args:
        identity: what the rows belong to. With another one the rows are dropped.
        chunk: rows are kept in multiples of it, for a batch's rows may depend on each other.

    Raises:
        InputError: another process is at work on the file, or it cannot be written.
    """
    make_folder(path.parent)
    try:
        with open(path, "a+b") as file:
            _lock(file, path)
            header = _header(identity)
            with _keeping(path, len(header) + chunk * ROW_BYTES):
                rows = _begin(file, header, chunk)
                yield PartialPredictions(file, len(header), rows)
            path.unlink()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); free some space and start "
            "the same command again to go on."
        ) from error


def _header(identity: dict[str, Any]) -> bytes:
    return json.dumps(identity, sort_keys=True).encode() + b"\n"


@contextmanager
def _keeping(path: Path, least: int) -> Iterator[None]:
    """Leave the file to a later start only if it holds a chunk of rows."""
    try:
        yield
    except BaseException:
        if path.stat().st_size < least:
            path.unlink()
            with suppress(OSError):  # it holds other systems' predictions
                path.parent.rmdir()
        raise


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"{path}: another process is predicting into it; wait until that has ended."
        ) from error


def _begin(file: BinaryIO, header: bytes, chunk: int) -> int:
    """Number of the rows that may stay; everything after them is cut off."""
    file.seek(0)
    if file.read(len(header)) != header:
        file.truncate(0)
        file.write(header)
        file.flush()
        return 0
    rows = _sound_rows(file.read()) // chunk * chunk
    file.truncate(len(header) + rows * ROW_BYTES)
    return rows


def _sound_rows(data: bytes) -> int:
    """Whole rows before the first that is none: a power cut may leave zeros."""
    whole = len(data) // ROW_BYTES
    rows = np.frombuffer(data[: whole * ROW_BYTES], "<f4").reshape(whole, len(SCENES))
    with np.errstate(invalid="ignore", over="ignore"):
        sound = np.abs(rows.sum(1, dtype=np.float64) - 1) <= SUM_TOLERANCE
    return whole if sound.all() else int(np.argmin(sound))
