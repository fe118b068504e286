"""The sample dataset has TAU's layout, is reproducible, and keeps the challenge's rules."""

from __future__ import annotations

import wave
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from baseline.challenge import DEVICE_GROUPS, DEVICES, SCENES, SPLITS
from baseline.clips import read_dataset
from baseline.dataset_check import check_dataset
from baseline.sample.dataset import (
    CITIES,
    Recording,
    SamplePlan,
    SampleSize,
    plan_sample,
    recorded_clips,
    write_sample,
)
from baseline.sample.scenes import CEILING, make_place, record, render
from deploy.errors import InputError

SMALL = SampleSize(
    train_segments=2, train_places=2, test_places=1, evaluation_clips=1, segment_seconds=1
)
SECOND = 44_100
UNSEEN = DEVICE_GROUPS["unseen"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "data"
    write_sample(folder, size=SMALL, workers=1, show_progress=False)
    return folder


@pytest.fixture(scope="module")
def plan() -> SamplePlan:
    return plan_sample(0, SampleSize())


def clips(recordings: tuple[Recording, ...]) -> int:
    return sum(recording.clips for recording in recordings)


def devices(recordings: tuple[Recording, ...]) -> Counter[str]:
    return Counter(device for recording in recordings for device, _ in recording.files)


def scenes(recordings: tuple[Recording, ...]) -> Counter[str]:
    return Counter(recording.scene for recording in recordings)


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# What is written


def test_layout(sample: Path) -> None:
    top = sorted(entry.name for entry in sample.iterdir())
    assert top == ["NOTICE.txt", "audio", "evaluation", "meta.csv", "split_setup"]
    lists = sorted(path.name for path in (sample / "split_setup").iterdir())
    assert lists == sorted(["test.csv", *(f"split{split}.csv" for split in SPLITS)])
    meta = pd.read_csv(sample / "meta.csv", sep="\t")
    assert meta.columns.to_list() == ["filename", "scene_label", "identifier", "source_label"]
    written = {f"audio/{path.name}" for path in (sample / "audio").iterdir()}
    assert set(meta["filename"]) == written
    assert len(meta) == len(written) == 10 * (2 + 9)


def test_names_repeat_what_meta_says(sample: Path) -> None:
    meta = pd.read_csv(sample / "meta.csv", sep="\t")
    for name, scene, place, device in meta.itertuples(index=False):
        parts = name.removeprefix("audio/").removesuffix(".wav").split("-")
        assert [parts[0], "-".join(parts[1:3]), parts[5]] == [scene, place, device]


def test_lists_name_scenes_and_end_lines_with_lf(sample: Path) -> None:
    meta = pd.read_csv(sample / "meta.csv", sep="\t", index_col="filename")
    for path in (sample / "split_setup").iterdir():
        rows = pd.read_csv(path, sep="\t")
        assert rows.columns.to_list() == ["filename", "scene_label"]
        assert rows["scene_label"].to_list() == meta.loc[rows["filename"], "scene_label"].to_list()
        assert b"\r" not in path.read_bytes()


def test_the_checker_finds_nothing_wrong(sample: Path) -> None:
    assert check_dataset(sample, workers=1, show_progress=False) == []
    dataset = read_dataset(sample)
    assert len(dataset.train_rows(100)) == 20
    assert len(dataset.test_rows()) == 90


def test_evaluation_clips_are_numbered_and_unlabelled(sample: Path) -> None:
    rows = (sample / "evaluation" / "evaluation_setup" / "fold1_test.csv").read_text().splitlines()
    assert rows == ["filename", *(f"audio/{number}.wav" for number in range(10))]
    written = {path.name for path in (sample / "evaluation" / "audio").iterdir()}
    assert written == {f"{number}.wav" for number in range(10)}


def test_notice_says_what_it_is(sample: Path) -> None:
    notice = (sample / "NOTICE.txt").read_text()
    assert "synthetic" in notice
    assert "pipeline works" in notice


def test_every_clip_is_one_second_neither_silent_nor_clipped(sample: Path) -> None:
    for path in sample.rglob("*.wav"):
        with wave.open(str(path)) as file:
            assert file.getparams()[:4] == (1, 2, SECOND, SECOND)
            samples = np.frombuffer(file.readframes(SECOND), "<i2") / 32_768
        assert np.abs(samples).max() <= CEILING + 1e-4
        blocks = samples.reshape(20, -1)  # twentieths of a second
        assert np.sqrt(np.square(blocks).mean(axis=1)).min() > 1e-4
        assert abs(samples.mean()) < 0.01


def test_same_seed_gives_same_bytes_with_any_number_of_workers(
    sample: Path, tmp_path: Path
) -> None:
    write_sample(tmp_path / "again", size=SMALL, workers=2, show_progress=False)
    assert contents(tmp_path / "again") == contents(sample)


def test_seeds_differ() -> None:
    recordings = [plan_sample(seed, SMALL).train[0] for seed in (0, 1)]
    assert recordings[0] == recordings[1]
    (_, first), (_, second) = (next(recorded_clips(recordings[0], seed)) for seed in (0, 1))
    assert np.abs(np.corrcoef(first, second)[0, 1]) < 0.2


# What is refused


def test_refuses_a_folder_with_content(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(InputError, match=r"is not empty \(found 'mine.txt'\), expected a new"):
        write_sample(tmp_path, size=SMALL, show_progress=False)
    assert contents(tmp_path) == {"mine.txt": b"keep me"}


def test_refuses_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be created as a folder"):
        write_sample(tmp_path / "file", size=SMALL, show_progress=False)


def test_refuses_a_negative_seed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found -1, expected 0 or above"):
        write_sample(tmp_path / "new", seed=-1, size=SMALL, show_progress=False)
    assert not (tmp_path / "new").exists()


def test_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("baseline.sample.dataset._write_wav", full_disk)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
        write_sample(tmp_path / "new", size=SMALL, workers=1, show_progress=False)
    assert list((tmp_path / "new").iterdir()) == []


# The plan of the whole dataset


def test_counts(plan: SamplePlan) -> None:
    assert [clips(plan.split(split)) for split in SPLITS] == [50, 100, 250, 500, 1000]
    assert clips(plan.test) == 540
    assert clips(plan.evaluation) == 100


def test_names_and_numbers_are_unique(plan: SamplePlan) -> None:
    recordings = [*plan.train, *plan.test, *plan.evaluation]
    names = [name for recording in recordings for _, names in recording.files for name in names]
    assert len(set(names)) == len(names)
    assert len({recording.number for recording in recordings}) == len(recordings)
    scenes_of_places = {(recording.location, recording.scene) for recording in recordings}
    assert len(scenes_of_places) == len({location for location, _ in scenes_of_places})


def test_splits_are_nested_and_whole_segments(plan: SamplePlan) -> None:
    for smaller, larger in pairwise(SPLITS):
        split = plan.split(smaller)
        assert plan.split(larger)[: len(split)] == split
    assert all(recording.clips == 2 for recording in plan.train)


@pytest.mark.parametrize("split", SPLITS)
def test_splits_are_balanced(plan: SamplePlan, split: int) -> None:
    recordings = plan.split(split)
    counts = scenes(recordings)
    assert set(counts) == set(SCENES)
    assert max(counts.values()) - min(counts.values()) <= 1
    shares = devices(recordings)
    assert set(shares) == set(DEVICES) - set(UNSEEN)
    assert 0.6 <= shares.pop("a") / len(recordings) <= 0.8
    assert max(shares.values()) - min(shares.values()) <= 1


def test_devices_do_not_give_the_scene_away(plan: SamplePlan) -> None:
    for scene in SCENES:
        counts = devices(tuple(r for r in plan.train if r.scene == scene))
        assert counts == {"a": 35} | dict.fromkeys(("b", "c", "s1", "s2", "s3"), 3)
    counts = Counter((r.scene, device) for r in plan.test for device, _ in r.files)
    assert set(counts.values()) == {3}
    assert len(counts) == len(SCENES) * len(DEVICES)


def test_every_place_of_train_was_recorded_by_device_a(plan: SamplePlan) -> None:
    places = {recording.location for recording in plan.train}
    assert len(places) == 100
    assert places == {r.location for r in plan.train if r.files[0][0] == "a"}


def test_no_place_in_train_and_test(plan: SamplePlan) -> None:
    parts = (plan.train, plan.test, plan.evaluation)
    places = [{recording.location for recording in part} for part in parts]
    assert all(a.isdisjoint(b) for a, b in combinations(places, 2))


def test_all_cities_in_train_and_test(plan: SamplePlan) -> None:
    for part in (plan.train, plan.test):
        assert {recording.city for recording in part} == set(CITIES)


def test_test_compares_device_groups_on_the_same_sounds(plan: SamplePlan) -> None:
    for recording in plan.test:
        for (device, _), group in zip(recording.files, DEVICE_GROUPS.values(), strict=True):
            assert device in group


@pytest.mark.parametrize("segments", [1, 2, 7, 20])
def test_plans_of_any_size_keep_the_rules(segments: int) -> None:
    plan = plan_sample(3, SampleSize(train_segments=segments, train_places=3, test_places=2))
    for split in SPLITS:
        assert set(scenes(plan.split(split))) == set(SCENES)
    assert plan.split(100) == plan.train
    assert not set(devices(plan.train)) & set(UNSEEN)


# The sound


@pytest.mark.parametrize("scene", SCENES)
def test_scenes_are_finite_and_of_unit_level(scene: str) -> None:
    for seed in range(3):
        place = make_place(np.random.default_rng([seed, 0]), scene)
        sound = render(np.random.default_rng([seed, 1]), place, SECOND)
        assert sound.shape == (SECOND,)
        assert np.isfinite(sound).all()
        assert np.sqrt(np.square(sound).mean()) == pytest.approx(1)


def response_db(device: str) -> np.ndarray:
    """Level of white noise recorded by a device, in half octaves, relative to their mean."""
    white = np.random.default_rng(0).standard_normal(2 * SECOND)
    heard = record(np.random.default_rng(1), white, device, level_db=0)
    power = np.abs(np.fft.rfft(heard)) ** 2
    edges = (100 * 2 ** np.arange(0, 7.5, 0.5) * len(white) / SECOND).astype(int)
    bands = [power[low:high].mean() for low, high in pairwise(edges.tolist())]
    decibels = 10 * np.log10(bands)
    return np.asarray(decibels - decibels.mean())


def test_devices_differ_and_the_unseen_ones_most() -> None:
    responses = {device: response_db(device) for device in DEVICES}

    def distance(a: str, b: str) -> float:
        return float(np.sqrt(np.square(responses[a] - responses[b]).mean()))

    assert min(distance(a, b) for a, b in combinations(DEVICES, 2)) > 1.5
    seen = [device for device in DEVICES if device not in UNSEEN]
    among_seen = [distance(a, b) for a, b in combinations(seen, 2)]
    assert min(distance(a, b) for a in UNSEEN for b in seen) > np.median(among_seen)
    assert np.abs(responses["a"]).max() < 1
