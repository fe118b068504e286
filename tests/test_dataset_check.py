"""Every kind of problem is found, counted and shown; a sound dataset has none."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from baseline.clips import list_path, read_list
from baseline.dataset_check import Problem, check_dataset, format_problems
from deploy.errors import InputError

TinyDataset = Callable[..., Path]
CLIP = "audio/airport-lisbon-1-0-0-a.wav"
"""First clip of the tiny dataset, in every split."""


def check(folder: Path, *, audio: bool = True) -> dict[str, Problem]:
    problems = check_dataset(folder, audio=audio, workers=1, show_progress=False)
    return {problem.kind: problem for problem in problems}


def edit(path: Path, pattern: str, replacement: str) -> None:
    text = path.read_text()
    assert re.search(pattern, text, flags=re.M)
    path.write_text(re.sub(pattern, replacement, text, flags=re.M))


def append(path: Path, *rows: str) -> None:
    with open(path, "a") as file:
        file.writelines(row + "\n" for row in rows)


def noise(samples: int = 44_100, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, (samples, channels)).clip(-1, 1)


def write_nan(path: Path) -> None:
    wave = noise()
    wave[100] = np.nan
    soundfile.write(path, wave, 44_100, subtype="FLOAT")


def cut_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


AUDIO_FAULTS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing": ("missing file", Path.unlink, CLIP),
    "zero length": ("unreadable file", lambda path: path.write_bytes(b""), CLIP),
    "text": ("unreadable file", lambda path: path.write_text("not audio\n" * 9), CLIP),
    "header cut": ("unreadable file", cut_header, CLIP),
    "no samples": (
        "unreadable file",
        lambda path: soundfile.write(path, noise(0), 44_100, subtype="PCM_24"),
        CLIP,
    ),
    "48 kHz": (
        "wrong rate",
        lambda path: soundfile.write(path, noise(48_000), 48_000),
        "found 48000 Hz, expected 44100 Hz",
    ),
    "stereo": (
        "wrong channels",
        lambda path: soundfile.write(path, noise(channels=2), 44_100),
        "found 2 channels, expected 1",
    ),
    "short": (
        "wrong length",
        lambda path: soundfile.write(path, noise(44_099), 44_100),
        "found 44099 samples, expected 44100",
    ),
    "truncated": (
        "unreadable file",
        lambda path: path.write_bytes(path.read_bytes()[:50_000]),
        "50,000 of 132,344 bytes are there",
    ),
    "NaN": ("samples not finite", write_nan, CLIP),
}


def test_sound_dataset_has_no_problems(tiny_dataset: TinyDataset) -> None:
    assert check_dataset(tiny_dataset(), show_progress=False) == []
    assert format_problems([]) == "no problems found"


@pytest.mark.parametrize("fault", AUDIO_FAULTS)
def test_audio_faults(fault: str, tiny_dataset: TinyDataset) -> None:
    kind, spoil, example = AUDIO_FAULTS[fault]
    folder = tiny_dataset()
    spoil(folder / CLIP)
    problems = check(folder)
    assert list(problems) == [kind]
    assert problems[kind].count == 1
    assert CLIP in problems[kind].examples[0]
    assert example in problems[kind].examples[0]
    assert check(folder, audio=False) == {}


def test_one_file_can_have_several_faults(tiny_dataset: TinyDataset) -> None:
    folder = tiny_dataset()
    soundfile.write(folder / CLIP, noise(44_100, 2), 48_000)
    assert list(check(folder)) == ["wrong rate", "wrong channels", "wrong length"]


LIST_FAULTS = {
    "repeated clip": (
        "duplicate row",
        lambda folder: append(folder / "meta.csv", f"{CLIP}\tairport\tlisbon-1\ta"),
        f"meta.csv: {CLIP}",
    ),
    "repeated list row": (
        "duplicate row",
        lambda folder: append(list_path(folder, "split5"), CLIP),
        f"split5.csv: {CLIP}",
    ),
    "scene": (
        "unknown scene",
        lambda folder: edit(folder / "meta.csv", f"^{CLIP}\tairport", f"{CLIP}\tairprot"),
        f"{CLIP}: 'airprot'",
    ),
    "device": (
        "unknown device",
        lambda folder: edit(folder / "meta.csv", f"^({CLIP}.*)\ta$", r"\1\tz9"),
        f"{CLIP}: 'z9'",
    ),
    "list row": (
        "list row that meta.csv lacks",
        lambda folder: append(list_path(folder, "split100"), "audio/nowhere.wav"),
        "split100.csv: audio/nowhere.wav",
    ),
}


@pytest.mark.parametrize("fault", LIST_FAULTS)
def test_list_faults(fault: str, tiny_dataset: TinyDataset) -> None:
    kind, spoil, example = LIST_FAULTS[fault]
    folder = tiny_dataset(audio=False)
    spoil(folder)
    problems = check(folder, audio=False)
    assert problems[kind] == Problem(kind, 1, (example,))
    # A device is part of a segment's identity: another device's clip is missing from its segment.
    assert set(problems) <= {kind, "divided segment"}


def test_splits_that_are_not_nested(tiny_dataset: TinyDataset) -> None:
    folder = tiny_dataset(audio=False)
    whole_segment = read_list(list_path(folder, "split100")).tail(2).to_list()
    append(list_path(folder, "split10"), *whole_segment)
    example = f"{whole_segment[0]} is in split10.csv but not in split25.csv"
    problems = check(folder, audio=False)
    assert list(problems) == ["split not nested"]
    assert problems["split not nested"].count == 2
    assert problems["split not nested"].examples[0] == example


def test_missing_split_is_stepped_over(tiny_dataset: TinyDataset) -> None:
    folder = tiny_dataset(audio=False)
    list_path(folder, "split25").unlink()
    assert check(folder, audio=False) == {}
    append(list_path(folder, "split10"), *read_list(list_path(folder, "split100")).tail(2))
    assert check(folder, audio=False)["split not nested"].examples[0].endswith("in split50.csv")


def test_subsets_in_another_order_are_nested(tiny_dataset: TinyDataset) -> None:
    folder = tiny_dataset(audio=False)
    rows = read_list(list_path(folder, "split10")).to_list()
    list_path(folder, "split10").write_text("\n".join(["filename", *rows[::-1]]))
    assert check(folder, audio=False) == {}


@pytest.mark.parametrize("name", ["split5", "test"])
def test_divided_segment(name: str, tiny_dataset: TinyDataset) -> None:
    folder = tiny_dataset(audio=False)
    path = list_path(folder, name)
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    problems = check(folder, audio=False)
    assert list(problems) == ["divided segment"]
    assert problems["divided segment"].count == 1
    assert f"{name}.csv has 1 of 2 clips" in problems["divided segment"].examples[0]


@pytest.mark.parametrize("columns", ["bus lisbon-1 a", "airport lisbon-9 a", "airport lisbon-1 c"])
def test_segments_differ_by_columns_too(columns: str, tiny_dataset: TinyDataset) -> None:
    # Names that agree but for the second, in columns that do not: two segments.
    folder = tiny_dataset(audio=False)
    second_clip = CLIP.replace("-0-a", "-1-a")
    edit(folder / "meta.csv", f"^{second_clip}.*$", "\t".join([second_clip, *columns.split()]))
    path = list_path(folder, "split5")
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    assert check(folder, audio=False) == {}


def test_place_in_train_and_test(tiny_dataset: TinyDataset) -> None:
    folder = tiny_dataset(audio=False)
    edit(folder / "meta.csv", "\tparis-4\t", "\tlisbon-3\t")
    problems = check(folder, audio=False)
    kind = "place in both train and test"
    assert problems == {kind: Problem(kind, 1, ("lisbon-3",))}


def test_everything_is_reported_at_once_in_one_run(tiny_dataset: TinyDataset) -> None:
    folder = tiny_dataset()
    for _, spoil, _ in LIST_FAULTS.values():
        spoil(folder)
    clips = sorted((folder / "audio").iterdir())
    clips[0].unlink()
    for path in clips[1:6]:
        path.write_text("text")
    problems = check(folder)
    assert problems["duplicate row"].count == 2
    assert problems["missing file"].count == 1
    assert problems["unreadable file"].count == 5
    assert len(problems["unreadable file"].examples) == 3
    assert {"unknown scene", "unknown device", "list row that meta.csv lacks"} <= set(problems)
    lines = format_problems(list(problems.values())).splitlines()
    assert len(lines) == len(problems)
    assert "unreadable file: 5, for example " in "\n".join(lines)


def test_result_does_not_depend_on_workers(tiny_dataset: TinyDataset) -> None:
    folder = tiny_dataset()
    for path in sorted((folder / "audio").iterdir())[::2]:
        path.write_text("text")
    one = check_dataset(folder, workers=1, show_progress=False)
    assert one == check_dataset(folder, workers=2, show_progress=False)


def test_unusable_tables_are_errors(tiny_dataset: TinyDataset) -> None:
    folder = tiny_dataset(audio=False)
    (folder / "meta.csv").unlink()
    with pytest.raises(InputError, match="no such file"):
        check_dataset(folder, audio=False)


def test_esc10_divides_segments_and_is_sound_otherwise(shared: Path) -> None:
    problems = check_dataset(shared / "data" / "esc10-as-tau", show_progress=False)
    assert [(problem.kind, problem.count) for problem in problems] == [("divided segment", 691)]


def test_real_lists_are_sound(tau_lists: Path) -> None:
    assert check_dataset(tau_lists, audio=False) == []
