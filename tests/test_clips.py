"""The clip table: what is read, and what is refused with which sentence."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baseline.challenge import DEVICES, SCENES, SPLIT_CLIPS, TEST_CLIPS
from baseline.clips import LISTS, Dataset, list_path, read_dataset
from deploy.errors import InputError

HEADER = "filename\tscene_label\tidentifier\tsource_label"
TinyDataset = Callable[..., Path]


def write(folder: Path, meta: str | bytes, **lists: str) -> Path:
    (folder / "split_setup").mkdir(parents=True, exist_ok=True)
    data = meta if isinstance(meta, bytes) else meta.encode()
    (folder / "meta.csv").write_bytes(data)
    for name, text in lists.items():
        list_path(folder, name).write_bytes(text.encode())
    return folder


def names(dataset: Dataset, rows: np.ndarray) -> list[str]:
    return list(dataset.clips["filename"].iloc[rows])


def test_tiny_dataset(tiny_dataset: TinyDataset) -> None:
    dataset = read_dataset(tiny_dataset(audio=False))
    assert list(dataset.clips.columns) == ["filename", "scene", "place", "device", "label"]
    assert {split: len(rows) for split, rows in dataset.train.items()} == {
        5: 2,
        10: 4,
        25: 6,
        50: 8,
        100: 12,
    }
    assert dataset.test_rows().tolist() == [12, 13]
    assert dataset.listed_rows().tolist() == list(range(14))
    assert dataset.clips["label"].tolist()[:6] == [0, 0, 1, 1, 9, 9]


def test_rows_are_positions_in_meta_order(tmp_path: Path) -> None:
    meta = f"{HEADER}\nc.wav\tbus\tp\ta\nb.wav\ttram\tp\ta\na.wav\tpark\tq\tb\n"
    dataset = read_dataset(write(tmp_path, meta, split5="filename\na.wav\nc.wav\n"))
    assert names(dataset, dataset.train_rows(5)) == ["c.wav", "a.wav"]


def test_labels_come_from_columns_not_from_names(tmp_path: Path) -> None:
    meta = f"{HEADER}\naudio/airport-lisbon-1-0-0-a.wav\tbus\tparis-7\ts4\n"
    clip = read_dataset(write(tmp_path, meta)).clips.iloc[0]
    assert (clip["scene"], clip["place"], clip["device"], clip["label"]) == (
        "bus",
        "paris-7",
        "s4",
        1,
    )


def test_missing_list_is_named_when_asked_for(tiny_dataset: TinyDataset) -> None:
    folder = tiny_dataset(audio=False)
    list_path(folder, "split25").unlink()
    list_path(folder, "test").unlink()
    dataset = read_dataset(folder)
    assert len(dataset.train_rows(5)) == 2
    with pytest.raises(InputError, match=r"split_setup/split25\.csv: there is no such list"):
        dataset.train_rows(25)
    with pytest.raises(InputError, match=r"split_setup/test\.csv: there is no such list"):
        dataset.test_rows()


META = f"{HEADER}\na.wav\tbus\tp\ta\nb.wav\ttram\tp\ta\n"
REFUSED = {
    "no scene column": (HEADER.replace("scene_label", "scene") + "\na\tbus\tp\ta\n", {}, "'scene_"),
    "commas": (META.replace("\t", ","), {}, "expected TAB separated columns"),
    "repeated clip": (META + "a.wav\tbus\tp\ta\n", {}, "line 4 repeats 'a.wav'"),
    "unknown scene": (META.replace("tram", "tarm"), {}, "line 3 has the unknown scene 'tarm'"),
    "no rows": (HEADER + "\n", {}, "holds no rows"),
    "empty file": ("", {}, "cannot be read as a TAB separated table"),
    "not UTF-8": (b"\xff\xfe\x00", {}, "cannot be read as a TAB separated table"),
    "empty field": (META + "c.wav\tbus\t\ta\n", {}, "line 4 has an empty field"),
    "short line": (META + "c.wav\tbus\n", {}, "line 4 has an empty field"),
    "long line": (META + "c.wav\tbus\tp\ta\tx\n", {}, "cannot be read as a TAB separated table"),
    "long first line": (f"{HEADER}\nc.wav\tbus\tp\ta\tx\n", {}, "cannot be read as a TAB"),
    "unknown list row": (META, {"test": "filename\na.wav\nz.wav\n"}, "line 3 names 'z.wav', which"),
    "repeated list row": (META, {"split5": "filename\na.wav\na.wav\n"}, "line 3 repeats 'a.wav'"),
    "empty list": (META, {"split5": "filename\n"}, r"split5.csv: holds no rows"),
    "list without its column": (META, {"test": "name\na.wav\n"}, "column 'filename' is missing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, tmp_path: Path) -> None:
    meta, lists, message = REFUSED[case]
    write(tmp_path, meta, **lists)
    with pytest.raises(InputError, match=message) as caught:
        read_dataset(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_meta_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"meta\.csv: there is no such file; give the folder"):
        read_dataset(tmp_path)


clip_tables = st.lists(
    st.tuples(
        st.from_regex(r"[a-z0-9_. äµ\"'#,-]{1,12}", fullmatch=True),
        st.sampled_from(SCENES),
        st.from_regex(r"[a-zé]{1,6}-[0-9]{1,4}", fullmatch=True),
        st.sampled_from(DEVICES),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda clip: clip[0],
)


@given(clip_tables, st.data())
@settings(max_examples=60, deadline=None)
def test_any_table_reads_back(clips: list[tuple[str, str, str, str]], data: st.DataObject) -> None:
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    bom = data.draw(st.sampled_from(["", "\ufeff"]))
    closing = data.draw(st.sampled_from(["", end, end + end]))
    listed = data.draw(st.lists(st.sampled_from(clips), min_size=1, unique=True))
    columns = data.draw(st.sampled_from([1, 2]))
    meta = bom + end.join([HEADER, *("\t".join(clip) for clip in clips)]) + closing
    header = ["filename", "scene_label"][:columns]
    split = bom + end.join("\t".join(row[:columns]) for row in [header, *listed]) + closing
    with tempfile.TemporaryDirectory() as name:
        dataset = read_dataset(write(Path(name), meta, split50=split))
    table = dataset.clips[["filename", "scene", "place", "device"]]
    assert list(table.itertuples(index=False, name=None)) == clips
    assert [SCENES[label] for label in dataset.clips["label"]] == [clip[1] for clip in clips]
    assert names(dataset, dataset.train_rows(50)) == [c[0] for c in clips if c in listed]


@given(st.binary(max_size=200), st.sampled_from(["", HEADER + "\n", META]))
@settings(max_examples=100, deadline=None)
def test_any_bytes_of_meta_read_or_are_refused(tail: bytes, head: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), head.encode() + tail, test="filename\na.wav\n")
        try:
            dataset = read_dataset(Path(name))
        except InputError:
            return
    assert dataset.clips["label"].between(0, len(SCENES) - 1).all()


@given(st.binary(max_size=200), st.sampled_from(["", "filename\n", "filename\na.wav\n"]))
@settings(max_examples=100, deadline=None)
def test_any_bytes_of_a_list_read_or_are_refused(tail: bytes, head: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = write(Path(name), META)
        list_path(folder, "test").write_bytes(head.encode() + tail)
        try:
            rows = read_dataset(folder).test_rows()
        except InputError:
            return
    assert set(rows) <= {0, 1}


def test_esc10(shared: Path) -> None:
    dataset = read_dataset(shared / "data" / "esc10-as-tau")
    counts = {split: len(rows) for split, rows in dataset.train.items()}
    assert counts == {5: 60, 10: 120, 25: 300, 50: 600, 100: 1200}
    assert len(dataset.test) == 540
    assert len(dataset.listed_rows()) == len(dataset.clips) == 1740
    assert dataset.clips["label"].value_counts().tolist() == [174] * 10


def test_real_lists(tau_lists: Path) -> None:
    dataset = read_dataset(tau_lists)
    assert len(dataset.clips) == 230_350
    assert {split: len(rows) for split, rows in dataset.train.items()} == SPLIT_CLIPS
    assert len(dataset.test_rows()) == TEST_CLIPS
    assert len(dataset.clips) - len(dataset.listed_rows()) == 61_050
    for rows in (*dataset.train.values(), dataset.test):
        assert (np.diff(rows) > 0).all()
    devices = dataset.clips["device"].iloc[dataset.train_rows(5)].value_counts()
    assert devices.to_dict() == {"a": 5080, "b": 380, "c": 380, "s1": 380, "s2": 380, "s3": 380}
    assert len(LISTS) == 6
