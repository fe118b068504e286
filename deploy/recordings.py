"""Classifying whole recordings of any length, a few seconds in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os.path import isdir
from pathlib import Path

import numpy as np

from deploy.audio import blocks, require_rate
from deploy.classifier import Classifier
from deploy.errors import InputError
from deploy.resampling import Resampler
from deploy.windows import SHORTEST_SECONDS, seconds

SUFFIXES = {".wav", ".flac"}
"""Of recordings in a folder."""

BLOCK_SECONDS = 8.0


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
    return [file for path in paths for file in (_in_folder(path) if isdir(path) else [path])]


def classify_files(
    model: Path, paths: Sequence[Path], *, backend: str | None = None
) -> Iterator[Outcome]:
    """Classify many recordings, in their order; a bad one does not stop the others.

    Raises:
        InputError: a model that cannot be used.
    """
    classifier = Classifier(model, backend=backend)
    return (_outcome(classifier, path) for path in paths)


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
        resampler = resampler or _resampler(path, rate_hz, to_hz)
        yield resampler.push(samples.mean(0))
    if resampler:
        yield resampler.finish()


def _resampler(path: Path, from_hz: int, to_hz: int) -> Resampler:
    require_rate(str(path), from_hz)
    try:
        return Resampler(from_hz, to_hz)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


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
