"""Fixtures: the shared test data, and a tiny dataset in the layout of TAU."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.file_server import Server

ROOT = Path(__file__).resolve().parent.parent

SPLITS_OF_TINY = {5: 1, 10: 2, 25: 3, 50: 4, 100: 6}
"""Split percentage to the number of training segments in it."""

TAU_LISTS = ("split5", "split10", "split25", "split50", "test")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings, lists and weights that is not part of the project."""
    path = Path(os.environ.get("TINYSCENE_SHARED", ROOT.parent / "shared"))
    if not (path / "data").is_dir():
        pytest.skip(f"no shared test data at {path}; set TINYSCENE_SHARED to its folder")
    return path


@pytest.fixture
def tiny_dataset(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes the tiny dataset into a new folder and returns it."""

    def make(name: str = "data", *, audio: bool = True) -> Path:
        return write_tiny_dataset(tmp_path / name, audio=audio)

    return make


def write_tiny_dataset(folder: Path, *, audio: bool = True) -> Path:
    """Write a dataset folder of 16 clips.

    Three scenes, five places, four devices, segments of two clips; 12 clips are in split 100, 2 in
    test and 2 in no list.
    """
    segments = [
        ("airport", "lisbon-1", "a", 0),
        ("bus", "lisbon-2", "a", 0),
        ("tram", "lisbon-3", "a", 0),
        ("airport", "lisbon-1", "b", 0),
        ("bus", "lisbon-2", "s1", 1),
        ("tram", "lisbon-3", "a", 1),
        ("bus", "paris-4", "s4", 0),
        ("bus", "paris-5", "a", 0),
    ]
    clips = [
        (f"audio/{scene}-{place}-{segment}-{second}-{device}.wav", scene, place, device)
        for scene, place, device, segment in segments
        for second in (0, 1)
    ]
    write_table(
        folder / "meta.csv", ("filename", "scene_label", "identifier", "source_label"), clips
    )
    for split, count in SPLITS_OF_TINY.items():
        write_list(folder, f"split{split}", [clip[0] for clip in clips[: 2 * count]])
    write_list(folder, "test", [clip[0] for clip in clips[12:14]])
    if audio:
        write_audio(folder, [clip[0] for clip in clips])
    return folder


def write_table(path: Path, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(row) + "\n" for row in (header, *rows)]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def write_list(folder: Path, name: str, clips: list[str]) -> None:
    write_table(folder / "split_setup" / f"{name}.csv", ("filename",), [(c,) for c in clips])


def write_audio(folder: Path, names: list[str]) -> None:
    generator = np.random.default_rng(0)
    (folder / "audio").mkdir(exist_ok=True)
    for name in names:
        wave = generator.normal(0, 0.1, 44_100).clip(-1, 1)
        soundfile.write(folder / name, wave, 44_100, subtype="PCM_24")


@pytest.fixture(scope="session")
def tau_lists(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real dataset's lists unpacked into a dataset folder without audio."""
    source = shared / "data" / "tau2022-lists"
    folder = tmp_path_factory.mktemp("tau")
    (folder / "split_setup").mkdir()
    targets = {"meta": "meta.csv", "fold1_train": "split_setup/split100.csv"}
    targets |= {name: f"split_setup/{name}.csv" for name in TAU_LISTS}
    for name, target in targets.items():
        (folder / target).write_bytes(gzip.decompress((source / f"{name}.csv.gz").read_bytes()))
    return folder


@pytest.fixture
def golden_asc(shared: Path) -> Callable[[str], Any]:
    """Opens reference vectors of the scene-classification systems by name."""
    return lambda name: np.load(shared / "golden" / "asc" / f"{name}.npz")


@pytest.fixture
def golden_tagging(shared: Path) -> Callable[[str], Any]:
    """Opens reference vectors of the audio taggers by name."""
    return lambda name: np.load(shared / "golden" / "tagging" / f"{name}.npz")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A running server; downloads from it are tried again without a pause."""
    monkeypatch.setattr("baseline.download.RETRY_WAIT_S", 0.0)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()
