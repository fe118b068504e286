"""The predict stage: a run's probabilities for a folder of recordings without labels."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from baseline.progress import progress_bar
from baseline.run import MODEL_DIGEST, Run
from deploy.audio import read_mono
from deploy.clips import clip_probabilities
from deploy.errors import InputError
from deploy.files import file_digest, read_json, write_json
from deploy.workers import in_parallel
from quantize.system_names import TORCH_SYSTEMS, exported_file, require_system
from submission.partial_predictions import open_partial
from submission.predictions import read_evaluation_list, write_predictions

AUDIO_SUFFIXES = {".wav", ".flac"}
READING_THREADS = 2
CLIPS_AT_ONCE = 64

CSV_DIGEST = "csv_sha256"
"""Key of the digest of complete predictions in their record."""


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

    Stopped and started again, it goes on where it was. Predictions that are complete, of the same
    model and recordings, stay as they are.

    Args:
        audio: folder of WAV or FLAC files, mono, at any rate, of a second or longer.
        evaluation_list: the files to predict, in order; without it all in the folder, by number.
        system_name: one of `quantize.system_names.SYSTEMS`; by default the recipe's submitted one.
        workers: processes for exported files, all cores by default; torch has threads of its own.

    Returns:
        The CSV file.

    Raises:
        InputError: an empty folder, a file missing or unreadable, an unusable run, a full disk, or
            another process that predicts the same.
    """
    system_name = system_name or run.recipe.submitted_system
    require_system(system_name)
    names = listed_names(audio, evaluation_list) if evaluation_list else audio_names(audio)
    identity = _identity(run, system_name, audio, names)
    predictions = run.predictions_file(system_name)
    if _is_complete(run, system_name, identity):
        return predictions
    partial = run.partial_predictions_file(system_name)
    with open_partial(partial, identity, CLIPS_AT_ONCE) as rows:
        title = f"predict {system_name}"
        with progress_bar(len(names), title, "clip", show=show_progress, done=rows.rows) as bar:
            for probabilities in _parts(run, system_name, audio, names[rows.rows :], workers):
                rows.append(probabilities)
                bar.update(len(probabilities))
        write_predictions(predictions, names, rows.probabilities())
        record = identity | {CSV_DIGEST: file_digest(predictions)}
        write_json(run.predictions_record_file(system_name), record)
    return predictions


def _identity(run: Run, system_name: str, audio: Path, names: Sequence[str]) -> dict[str, Any]:
    """What predictions belong to: the system's file, and the recordings by folder and name."""
    source = run.source_file(system_name)
    if system_name not in TORCH_SYSTEMS:
        exported_file(run, system_name)
    listing = "\n".join(names)
    return {
        "system": system_name,
        MODEL_DIGEST: file_digest(source),
        "audio": str(audio.resolve()),
        "names_sha256": hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest(),
        "clips": len(names),
    }


def _is_complete(run: Run, system_name: str, identity: dict[str, Any]) -> bool:
    predictions = run.predictions_file(system_name)
    record = run.predictions_record_file(system_name)
    if not predictions.is_file() or not record.is_file():
        return False
    return bool(read_json(record) == identity | {CSV_DIGEST: file_digest(predictions)})


def _parts(
    run: Run, system_name: str, audio: Path, names: list[str], workers: int | None
) -> Iterator[np.ndarray]:
    if not names:
        return iter(())
    if system_name in TORCH_SYSTEMS:
        return _by_torch(run, system_name, audio, names)
    return _by_file(exported_file(run, system_name), audio, names, workers)


def audio_names(folder: Path) -> list[str]:
    """All recordings of a folder by name, numbered ones in order of their numbers.

    Raises:
        InputError: no such folder, or no recording in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; check the path.")
    names = [name for name in os.listdir(folder) if Path(name).suffix.lower() in AUDIO_SUFFIXES]
    if not names:
        raise InputError(f"{folder}: found no WAV or FLAC file; give the folder that holds them.")
    return sorted(names, key=_natural_order)


def listed_names(audio: Path, evaluation_list: Path) -> list[str]:
    """The recordings that an evaluation list names, in its order.

    Raises:
        InputError: a list that cannot be read, or a file that is not there.
    """
    names = read_evaluation_list(evaluation_list)
    missing = [name for name in names if not (audio / name).is_file()]
    if missing:
        raise InputError(
            f"{evaluation_list}: {len(missing)} of {len(names)} files are not in {audio}, first "
            f"{missing[0]}; complete the folder."
        )
    return names


def _natural_order(name: str) -> tuple[list[int], str]:
    return [int(number) for number in re.findall(r"\d+", Path(name).stem)], name


def _by_file(
    model: Path, audio: Path, names: list[str], workers: int | None
) -> Iterator[np.ndarray]:
    """Probabilities (clips, classes) of some recordings after the other, in their order."""
    clip_probabilities(model, audio, names[:1])  # a bad model is told before any process starts
    work = partial(clip_probabilities, model, audio)
    return in_parallel(work, _chunks(names), workers=workers, in_order=True)


def _chunks(names: list[str]) -> list[list[str]]:
    return [names[start : start + CLIPS_AT_ONCE] for start in range(0, len(names), CLIPS_AT_ONCE)]


def _by_torch(run: Run, system_name: str, audio: Path, names: list[str]) -> Iterator[np.ndarray]:
    from quantize.systems import open_system

    system = open_system(run, system_name)
    for first, waves, rate_hz in _batches(audio, names):
        try:
            yield system.probabilities(waves, rate_hz)
        except InputError as error:
            raise InputError(f"{first}: {error}") from error


def _batches(audio: Path, names: list[str]) -> Iterator[tuple[Path, np.ndarray, int]]:
    """Neighbouring recordings of one length and rate together.

    Yields:
        The first recording's path, waves (batch, samples) and their rate in Hz.
    """
    with ThreadPoolExecutor(READING_THREADS) as pool:
        for chunk in _chunks(names):
            batch = [audio / name for name in chunk]
            recordings = list(pool.map(read_mono, batch))
            kinds = {(len(wave), rate_hz) for wave, rate_hz in recordings}
            if len(kinds) == 1:
                yield batch[0], np.stack([wave for wave, _ in recordings]), recordings[0][1]
            else:
                for path, (wave, rate_hz) in zip(batch, recordings, strict=True):
                    yield path, wave[None], rate_hz
