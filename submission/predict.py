"""The predict stage: a run's probabilities for a folder of recordings without labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from baseline.progress import progress_bar
from baseline.run import Run
from deploy.audio import read_mono
from deploy.clips import clip_probabilities
from deploy.errors import InputError
from deploy.workers import in_parallel
from quantize.system_names import TORCH_SYSTEMS, exported_file, require_system
from submission.predictions import read_evaluation_list, write_predictions

AUDIO_SUFFIXES = {".wav", ".flac"}
READING_THREADS = 2
CLIPS_AT_ONCE = 64


def predict_run(
    run: Run,
    audio: Path,
    *,
    evaluation_list: Path | None = None,
    system_name: str | None = None,
    workers: int | None = None,
    show_progress: bool = True,
) -> Path:
    """Write a system's predictions as the challenge's CSV.

    Args:
        audio: folder of WAV or FLAC files, mono, at any rate, of a second or longer.
        evaluation_list: the files to predict, in order; without it all in the folder, by number.
        system_name: one of `quantize.system_names.SYSTEMS`; by default the recipe's submitted one.
        workers: processes for exported files, all cores by default; torch has threads of its own.

    Returns:
        The CSV file.

    Raises:
        InputError: an empty folder, a file missing or unreadable, or an unusable run.
    """
    system_name = system_name or run.recipe.submitted_system
    require_system(system_name)
    paths = listed_files(audio, evaluation_list) if evaluation_list else audio_files(audio)
    if system_name in TORCH_SYSTEMS:
        parts = _by_torch(run, system_name, paths)
    else:
        parts = _by_file(exported_file(run, system_name), paths, workers)
    rows = []
    title = f"predict {system_name}"
    with progress_bar(len(paths), title, "clip", show=show_progress) as progress:
        for probabilities in parts:
            rows.append(probabilities)
            progress.update(len(probabilities))
    predictions = run.predictions_file(system_name)
    write_predictions(predictions, [path.name for path in paths], np.concatenate(rows))
    return predictions


def audio_files(folder: Path) -> list[Path]:
    """All recordings of a folder, numbered names in order of their numbers.

    Raises:
        InputError: no such folder, or no recording in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; check the path.")
    paths = [path for path in folder.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES]
    if not paths:
        raise InputError(f"{folder}: found no WAV or FLAC file; give the folder that holds them.")
    return sorted(paths, key=_natural_order)


def listed_files(audio: Path, evaluation_list: Path) -> list[Path]:
    """The recordings that an evaluation list names, in its order.

    Raises:
        InputError: a list that cannot be read, or a file that is not there.
    """
    paths = [audio / name for name in read_evaluation_list(evaluation_list)]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{evaluation_list}: {len(missing)} of {len(paths)} files are not in {audio}, first "
            f"{missing[0].name}; complete the folder."
        )
    return paths


def _natural_order(path: Path) -> tuple[list[int], str]:
    return [int(number) for number in re.findall(r"\d+", path.stem)], path.name


def _by_file(model: Path, paths: list[Path], workers: int | None) -> Iterator[np.ndarray]:
    """Probabilities (clips, classes) of some recordings after the other, in their order."""
    chunks = [paths[start : start + CLIPS_AT_ONCE] for start in range(0, len(paths), CLIPS_AT_ONCE)]
    clip_probabilities(model, paths[:1])  # a bad model is told before any process starts
    work = partial(clip_probabilities, model)
    return in_parallel(work, chunks, workers=workers, in_order=True)


def _by_torch(run: Run, system_name: str, paths: list[Path]) -> Iterator[np.ndarray]:
    from quantize.systems import open_system

    system = open_system(run, system_name)
    for first, waves, rate_hz in _batches(paths):
        try:
            yield system.probabilities(waves, rate_hz)
        except InputError as error:
            raise InputError(f"{first}: {error}") from error


def _batches(paths: list[Path]) -> Iterator[tuple[Path, np.ndarray, int]]:
    """Neighbouring recordings of one length and rate together.

    Yields:
        The first recording's path, waves (batch, samples) and their rate in Hz.
    """
    with ThreadPoolExecutor(READING_THREADS) as pool:
        for start in range(0, len(paths), CLIPS_AT_ONCE):
            batch = paths[start : start + CLIPS_AT_ONCE]
            recordings = list(pool.map(read_mono, batch))
            kinds = {(len(wave), rate_hz) for wave, rate_hz in recordings}
            if len(kinds) == 1:
                yield batch[0], np.stack([wave for wave, _ in recordings]), recordings[0][1]
            else:
                for path, (wave, rate_hz) in zip(batch, recordings, strict=True):
                    yield path, wave[None], rate_hz
