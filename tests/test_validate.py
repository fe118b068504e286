"""Every rule is broken alone, many in several ways, and found by its code."""

from __future__ import annotations

import shutil
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from baseline.challenge import MAX_MACS, SCENES
from baseline.run import Run
from submission.faults import RULES
from submission.predictions import COLUMNS
from submission.rules_csv import check_csv
from submission.rules_metadata import check_metadata
from tests.package_files import (
    AUTHOR,
    COAUTHOR,
    COMPLEXITY,
    CSV,
    DESCRIPTION,
    DEVELOPMENT,
    FOLDER,
    META,
    NAMES,
    PDF,
    SPLIT_5,
    Edit,
    Files,
    add,
    both,
    cell,
    codes,
    decision,
    edit_bytes,
    edit_cells,
    edit_lines,
    edit_meta,
    edit_text,
    label_of,
    meta,
    no_meta,
    relabel,
    remove,
    rename,
    systems,
    write_zip,
)
from tests.synthetic_runs import LABEL, MACS, PARAMETERS

pytest_plugins = ["tests.package_fixtures"]

Mutations = dict[str, tuple[set[str], Edit]]
"""What is done, the codes that it must give, and how it is done."""


def only(*codes: str) -> set[str]:
    return set(codes)


# --- layout and labels ---------------------------------------------------------------------------


def other_top_folder(files: Files) -> None:
    for name in list(files):
        rename(name, name.replace("task1/", "Task1/", 1))(files)


def no_system(files: Files) -> None:
    files.clear()
    files["task1/report.pdf"] = b"%PDF-1.7"


LAYOUT: Mutations = {
    "file outside task1": (only("S101"), add("readme.txt")),
    "hidden Mac folder": (only("S101"), add(f"__MACOSX/{FOLDER}/._x")),
    "other top folder": (only("S101", "S102"), other_top_folder),
    "no system": (only("S102"), no_system),
    "five systems": (only("S103", "S105", "S106"), systems(5)),
    "three parts": (only("S104"), relabel("Doe_task1_1")),
    "five parts": (only("S104"), relabel("Van_Doe_TINY_task1_1")),
    "empty part": (only("S104"), relabel("_TINY_task1_1")),
    "other task": (only("S104"), relabel("Doe_TINY_task2_1")),
    "index 0": (only("S105"), relabel(label_of(0))),
    "index 5": (only("S105"), relabel(label_of(5))),
    "index 01": (only("S105"), relabel("Doe_TINY_task1_01")),
    "index 4": (only("S106"), relabel(label_of(4))),
    "space in label": (only("S107"), relabel("De Doe_TINY_task1_1")),
    "non-ASCII label": (only("S107"), relabel("Müller_TINY_task1_1")),
    "split missing": (only("S108"), remove(CSV)),
    "split misnamed": (only("S108", "S110"), rename(CSV, CSV.replace("split_25", "split25"))),
    "generic name": (only("S108", "S110"), rename(CSV, f"{FOLDER}/output.csv")),
    "folder of another name": (
        only("S108", "S109", "S110"),
        relabel(LABEL, folder=label_of(2)),
    ),
    "no metadata": (only("S109"), remove(META)),
    "metadata misnamed": (only("S109", "S110"), rename(META, f"{FOLDER}/meta.yaml")),
    "split too many": (only("S110"), add(CSV.replace("_25", "_75"))),
    "something else": (only("S111"), add(f"{FOLDER}/.DS_Store")),
    "no report": (only("S112"), remove(PDF)),
    "report is no PDF": (only("S113"), add(PDF, b"PK")),
    "two splits alike": (
        only("S217"),
        lambda files: files.update({CSV: files[CSV.replace("_25", "_50")]}),
    ),
}

# --- output CSVs ---------------------------------------------------------------------------------


def reorder_columns(lines: list[bytes]) -> list[bytes]:
    rows = [line.rstrip().split(b"\t") for line in lines]
    return [b"\t".join([*row[:2], *row[:1:-1]]) + b"\n" for row in rows]


def add_index(lines: list[bytes]) -> list[bytes]:
    return [b"\t" + lines[0], *(b"%d\t" % row + line for row, line in enumerate(lines[1:]))]


