"""Classifying whole recordings of any length, a few seconds in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from deploy.audio import blocks, require_rate
from deploy.classifier import Classifier
from deploy.clips import shared_classifier
from deploy.errors import InputError
from deploy.resampling import Resampler
from deploy.windows import SHORTEST_SECONDS, seconds
from deploy.workers import in_parallel

SUFFIXES = {".wav", ".flac"}
"""Of recordings in a folder."""

BLOCK_SECONDS = 8.0
FILES_AT_ONCE = 16


@dataclass(frozen=True)
class Outcome:
    """What became of one file: probabilities (classes,), or the sentence that says why not."""

    path: Path
    seconds: float = 0.0
    probabilities: np.ndarray | None = None
    fault: str = ""


def recordings(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and of each folder the WAV and FLAC files in it, by name.

    Raises:
        InputError: a folder without any.
    """
    return [file for path in paths for file in (_in_folder(path) if path.is_dir() else [path])]


def classify_files(
    model: Path, paths: Sequence[Path], *, workers: int = 1, backend: str | None = None
) -> Iterator[Outcome]:
    """Classify many recordings, in their order; a bad one does not stop the others.

    Raises:
        InputError: a model that cannot be used.
    """
    shared_classifier(model, backend)  # a bad model is told once, not for each file
    at_once = FILES_AT_ONCE if workers > 1 else 1
    chunks = [paths[start : start + at_once] for start in range(0, len(paths), at_once)]
    work = partial(_outcomes, model, backend)
    for outcomes in in_parallel(work, chunks, workers=workers, in_order=True):
        yield from outcomes


def classify_file(classifier: Classifier, path: Path) -> tuple[float, np.ndarray]:
    """Length in seconds and probabilities (classes,), averaged over the seconds of a recording.

    Channels are averaged. The result is that of `Classifier.probabilities` for the whole.

    Raises:
        InputError: a file that cannot be read or used.
    """
    rate_hz, heard = classifier.front_end.rate_hz, 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal heard
        for block in _resampled(path, rate_hz):
            heard += len(block)
            yield block
        if heard < SHORTEST_SECONDS * rate_hz:
            raise InputError(
                f"{path}: found {heard / rate_hz:.3f} s, expected at least {SHORTEST_SECONDS} s; "
                "give a longer recording."
            )

    rows = [classifier.window_probabilities(window) for window in seconds(counted(), rate_hz)]
    return heard / rate_hz, np.mean(rows, axis=0)


def _resampled(path: Path, to_hz: int) -> Iterator[np.ndarray]:
    resampler = None
    for samples, rate_hz in blocks(path, BLOCK_SECONDS):
        resampler = resampler or Resampler(require_rate(str(path), rate_hz), to_hz)
        yield resampler.push(samples.mean(0))
    if resampler:
        yield resampler.finish()


def _outcomes(model: Path, backend: str | None, paths: Sequence[Path]) -> list[Outcome]:
    return [_outcome(shared_classifier(model, backend), path) for path in paths]


def _outcome(classifier: Classifier, path: Path) -> Outcome:
    try:
        return Outcome(path, *classify_file(classifier, path))
    except InputError as error:
        return Outcome(path, fault=str(error))


def _in_folder(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise InputError(f"{folder}: found no WAV or FLAC file; give the folder that holds them.")
    return found
