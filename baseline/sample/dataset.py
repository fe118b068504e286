"""The sample dataset: synthetic recordings in the layout of TAU Urban Acoustic Scenes 2022 Mobile.

It lets everything run, and be tested, without a download. What the scenes sound like is in
`baseline.sample.scenes`.
"""

from __future__ import annotations

import os
import tempfile
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from baseline.challenge import (
    CLIP_SECONDS,
    DEVICE_GROUPS,
    DEVICES,
    SCENES,
    SOURCE_RATE_HZ,
    SPLITS,
)
from baseline.clip_audio import to_int16
from baseline.progress import progress_bar
from baseline.sample.scenes import make_place, record, render
from deploy.errors import InputError
from deploy.files import make_folder, write_errors
from deploy.workers import in_parallel

CITIES = (
    "barcelona",
    "helsinki",
    "lisbon",
    "london",
    "lyon",
    "milan",
    "paris",
    "prague",
    "stockholm",
    "vienna",
)

RECORDINGS_AT_ONCE = 4
"""Recordings in one chunk of work, some tenths of a second."""

LEVEL_SPREAD_DB = 3.0
"""Standard deviation of the recordings' levels."""

NOTICE = """\
These recordings are synthetic: a program made all of them, from random numbers and simple models
of engines, voices, birds and the like. They follow the layout of TAU Urban Acoustic Scenes 2022
Mobile but hold nothing of it: scenes, cities, places and devices are names only.

A score on them says that the pipeline works, and nothing about how a system does on TAU or
anywhere else. Do not report it as a result.
"""

PLACE_STREAM, SOUND_STREAM, DEVICE_STREAM, ORDER_STREAM = range(4)
"""Independent streams of random numbers under one seed."""


@dataclass(frozen=True)
class SampleSize:
    """How much is written; counts are per scene."""

    train_segments: int = 50
    train_places: int = 10
    test_places: int = 3
    """Each is recorded three times, each time by three devices at once."""
    evaluation_clips: int = 10
    segment_seconds: int = 2


@dataclass(frozen=True)
class Recording:
    """One stretch of sound at one place, recorded by one or more devices at once."""

    number: int
    """Unique in the dataset; with the seed it determines the sound."""
    scene: str
    city: str
    location: int
    """Unique in the dataset; with the seed it determines the place."""
    files: tuple[tuple[str, tuple[str, ...]], ...]
    """Each device with its files, one a second, relative to the dataset's folder."""

    @property
    def clips(self) -> int:
        """Number of files."""
        return sum(len(names) for _, names in self.files)

    @property
    def place(self) -> str:
        """The place's name in meta.csv."""
        return f"{self.city}-{self.location}"


@dataclass(frozen=True)
class SamplePlan:
    """All recordings of the sample dataset."""

    train: tuple[Recording, ...]
    """In the order of the split lists: each split is a prefix of the next larger one."""
    test: tuple[Recording, ...]
    evaluation: tuple[Recording, ...]

    def split(self, percent: int) -> tuple[Recording, ...]:
        """The recordings of a training split; every scene is in it."""
        count = max(len(SCENES), round(len(self.train) * percent / 100))
        return self.train[:count]


def write_sample(
    folder: Path,
    *,
    seed: int = 0,
    size: SampleSize | None = None,
    workers: int | None = None,
    show_progress: bool = True,
) -> None:
    """Write the sample dataset: about 1,600 one-second clips, 44.1 kHz, mono, 16-bit WAV.

    The same seed and size give the same bytes on one machine, with any number of workers.

    Args:
        folder: new or empty. It receives audio/, meta.csv, split_setup/ (split5 to split100 and
            test), evaluation/ (unlabelled clips and their list) and NOTICE.txt.
        seed: 0 or above.
        size: all of the dataset by default.
        workers: number of processes; all cores by default.
        show_progress: on standard error, if that is a terminal.

    Raises:
        InputError: the folder is not empty or cannot be written, or the seed is negative.
    """
    if seed < 0:
        raise InputError(f"seed: found {seed}, expected 0 or above; choose another seed.")
    _refuse_content(make_folder(folder))
    plan = plan_sample(seed, size or SampleSize())
    with (
        write_errors(folder),
        tempfile.TemporaryDirectory(prefix=".sample-", dir=folder) as temporary,
    ):
        _write_audio(Path(temporary), plan, seed, workers, show_progress)
        _write_lists(Path(temporary), plan)
        _move_content(Path(temporary), folder)


def plan_sample(seed: int, size: SampleSize) -> SamplePlan:
    """Decide what is recorded where and by whom; nothing is written."""
    train = tuple(_train_recordings(size))
    test = tuple(_test_recordings(size, len(train), len(SCENES) * size.train_places))
    evaluation = tuple(
        _evaluation_recordings(
            size,
            len(train) + len(test),
            len(SCENES) * (size.train_places + size.test_places),
            np.random.default_rng([seed, ORDER_STREAM]),
        )
    )
    return SamplePlan(train, test, evaluation)


