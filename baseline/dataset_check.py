"""Everything that is wrong with a dataset folder, at once: lists, labels, splits and audio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from baseline.challenge import DEVICES, SCENES
from baseline.clip_audio import format_faults
from baseline.clips import LISTS, SPLIT_LISTS, list_path, read_list, read_meta
from baseline.progress import progress_bar
from deploy.audio import read_audio
from deploy.errors import InputError
from deploy.workers import in_parallel

MAX_EXAMPLES = 3
CHUNK_CLIPS = 256

Finding = tuple[str, str]
"""Kind of problem and one example of it."""


@dataclass(frozen=True)
class Problem:
    """One kind of problem with a dataset folder."""

    kind: str
    count: int
    examples: tuple[str, ...]
    """The first few, in the order of meta.csv or of the list."""


def check_dataset(
    folder: Path, *, audio: bool = True, workers: int | None = None, show_progress: bool = True
) -> list[Problem]:
    """Report every problem of a dataset folder, grouped by kind.

    Args:
        folder: in the layout of TAU Urban Acoustic Scenes 2022 Mobile. Lists that are not there
            are not checked.
        audio: also decode every clip of meta.csv.
        workers: number of decoding processes; all cores by default.
        show_progress: on standard error, while decoding.

    Returns:
        An empty list if nothing is wrong.

    Raises:
        InputError: meta.csv or a list cannot be read as a table at all.
    """
    clips = read_meta(folder)
    lists = {
        name: read_list(list_path(folder, name))
        for name in LISTS
        if list_path(folder, name).is_file()
    }
    findings = [*check_clips(clips), *check_lists(clips, lists)]
    if audio:
        names = clips["filename"].drop_duplicates().to_list()
        findings += check_audio(folder, names, workers=workers, show_progress=show_progress)
    return _grouped(findings)


def format_problems(problems: list[Problem]) -> str:
    """The problems as text for people, one line a kind."""
    if not problems:
        return "no problems found"
    return "\n".join(
        f"{problem.kind}: {problem.count:,}, for example {'; '.join(problem.examples)}"
        for problem in problems
    )


def check_clips(clips: pd.DataFrame) -> Iterator[Finding]:
    """Check meta.csv's columns: each clip once, known scenes, known devices."""
    names = clips["filename"]
    for name in names[names.duplicated()]:
        yield "duplicate row", f"meta.csv: {name}"
    for column, known in (("scene", SCENES), ("device", DEVICES)):
        unknown = clips[~clips[column].isin(known)]
        for name, value in zip(unknown["filename"], unknown[column], strict=True):
            yield f"unknown {column}", f"{name}: '{value}'"


def check_lists(clips: pd.DataFrame, lists: dict[str, pd.Series[str]]) -> Iterator[Finding]:
    """Check split and test lists against meta.csv's clips and against each other.

    Args:
        clips: as from `baseline.clips.read_meta`.
        lists: list name (`split5` to `split100`, `test`) to file names.
    """
    clips = clips.drop_duplicates("filename")
    member = {name: clips["filename"].isin(names).to_numpy() for name, names in lists.items()}
    for name, names in lists.items():
        yield from _list_rows(name, names, clips["filename"])
    yield from _not_nested(clips, {name: member[name] for name in SPLIT_LISTS if name in member})
    yield from _divided_segments(clips, member)
    yield from _shared_places(clips, member)


def _list_rows(name: str, rows: pd.Series[str], clips: pd.Series[str]) -> Iterator[Finding]:
    for row in rows[rows.duplicated()]:
        yield "duplicate row", f"{name}.csv: {row}"
    for row in rows[~rows.isin(clips)]:
        yield "list row that meta.csv lacks", f"{name}.csv: {row}"


def _not_nested(clips: pd.DataFrame, splits: dict[str, np.ndarray]) -> Iterator[Finding]:
    for smaller, larger in pairwise(splits):
        for clip in clips["filename"][splits[smaller] & ~splits[larger]]:
            yield "split not nested", f"{clip} is in {smaller}.csv but not in {larger}.csv"


def _divided_segments(clips: pd.DataFrame, member: dict[str, np.ndarray]) -> Iterator[Finding]:
    # Only a clip's name tells its segment: scene-city-location-segment-second-device.
    segments = pd.Series([name.rsplit("-", 2)[0] for name in clips["filename"]], clips.index)
    keys = [clips["scene"], clips["place"], segments, clips["device"]]
    ids = pd.DataFrame(dict(enumerate(keys))).groupby([0, 1, 2, 3], sort=False).ngroup().to_numpy()
    sizes = np.bincount(ids)
    first = np.unique(ids, return_index=True)[1]
    for name, inside in member.items():
        taken = np.bincount(ids[inside], minlength=len(sizes))
        for segment in np.flatnonzero((taken > 0) & (taken < sizes)):
            clip = clips["filename"].iloc[first[segment]]
            yield (
                "divided segment",
                f"{name}.csv has {taken[segment]} of {sizes[segment]} clips of {clip}'s segment",
            )


def _shared_places(clips: pd.DataFrame, member: dict[str, np.ndarray]) -> Iterator[Finding]:
    train = [inside for name, inside in member.items() if name in SPLIT_LISTS]
    if not train or "test" not in member:
        return
    train_places = clips["place"][np.any(train, axis=0)]
    test_places = clips["place"][member["test"]].drop_duplicates()
    for place in test_places[test_places.isin(train_places)]:
        yield "place in both train and test", place


def check_audio(
    folder: Path, names: list[str], *, workers: int | None = None, show_progress: bool = True
) -> list[Finding]:
    """Decode every clip and check that it is there, readable, finite and of the right format."""
    chunks = [
        [(folder, name) for name in names[start : start + CHUNK_CLIPS]]
        for start in range(0, len(names), CHUNK_CLIPS)
    ]
    order = {name: position for position, name in enumerate(names)}
    faults: list[tuple[str, Finding]] = []
    with progress_bar(len(names), "check", "clip", show=show_progress) as progress:
        for checked, found in in_parallel(_check_chunk, chunks, workers=workers):
            progress.update(checked)
            faults += found
    faults.sort(key=lambda fault: order[fault[0]])
    return [finding for _, finding in faults]


def _check_chunk(chunk: list[tuple[Path, str]]) -> tuple[int, list[tuple[str, Finding]]]:
    faults = [
        (name, (kind, f"{name}: {detail}" if detail else name))
        for folder, name in chunk
        for kind, detail in audio_faults(folder / name).items()
    ]
    return len(chunk), faults


def audio_faults(path: Path) -> dict[str, str]:
    """What is wrong with one clip's file: kind to detail; empty if nothing is."""
    if not path.is_file():
        return {"missing file": ""}
    try:
        return format_faults(*read_audio(path))
    except InputError as error:
        kind = "samples not finite" if _is_not_finite(path) else "unreadable file"
        return {kind: str(error).removeprefix(f"{path}: ").removesuffix(".")}


def _is_not_finite(path: Path) -> bool:
    try:
        samples, _ = soundfile.read(path)
    except (OSError, RuntimeError):
        return False
    return not np.isfinite(samples).all()


def _grouped(findings: Iterable[Finding]) -> list[Problem]:
    examples: dict[str, list[str]] = {}
    for kind, example in findings:
        examples.setdefault(kind, []).append(example)
    return [
        Problem(kind, len(found), tuple(found[:MAX_EXAMPLES])) for kind, found in examples.items()
    ]
