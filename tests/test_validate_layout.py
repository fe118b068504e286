"""Files, folders and labels: every rule is broken alone, and what is allowed is no fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.package_files import (
    CSV,
    FOLDER,
    META,
    PDF,
    Edit,
    Files,
    Mutations,
    add,
    both,
    codes,
    label_of,
    relabel,
    remove,
    rename,
    systems,
    write_zip,
)
from tests.synthetic_runs import LABEL

pytest_plugins = ["tests.package_fixtures"]


def other_top_folder(files: Files) -> None:
    for name in list(files):
        rename(name, name.replace("task1/", "Task1/", 1))(files)


def no_system(files: Files) -> None:
    files.clear()
    files["task1/report.pdf"] = b"%PDF-1.7"


LAYOUT: Mutations = {
    "file outside task1": ({"S101"}, add("readme.txt")),
    "hidden Mac folder": ({"S101"}, add(f"__MACOSX/{FOLDER}/._x")),
    "other top folder": ({"S101", "S102"}, other_top_folder),
    "no system": ({"S102"}, no_system),
    "five systems": ({"S103", "S105", "S106"}, systems(5)),
    "three parts": ({"S104"}, relabel("Doe_task1_1")),
    "five parts": ({"S104"}, relabel("Van_Doe_TINY_task1_1")),
    "empty part": ({"S104"}, relabel("_TINY_task1_1")),
    "other task": ({"S104"}, relabel("Doe_TINY_task2_1")),
    "index 0": ({"S105"}, relabel(label_of(0))),
    "index 5": ({"S105"}, relabel(label_of(5))),
    "index 01": ({"S105"}, relabel("Doe_TINY_task1_01")),
    "index 4": ({"S106"}, relabel(label_of(4))),
    "space in label": ({"S107"}, relabel("De Doe_TINY_task1_1")),
    "non-ASCII label": ({"S107"}, relabel("Müller_TINY_task1_1")),
    "split missing": ({"S108"}, remove(CSV)),
    "split misnamed": ({"S108", "S110"}, rename(CSV, CSV.replace("split_25", "split25"))),
    "generic name": ({"S108", "S110"}, rename(CSV, f"{FOLDER}/output.csv")),
    "folder of another name": (
        {"S108", "S109", "S110"},
        relabel(LABEL, folder=label_of(2)),
    ),
    "no metadata": ({"S109"}, remove(META)),
    "metadata misnamed": ({"S109", "S110"}, rename(META, f"{FOLDER}/meta.yaml")),
    "split too many": ({"S110"}, add(CSV.replace("_25", "_75"))),
    "something else": ({"S111"}, add(f"{FOLDER}/.DS_Store")),
    "no report": ({"S112"}, remove(PDF)),
    "report is no PDF": ({"S113"}, add(PDF, b"PK")),
    "two splits alike": (
        {"S217"},
        lambda files: files.update({CSV: files[CSV.replace("_25", "_50")]}),
    ),
}

HARMLESS: dict[str, Edit] = {
    "nothing changed": both(),
    "report at the top": rename(PDF, "report.PDF"),
    "folder entries": both(add("task1/", b""), add(f"{FOLDER}/", b"")),
    "hyphen in the label": relabel("Van-Doe_TINY2_task1_3"),
    "three systems": systems(3),
}


@pytest.mark.parametrize("name", LAYOUT)
def test_each_fault_of_layout_or_label_is_found(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    expected, edit = LAYOUT[name]
    edit(files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation) == expected


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_allowed_in_layout_and_labels_is_no_fault(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    HARMLESS[name](files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation) == set()