def _train_recordings(size: SampleSize) -> Iterator[Recording]:
    # In every ten rounds each scene is recorded seven times by device a.
    others = ("b", "c", *DEVICE_GROUPS["seen"])
    for turn in range(size.train_segments):
        for index, scene in enumerate(SCENES):
            slot = (index + 3 * turn) % 10
            device = others[(3 * turn + slot + turn // 10) % len(others)] if slot < 3 else "a"
            place = (turn + index + turn // size.train_places) % size.train_places
            yield _recording(
                len(SCENES) * turn + index,
                scene,
                CITIES[place % len(CITIES)],
                index * size.train_places + place,
                (device,),
                size.segment_seconds,
            )


def _test_recordings(size: SampleSize, number: int, location: int) -> Iterator[Recording]:
    # One device of each group hears the same sound, so that groups can be compared.
    for place in range(len(SCENES) * size.test_places):
        for turn in range(3):
            yield _recording(
                number + 3 * place + turn,
                SCENES[place // size.test_places],
                CITIES[place % len(CITIES)],
                location + place,
                tuple(group[(place + turn) % 3] for group in DEVICE_GROUPS.values()),
                size.segment_seconds,
            )


def _recording(
    number: int, scene: str, city: str, location: int, devices: Iterable[str], seconds: int
) -> Recording:
    files = tuple(
        (
            device,
            tuple(
                f"audio/{scene}-{city}-{location}-{number}-{second}-{device}.wav"
                for second in range(seconds)
            ),
        )
        for device in devices
    )
    return Recording(number, scene, city, location, files)


def _evaluation_recordings(
    size: SampleSize, number: int, location: int, rng: np.random.Generator
) -> Iterator[Recording]:
    # Each clip from a place of its own; the file's number tells nothing.
    order = rng.permutation(len(SCENES) * size.evaluation_clips)
    for index, position in enumerate(order.tolist()):
        scene = SCENES[index % len(SCENES)]
        files = ((DEVICES[index % len(DEVICES)], (f"evaluation/audio/{position}.wav",)),)
        yield Recording(number + index, scene, "", location + index, files)


def _write_audio(
    folder: Path, plan: SamplePlan, seed: int, workers: int | None, show_progress: bool
) -> None:
    (folder / "audio").mkdir()
    (folder / "evaluation" / "audio").mkdir(parents=True)
    recordings = [*plan.train, *plan.test, *plan.evaluation]
    chunks = [
        (folder, seed, recordings[start : start + RECORDINGS_AT_ONCE])
        for start in range(0, len(recordings), RECORDINGS_AT_ONCE)
    ]
    clips = sum(recording.clips for recording in recordings)
    with progress_bar(clips, "sample", "clip", show=show_progress) as progress:
        for written in in_parallel(_write_chunk, chunks, workers=workers):
            progress.update(written)


def _write_chunk(chunk: tuple[Path, int, list[Recording]]) -> int:
    folder, seed, recordings = chunk
    for recording in recordings:
        for name, samples in recorded_clips(recording, seed):
            _write_wav(folder / name, samples)
    return sum(recording.clips for recording in recordings)


def recorded_clips(recording: Recording, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Make a recording's clips: each file name with its samples, int16 of shape (44100,)."""
    seconds = max(len(names) for _, names in recording.files)
    length = CLIP_SECONDS * SOURCE_RATE_HZ
    place_rng = np.random.default_rng([seed, PLACE_STREAM, recording.location])
    place = make_place(place_rng, recording.scene)
    rng = np.random.default_rng([seed, SOUND_STREAM, recording.number])
    sound = render(rng, place, seconds * length)
    level_db = LEVEL_SPREAD_DB * rng.standard_normal()
    for device, names in recording.files:
        stream = [seed, DEVICE_STREAM, recording.number, DEVICES.index(device)]
        heard = to_int16(record(np.random.default_rng(stream), sound, device, level_db))
        yield from zip(names, heard.reshape(-1, length), strict=True)


def _write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SOURCE_RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())


def _write_lists(folder: Path, plan: SamplePlan) -> None:
    lists = {f"split{percent}": plan.split(percent) for percent in SPLITS} | {"test": plan.test}
    (folder / "split_setup").mkdir()
    for name, recordings in lists.items():
        rows = [row[:2] for row in _rows(recordings)]
        _write_table(folder / "split_setup" / f"{name}.csv", ("filename", "scene_label"), rows)
    columns = ("filename", "scene_label", "identifier", "source_label")
    _write_table(folder / "meta.csv", columns, sorted(_rows([*plan.train, *plan.test])))
    setup = folder / "evaluation" / "evaluation_setup"
    setup.mkdir()
    names = [(f"audio/{position}.wav",) for position in range(len(plan.evaluation))]
    _write_table(setup / "fold1_test.csv", ("filename",), names)
    (folder / "NOTICE.txt").write_text(NOTICE, encoding="utf-8", newline="\n")


def _rows(recordings: Iterable[Recording]) -> Iterator[tuple[str, ...]]:
    for recording in recordings:
        for device, names in recording.files:
            for name in names:
                yield name, recording.scene, recording.place, device


def _write_table(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    lines = ["\t".join(row) + "\n" for row in chain([columns], rows)]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def _refuse_content(folder: Path) -> None:
    for entry in sorted(folder.iterdir()):
        raise InputError(
            f"{folder}: is not empty (found '{entry.name}'), expected a new or empty folder; "
            "choose another folder or empty this one."
        )


def _move_content(source: Path, folder: Path) -> None:
    # meta.csv comes last: a folder without it is no dataset to anyone.
    for entry in sorted(source.iterdir(), key=lambda entry: entry.name == "meta.csv"):
        os.rename(entry, folder / entry.name)