def drop_last_column(lines: list[bytes]) -> list[bytes]:
    return [line.rpartition(b"\t")[0] + b"\n" for line in lines]


def all_false(lines: list[bytes]) -> list[bytes]:
    """A whole column that pandas would take for numbers."""
    rows = [f"{name}\tbus\tFalse\t1" + "\t0" * 8 + "\n" for name in NAMES]
    return [lines[0], *(row.encode() for row in rows)]


def least_probable(cells: list[str]) -> None:
    cells[1] = min(SCENES, key=lambda scene: float(cells[COLUMNS.index(scene)]))


def percent(cells: list[str]) -> None:
    cells[2:] = [str(100 * float(cell)) for cell in cells[2:]]


CSVS: Mutations = {
    "byte order mark": (only("S201"), edit_bytes(lambda data: b"\xef\xbb\xbf" + data)),
    "UTF-16": (only("S202", "S203"), edit_bytes(lambda data: data.decode().encode("utf-16"))),
    "Latin-1": (only("S202"), edit_bytes(lambda data: data.replace(b"3.wav", b"\xe4.wav"))),
    "CR only": (only("S203"), edit_bytes(lambda data: data.replace(b"\n", b"\r"))),
    "one CR": (only("S203"), edit_text("3.wav", "3\r.wav")),
    "NUL": (only("S203"), edit_text("3.wav", "\0.wav")),
    "empty": (only("S204"), edit_bytes(lambda _: b"")),
    "no header": (only("S204"), edit_lines(lambda lines: lines[1:])),
    "commas": (only("S204"), edit_bytes(lambda data: data.replace(b"\t", b","))),
    "spaces": (only("S204"), edit_bytes(lambda data: data.replace(b"\t", b" "))),
    "index column": (only("S204"), edit_lines(add_index)),
    "other column order": (only("S204"), edit_lines(reorder_columns)),
    "column renamed": (only("S204"), edit_text("metro_station", "metrostation")),
    "column capitalised": (only("S204"), edit_text("filename", "Filename")),
    "column twice": (only("S204"), edit_text("\tairport\t", "\tbus\t")),
    "column missing": (only("S204"), edit_lines(drop_last_column)),
    "column too many": (only("S204"), edit_text("\ttram", "\ttram\ttram")),
    "quoted header": (only("S204"), edit_text("filename", '"filename"')),
    "field missing": (only("S205", "S206", "S210"), edit_cells(lambda cells: cells.pop())),
    "field too many": (only("S205", "S206", "S210"), edit_cells(lambda cells: cells.append("0"))),
    "TAB at each end": (
        only("S205", "S206", "S210"),
        edit_lines(lambda lines: [lines[0], *(row[:-1] + b"\t\n" for row in lines[1:])]),
    ),
    "empty line": (only("S205"), edit_lines(lambda lines: [*lines[:4], b"\n", *lines[4:]])),
    "header only": (only("S206", "S210"), edit_lines(lambda lines: lines[:1])),
    "row missing": (only("S206", "S210"), edit_lines(lambda lines: lines[:-1])),
    "row twice": (only("S206", "S209"), edit_lines(lambda lines: [*lines, lines[5]])),
    "row too many": (only("S206", "S208"), edit_lines(lambda lines: [*lines, b"x" + lines[5]])),
    "audio/ prefix": (only("S207"), edit_bytes(lambda data: data.replace(b"\n1", b"\naudio/1"))),
    "one audio/ prefix": (only("S207"), cell("filename", "audio/3.wav")),
    "unknown name": (only("S208", "S210"), cell("filename", "99.wav")),
    "quoted name": (only("S208", "S210"), cell("filename", '"3.wav"')),
    "no suffix": (only("S208", "S210"), cell("filename", "3")),
    "empty name": (only("S208", "S210"), cell("filename", "")),
    "name of another": (only("S209", "S210"), cell("filename", "7.wav")),
    "unknown scene": (only("S211"), cell("scene_label", "subway")),
    "class index": (only("S211"), cell("scene_label", "3")),
    "capital scene": (only("S211"), cell("scene_label", "Tram")),
    "empty scene": (only("S211"), cell("scene_label", "")),
    "word": (only("S212"), cell("bus", "high")),
    "nothing": (only("S212"), cell("bus", "")),
    "NA": (only("S212"), cell("bus", "NA")),
    "decimal comma": (only("S212"), cell("bus", "0,1")),
    "all False": (only("S212"), edit_lines(all_false)),
    "NaN": (only("S213"), cell("bus", "nan")),
    "infinity": (only("S213"), cell("bus", "inf")),
    "too large": (only("S213"), cell("bus", "1e999")),
    "above 1": (only("S214"), decision("airport", "1.0004")),
    "below 0": (only("S214"), decision("airport", "0.9", "0.2", "-0.1")),
    "percent": (only("S214", "S215"), edit_cells(percent)),
    "sum 1.002": (only("S215"), decision("airport", "0.9", "0.102")),
    "sum 0.99": (only("S215"), decision("airport", "0.99")),
    "sum 0": (only("S215"), decision("airport", "0")),
    "not the best": (only("S216"), edit_cells(least_probable)),
    "nearly the best": (only("S216"), decision("bus", "0.500001", "0.499999")),
}

# --- meta.yaml -----------------------------------------------------------------------------------

BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (key, key, b", ".join([b"*%c" % (key - 1)] * 9)) for key in b"bcdefghi"
)
"""A text of 400 bytes that stands for 400 million values."""

MERGE_BOMB = b"a: &a {x: 1}\n" + b"".join(
    b"%c: &%c {<<: [%s]}\n" % (key, key, b", ".join([b"*%c" % (key - 1)] * 9))
    for key in b"bcdefghi"
)


def fractions(values: Any) -> None:
    results = values["results"]["development_dataset"]["split_5"]
    groups = [results["class_wise"], results["device_wise"], {"overall": results["overall"]}]
    for row in [row for group in groups for row in group.values()]:
        row["accuracy"] /= 100


def end(text: bytes) -> Edit:
    return edit_bytes(lambda data: data + text, META)


def start(text: bytes) -> Edit:
    return edit_bytes(lambda data: text + data, META)


def whole(text: bytes) -> Edit:
    return edit_bytes(lambda _: text, META)


METADATA: Mutations = {
    "not YAML": (only("S301"), start(b"a: [1\n")),
    "TAB in YAML": (only("S301"), start(b"a:\n\tb: 1\n")),
    "empty YAML": (only("S301"), whole(b"")),
    "YAML not UTF-8": (only("S301"), start(b"# \xff\n")),
    "control character": (only("S301"), start(b"# \x01\n")),
    "two documents": (only("S301"), end(b"---\na: 1\n")),
    "huge YAML": (only("S301"), end(b"# x\n" * 60_000)),
    "forced tag": (only("S301"), edit_text(": tiny", ": !!bool perhaps", META)),
    "impossible date": (only("S301"), edit_text(": tiny", ": 2024-99-99", META)),
    "Python tag": (only("S302"), edit_text(": tiny", ": !!python/name:os.system", META)),
    "Python call": (only("S302"), end(b"x: !!python/object/apply:os.abort []\n")),
    "own tag": (only("S302"), edit_text(": tiny", ": !mine tiny", META)),
    "alias bomb": (only("S303"), whole(BOMB)),
    "merge bomb": (only("S303"), whole(MERGE_BOMB)),
    "endless alias": (only("S303"), end(b"x: &x [*x]\n")),
    "deep nesting": (only("S303"), whole(b"x: " + b"[" * 500)),
    "deep but readable": (only("S303"), end(b"x: " + b"[" * 50 + b"]" * 50 + b"\n")),
    "key twice": (only("S304"), edit_text(": tiny", ": tiny\n  abbreviation: tiny", META)),
    "author's key twice": (only("S304"), edit_text(": Jo", ": Jo\n    firstname: Jo", META)),
    "a list": (only("S307"), whole(b"- 1\n")),
    "a text": (only("S307"), whole(b"hello\n")),
    "unknown section": (only("S305"), end(b"extra: 1\n")),
    "number as key": (only("S305"), end(b"1: 1\n")),
    "unknown key": (only("S305"), meta(*COMPLEXITY, "memory", value=1)),
    "unknown author's key": (only("S305"), meta(*AUTHOR, "orcid", value="0000")),
    "unknown scene": (
        only("S305"),
        meta(*SPLIT_5, "class_wise", "beach", value={"accuracy": 1.0, "logloss": 1.0}),
    ),
    "unknown split": (only("S305", "S306"), meta(*DEVELOPMENT, "split_75", value={})),
    "key misspelt": (only("S305", "S306"), edit_text("framework", "framwork", META)),
    "scene misspelt": (only("S305", "S306"), edit_text("tram:", "trams:", META)),
    "no submission": (only("S306"), no_meta("submission")),
    "no label": (only("S306"), no_meta("submission", "label")),
    "no abbreviation": (only("S306"), no_meta("submission", "abbreviation")),
    "no e-mail": (only("S306"), no_meta(*AUTHOR, "email")),
    "no affiliation": (only("S306"), no_meta(*AUTHOR, "affiliation")),
    "no tag": (only("S306"), no_meta(*DESCRIPTION, "pipeline")),
    "no MACs": (only("S306"), no_meta(*COMPLEXITY, "macs")),
    "no source_code": (only("S306"), no_meta("system", "source_code")),
    "no external_datasets": (only("S306"), no_meta("system", "external_datasets")),
    "no split": (only("S306"), no_meta(*SPLIT_5)),
    "no overall": (only("S306"), no_meta(*SPLIT_5, "overall")),
    "no scene": (only("S306"), no_meta(*SPLIT_5, "class_wise", "tram")),
    "no device": (only("S306"), no_meta(*SPLIT_5, "device_wise", "s6")),
    "no logloss": (only("S306"), no_meta(*SPLIT_5, "device_wise", "a", "logloss")),
    "MACs unknown": (only("S307"), meta(*COMPLEXITY, "macs", value=None)),
    "MACs as text": (only("S307"), meta(*COMPLEXITY, "macs", value="29.4 M")),
    "float": (only("S307"), meta(*COMPLEXITY, "total_parameters", value=float(PARAMETERS))),
    "name is a number": (only("S307"), meta("submission", "name", value=1)),
    "tag is a number": (only("S307"), meta(*DESCRIPTION, "input_sampling_rate", value=32_000)),
    "tags in a mapping": (only("S307"), meta(*DESCRIPTION, "pipeline", value={"a": "b"})),
    "corresponding as text": (only("S307"), meta(*COAUTHOR, "corresponding", value="no")),
    "authors no list": (only("S307"), meta("submission", "authors", value="Doe")),
    "dataset no list": (only("S307"), meta("system", "external_datasets", value="AudioSet")),
    "accuracy as text": (only("S307"), meta(*SPLIT_5, "device_wise", "a", "accuracy", value="5 %")),
    "accuracy is true": (only("S307"), meta(*SPLIT_5, "device_wise", "a", "accuracy", value=True)),
    "scene no mapping": (only("S307"), meta(*SPLIT_5, "class_wise", "tram", value=55.0)),
    "scenes no mapping": (only("S307"), meta(*SPLIT_5, "class_wise", value=[])),
    "empty name": (only("S308"), meta("submission", "name", value="")),
    "no authors": (only("S308"), meta("submission", "authors", value=[])),
    "e-mail": (only("S308"), meta(*AUTHOR, "email", value="jo at example.org")),
    "accuracy 101": (only("S308"), meta(*SPLIT_5, "device_wise", "a", "accuracy", value=101.0)),
    "accuracy -1": (only("S308"), meta(*SPLIT_5, "device_wise", "a", "accuracy", value=-1)),
    "accuracy NaN": (only("S308"), edit_text("accuracy: ", "accuracy: .nan # ", META)),
    "logloss -1": (only("S308"), meta(*SPLIT_5, "overall", "logloss", value=-1.0)),
    "logloss infinite": (only("S308"), edit_text("logloss: ", "logloss: .inf # ", META)),
    "0 parameters": (only("S308", "S314"), meta(*COMPLEXITY, "total_parameters", value=0)),
    "label of another": (only("S309"), meta("submission", "label", value=label_of(2))),
    "long abbreviation": (only("S310"), meta("submission", "abbreviation", value="tinytinytin")),
    "nobody corresponding": (only("S311"), meta(*AUTHOR, "corresponding", value=False)),
    "two corresponding": (only("S311"), meta(*COAUTHOR, "corresponding", value=True)),
    "MACs over": (only("S312"), meta(*COMPLEXITY, "macs", value=MAX_MACS + 1)),
    "size over": (
        only("S313"),
        both(
            meta(*COMPLEXITY, "total_parameters", value=64_001),
            meta(*COMPLEXITY, "total_model_size", value=128_002),
        ),
    ),
    "size in kB": (only("S314"), meta(*COMPLEXITY, "total_model_size", value=122)),
    "12 bits": (only("S314"), meta(*COMPLEXITY, "total_model_size", value=PARAMETERS * 3 // 2)),
    "not the mean": (only("S315"), meta(*SPLIT_5, "overall", "accuracy", value=99.0)),
    "unknown result": (only("S316"), meta(*SPLIT_5, "device_wise", "a", "accuracy", value=None)),
    "fractions": (only("S317"), edit_meta(fractions)),
}

# --- the runs ------------------------------------------------------------------------------------

OTHER_THAN_RUNS: Mutations = {
    "other size": (
        only("S411"),
        both(
            meta(*COMPLEXITY, "total_parameters", value=PARAMETERS - 1),
            meta(*COMPLEXITY, "total_model_size", value=2 * PARAMETERS - 2),
        ),
    ),
    "other MACs": (only("S411"), meta(*COMPLEXITY, "macs", value=MACS - 1)),
    "other log loss": (only("S412"), meta(*SPLIT_5, "overall", "logloss", value=0.5)),
    "other device": (only("S412"), meta(*SPLIT_5, "device_wise", "s6", "accuracy", value=99.0)),
    "unknown though measured": (
        only("S316", "S412"),
        meta(*SPLIT_5, "device_wise", "s6", "accuracy", value=None),
    ),
    "other predictions": (only("S413"), edit_lines(lambda lines: [lines[0], *lines[:0:-1]])),
}

# --- the container -------------------------------------------------------------------------------

ZipEdit = Callable[[Path], object]


def append(name: str, content: bytes = b"x", **properties: Any) -> ZipEdit:
    """Append an entry of any name and with unusual properties."""

    def edit(path: Path) -> None:
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = name
        for key, value in properties.items():
            setattr(entry, key, value)
        with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a name twice
            archive.writestr(entry, content)

    return edit


def patch(change: Callable[[bytearray], object]) -> ZipEdit:
    """Change the bytes of the zip."""

    def edit(path: Path) -> None:
        data = bytearray(path.read_bytes())
        change(data)
        path.write_bytes(data)

    return edit


def set_encrypted(data: bytearray) -> None:
    data[data.index(b"PK\x01\x02") + 8] |= 1


def claim_size(data: bytearray) -> None:
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 10**9)


def damage_content(data: bytearray) -> None:
    name, extra = struct.unpack_from("<HH", data, 26)
    data[30 + name + extra + 40] ^= 0xFF


def add_many(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(1_001):
            archive.writestr(f"task1/{number}", b"")


LINK = {"external_attr": (stat.S_IFLNK | 0o777) << 16, "create_system": 3}
PIPE = {"external_attr": (stat.S_IFIFO | 0o644) << 16, "create_system": 3}
DEFLATED, LZMA = {"compress_type": zipfile.ZIP_DEFLATED}, {"compress_type": zipfile.ZIP_LZMA}

CONTAINER: dict[str, tuple[set[str], ZipEdit]] = {
    "no zip": (only("S001"), lambda path: path.write_bytes(b"hello")),
    "empty file": (only("S001"), lambda path: path.write_bytes(b"")),
    "cut zip": (only("S001"), lambda path: path.write_bytes(path.read_bytes()[:-50])),
    "damaged content": (only("S001"), patch(damage_content)),
    "absolute name": (only("S002"), append("/etc/passwd")),
    "parent folder": (only("S002"), append("task1/../../evil")),
    "backslashes": (only("S002"), append("task1\\evil.txt")),
    "drive": (only("S002"), append("C:evil.txt")),
    "escape sequence": (only("S002"), append("task1/\x1b[2Jevil")),
    "empty part": (only("S002"), append("task1//evil")),
    "link": (only("S003"), append(f"{FOLDER}/link", b"/etc/passwd", **LINK)),
    "named pipe": (only("S003"), append(f"{FOLDER}/pipe", **PIPE)),
    "name twice": (only("S004"), append(CSV)),
    "name twice but for case": (only("S004"), append(CSV.upper())),
    "file and folder": (only("S004"), append(CSV + "/", b"")),
    "bomb": (only("S005"), append("task1/b", bytes(5 * 10**6), **DEFLATED)),
    "claimed size": (only("S005"), patch(claim_size)),
    "many entries": (only("S005"), add_many),
    "encrypted": (only("S006"), patch(set_encrypted)),
    "LZMA": (only("S006"), append(f"{FOLDER}/x", **LZMA)),
}


@pytest.mark.parametrize("name", LAYOUT)
def test_each_fault_of_layout_or_label_is_found(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    expected, edit = LAYOUT[name]
    edit(files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation) == expected


@pytest.mark.parametrize("name", CSVS)
def test_each_fault_of_a_csv_is_found(name: str, files: Files) -> None:
    expected, edit = CSVS[name]
    edit(files)
    faults = check_csv(files[CSV], pd.Index(NAMES), CSV)
    assert {fault.code for fault in faults} == expected


@pytest.mark.parametrize("name", METADATA)
def test_each_fault_of_metadata_is_found(name: str, files: Files) -> None:
    expected, edit = METADATA[name]
    edit(files)
    faults, _ = check_metadata(files[META], LABEL, META)
    assert {fault.code for fault in faults} == expected


@pytest.mark.parametrize("name", CONTAINER)
def test_each_dangerous_or_damaged_zip_is_refused(
    name: str, valid_zip: Path, evaluation: Path, tmp_path: Path
) -> None:
    expected, edit = CONTAINER[name]
    path = tmp_path / "task1.zip"
    shutil.copy(valid_zip, path)
    edit(path)
    assert codes(path, evaluation) == expected


@pytest.mark.parametrize("name", OTHER_THAN_RUNS)
def test_each_difference_from_the_runs_is_found(
    name: str, files: Files, evaluation: Path, made_runs: list[Run], tmp_path: Path
) -> None:
    expected, edit = OTHER_THAN_RUNS[name]
    edit(files)
    path = write_zip(tmp_path / "task1.zip", files)
    assert codes(path, evaluation, made_runs) == expected
    assert codes(path, evaluation) == expected - only("S411", "S412", "S413")


def test_every_rule_is_broken_here_or_in_test_package() -> None:
    tables: list[dict[str, Any]] = [LAYOUT, CSVS, METADATA, OTHER_THAN_RUNS, CONTAINER]
    found = {code for table in tables for expected, _ in table.values() for code in expected}
    assert set(RULES) - found == only("S401", "S402", "S403", "S404", "S405", "S406")


def test_faults_of_several_systems_are_all_found(
    files: Files, evaluation: Path, tmp_path: Path
) -> None:
    systems(2)(files)
    second = label_of(2)
    cell("bus", "nan")(files)
    remove(CSV.replace(LABEL, second))(files)
    edit_text("framework", "framwork", META.replace(LABEL, second))(files)
    path = write_zip(tmp_path / "task1.zip", files)
    assert codes(path, evaluation) == only("S108", "S213", "S305", "S306")


def test_several_faults_of_one_file_are_all_found(
    files: Files, evaluation: Path, tmp_path: Path
) -> None:
    broken: list[Edit] = [
        edit_cells(lambda cells: cells.pop(), line=2),
        edit_cells(lambda cells: cells.__setitem__(0, "audio/2.wav"), line=4),
        edit_cells(lambda cells: cells.__setitem__(1, "beach"), line=6),
        edit_cells(lambda cells: cells.__setitem__(3, "x"), line=7),
        edit_cells(lambda cells: cells.__setitem__(slice(2, None), ["0.2"] * 10), line=8),
        no_meta(*SPLIT_5, "class_wise", "tram"),
        meta(*SPLIT_5, "class_wise", "bus", "accuracy", value="many"),
        meta(*COMPLEXITY, "macs", value=MAX_MACS + 1),
    ]
    both(*broken)(files)
    in_csv = only("S205", "S206", "S207", "S210", "S211", "S212", "S215")
    in_meta = only("S306", "S307", "S312", "S315")
    found = codes(write_zip(tmp_path / "task1.zip", files), evaluation)
    assert found == in_csv | in_meta
