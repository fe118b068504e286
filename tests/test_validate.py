"""Every rule is broken once, alone, and found by its code; valid packages have no faults."""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baseline.challenge import EVALUATION_CLIPS, MAX_MACS, SCENES, SPLITS
from baseline.run import Run
from deploy.errors import InputError
from submission.faults import MAX_EXAMPLES, RULES, format_faults
from submission.metadata import load_team
from submission.package import package
from submission.predictions import COLUMNS, evaluation_names
from submission.validate import validate
from tests.synthetic_runs import (
    LABEL,
    MACS,
    PARAMETERS,
    softmax,
    write_evaluation_list,
    write_report,
    write_runs,
    write_team,
)

Files = dict[str, bytes]
NAMES = [f"{number}.wav" for number in range(12)]
FOLDER = f"task1/{LABEL}"
CSV = f"{FOLDER}/{LABEL}.output.split_25.csv"
META = f"{FOLDER}/{LABEL}.meta.yaml"
PDF = f"{FOLDER}/{LABEL}.technical_report.pdf"


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    return write_runs(tmp_path_factory.mktemp("runs"), NAMES)


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_evaluation_list(tmp_path_factory.mktemp("list") / "fold1_test.csv", NAMES)


@pytest.fixture(scope="session")
def valid_zip(
    runs: list[Run], evaluation: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("valid")
    team = load_team(write_team(folder / "team.yaml"))
    out = folder / "task1.zip"
    package(
        runs, team, out, evaluation_list=evaluation, report=write_report(folder / "report.pdf")
    )
    return out


@pytest.fixture
def files(valid_zip: Path) -> Files:
    with zipfile.ZipFile(valid_zip) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_folder(path: Path, files: Files) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def codes(path: Path, evaluation: Path, runs: list[Run] | None = None) -> set[str]:
    return {fault.code for fault in validate(path, evaluation_list=evaluation, runs=runs or [])}


# --- mutations of files --------------------------------------------------------------------------


def edit_text(old: str, new: str, name: str = CSV, count: int = 1) -> Callable[[Files], None]:
    def edit(files: Files) -> None:
        text = files[name].decode()
        assert old in text
        files[name] = text.replace(old, new, count).encode()

    return edit


def edit_bytes(change: Callable[[bytes], bytes], name: str = CSV) -> Callable[[Files], None]:
    def edit(files: Files) -> None:
        files[name] = change(files[name])

    return edit


def edit_lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Files], None]:
    return edit_bytes(lambda data: b"".join(change(data.splitlines(keepends=True))))


def cell(column: str, value: str, row: int = 3) -> Callable[[Files], None]:
    """Replace a cell, and nothing else."""
    return edit_cells(lambda cells: cells.__setitem__(COLUMNS.index(column), value), row)


def edit_cells(change: Callable[[list[str]], None], row: int = 3) -> Callable[[Files], None]:
    def edit(files: Files) -> None:
        lines = files[CSV].decode().splitlines()
        cells = lines[row + 1].split("\t")
        change(cells)
        lines[row + 1] = "\t".join(cells)
        files[CSV] = ("\n".join(lines) + "\n").encode()

    return edit


def add_to(cells: list[str], column: int, difference: float) -> None:
    cells[column] = f"{float(cells[column]) + difference:.9f}"


def raise_best(cells: list[str], difference: float) -> None:
    best = max(range(2, len(cells)), key=lambda column: float(cells[column]))
    add_to(cells, best, difference)


def swap_label(cells: list[str]) -> None:
    worst = min(range(2, len(cells)), key=lambda column: float(cells[column]))
    cells[1] = COLUMNS[worst]


def over_one(cells: list[str]) -> None:
    cells[1:] = ["airport", "1.0004", *["0"] * 9]


def below_zero(cells: list[str]) -> None:
    cells[1:] = ["airport", "0.9", "0.2", "-0.1", *["0"] * 7]


def remove(name: str) -> Callable[[Files], None]:
    def edit(files: Files) -> None:
        del files[name]

    return edit


def add(name: str, content: bytes = b"x") -> Callable[[Files], None]:
    def edit(files: Files) -> None:
        files[name] = content

    return edit


def rename(old: str, new: str) -> Callable[[Files], None]:
    def edit(files: Files) -> None:
        files[new] = files.pop(old)

    return edit


def relabel(label: str, folder: str | None = None) -> Callable[[Files], None]:
    """Give the system another label everywhere, or a folder of another name."""

    def edit(files: Files) -> None:
        renamed = {
            name.replace(LABEL, folder or label, 1).replace(LABEL, label): content
            for name, content in files.items()
        }
        files.clear()
        files.update(renamed)
        for name in files:
            if name.endswith(".meta.yaml"):
                files[name] = files[name].replace(LABEL.encode(), label.encode())

    return edit


def more_systems(count: int) -> Callable[[Files], None]:
    def edit(files: Files) -> None:
        original = dict(files)
        files.clear()
        for index in range(1, count + 1):
            copy = dict(original)
            relabel(LABEL[:-1] + str(index))(copy)
            files.update(copy)

    return edit


def meta(*path: str | int, value: Any = None, delete: bool = False) -> Callable[[Files], None]:
    """Set or delete one value of meta.yaml."""

    def edit(files: Files) -> None:
        values = yaml.safe_load(files[META])
        inner = values
        for key in path[:-1]:
            inner = inner[key]
        if delete:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value
        files[META] = yaml.safe_dump(values, sort_keys=False, allow_unicode=True).encode()

    return edit


def all_accuracies(factor: float) -> Callable[[Files], None]:
    def edit(files: Files) -> None:
        values = yaml.safe_load(files[META])
        results = values["results"]["development_dataset"]["split_5"]
        rows = [results["overall"], *results["class_wise"].values()]
        for row in [*rows, *results["device_wise"].values()]:
            row["accuracy"] *= factor
        files[META] = yaml.safe_dump(values, sort_keys=False).encode()

    return edit


def both(*edits: Callable[[Files], None]) -> Callable[[Files], None]:
    def edit(files: Files) -> None:
        for single in edits:
            single(files)

    return edit


def permute_columns(files: Files) -> None:
    rows = [line.split("\t") for line in files[CSV].decode().splitlines()]
    order = [0, 1, *range(11, 1, -1)]
    files[CSV] = "".join("\t".join(row[i] for i in order) + "\n" for row in rows).encode()


def with_index(files: Files) -> None:
    first, *rows = files[CSV].decode().splitlines()
    numbered = [f"{number}\t{row}" for number, row in enumerate(rows)]
    files[CSV] = ("\n".join(["\t" + first, *numbered]) + "\n").encode()


SUBMISSION, DESCRIPTION = ("submission",), ("system", "description")
COMPLEXITY = ("system", "complexity")
DEVELOPMENT = ("results", "development_dataset")
SPLIT_5 = (*DEVELOPMENT, "split_5")
AUTHOR = ("submission", "authors", 0)
BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (n, n, b", ".join([b"*%c" % (n - 1)] * 9)) for n in b"bcdefghi"
)

MUTATIONS: dict[str, tuple[set[str], Callable[[Files], None]]] = {
    # Layout and labels.
    "file outside task1": ({"S101"}, add("readme.txt")),
    "hidden Mac folder": ({"S101"}, add(f"__MACOSX/{FOLDER}/._x")),
    "other top folder": (
        {"S101", "S102"},
        lambda files: files.update({n.replace("task1/", "Task1/", 1): files.pop(n) for n in [*files]}),
    ),
    "no system": ({"S102", "S111", "S112"}, lambda files: (files.clear(), files.update({"task1/x": b""}))),
    "five systems": ({"S103", "S105", "S106"}, more_systems(5)),
    "three parts": ({"S104"}, relabel("Doe_task1_1")),
    "five parts": ({"S104"}, relabel("Van_Doe_TINY_task1_1")),
    "empty part": ({"S104"}, relabel("_TINY_task1_1")),
    "other task": ({"S104"}, relabel("Doe_TINY_task2_1")),
    "index 0": ({"S105"}, relabel("Doe_TINY_task1_0")),
    "index 5": ({"S105"}, relabel("Doe_TINY_task1_5")),
    "index 01": ({"S105"}, relabel("Doe_TINY_task1_01")),
    "index 4": ({"S106"}, relabel("Doe_TINY_task1_4")),
    "space in label": ({"S107"}, relabel("De Doe_TINY_task1_1")),
    "non-ASCII label": ({"S107"}, relabel("Müller_TINY_task1_1")),
    "split missing": ({"S108"}, remove(CSV)),
    "split misnamed": ({"S108", "S110"}, rename(CSV, CSV.replace("split_25", "split25"))),
    "generic name": ({"S108", "S110"}, rename(CSV, f"{FOLDER}/output.csv")),
    "files of another label": (
        {"S108", "S109", "S110"},
        relabel("Doe_TINY_task1_1", folder="Doe_TINY_task1_2"),
    ),
    "no metadata": ({"S109"}, remove(META)),
    "metadata misnamed": ({"S109", "S110"}, rename(META, f"{FOLDER}/meta.yaml")),
    "split too many": ({"S110"}, add(CSV.replace("_25", "_75"))),
    "something else": ({"S111"}, add(f"{FOLDER}/.DS_Store")),
    "no report": ({"S112"}, remove(PDF)),
    "report is no PDF": ({"S113"}, add(PDF, b"PK")),
    # Output CSVs: the text.
    "byte order mark": ({"S201"}, edit_bytes(lambda data: b"\xef\xbb\xbf" + data)),
    "UTF-16": ({"S202", "S203"}, edit_bytes(lambda data: data.decode().encode("utf-16"))),
    "Latin-1": ({"S202"}, edit_bytes(lambda data: data.replace(b"3.wav", b"\xe4.wav"))),
    "CR only": ({"S203"}, edit_bytes(lambda data: data.replace(b"\n", b"\r"))),
    "one CR": ({"S203"}, edit_bytes(lambda data: data.replace(b"3.wav", b"3\r.wav"))),
    "NUL": ({"S203"}, edit_bytes(lambda data: data.replace(b"3.wav", b"\x00.wav"))),
    "empty": ({"S204"}, edit_bytes(lambda _: b"")),
    "no header": ({"S204"}, edit_lines(lambda lines: lines[1:])),
    "commas": ({"S204"}, edit_bytes(lambda data: data.replace(b"\t", b","))),
    "spaces": ({"S204"}, edit_bytes(lambda data: data.replace(b"\t", b" "))),
    "index column": ({"S204"}, with_index),
    "other order": ({"S204"}, permute_columns),
    "column renamed": ({"S204"}, edit_text("metro_station", "metrostation")),
    "column capitalised": ({"S204"}, edit_text("filename", "Filename")),
    "column twice": ({"S204"}, edit_text("\tairport\t", "\tbus\t")),
    "column missing": (
        {"S204"},
        edit_bytes(
            lambda data: b"".join(r.rsplit(b"\t", 1)[0] + b"\n" for r in data.splitlines())
        ),
    ),
    "quoted header": ({"S204"}, edit_text("filename", '"filename"')),
    "field missing": ({"S205", "S206", "S210"}, edit_cells(lambda cells: cells.pop())),
    "field too many": ({"S205", "S206", "S210"}, edit_cells(lambda cells: cells.append("0"))),
    "TAB at each end": (
        {"S205", "S206", "S210"},
        edit_lines(lambda lines: [lines[0], *(r.replace(b"\n", b"\t\n") for r in lines[1:])]),
    ),
    "empty line": ({"S205"}, edit_lines(lambda lines: [*lines[:4], b"\n", *lines[4:]])),
    # Output CSVs: the names.
    "header only": ({"S206", "S210"}, edit_lines(lambda lines: lines[:1])),
    "row missing": ({"S206", "S210"}, edit_lines(lambda lines: lines[:-1])),
    "row twice": ({"S206", "S209"}, edit_lines(lambda lines: [*lines, lines[5]])),
    "audio/ prefix": ({"S207"}, edit_bytes(lambda data: data.replace(b"\n1", b"\naudio/1"))),
    "unknown name": ({"S208", "S210"}, cell("filename", "99.wav")),
    "quoted name": ({"S208", "S210"}, cell("filename", '"3.wav"')),
    "no suffix": ({"S208", "S210"}, cell("filename", "3")),
    "empty name": ({"S208", "S210"}, cell("filename", "")),
    "name for another": ({"S209", "S210"}, cell("filename", "7.wav")),
    "extra row": ({"S206", "S208"}, edit_lines(lambda rows: [*rows, rows[1].replace(b"0.", b"x.", 1)])),
    # Output CSVs: scenes and probabilities.
    "unknown scene": ({"S211"}, cell("scene_label", "subway")),
    "class index": ({"S211"}, cell("scene_label", "3")),
    "capital scene": ({"S211"}, cell("scene_label", "Tram")),
    "empty scene": ({"S211"}, cell("scene_label", "")),
    "word": ({"S212"}, cell("bus", "high")),
    "nothing": ({"S212"}, cell("bus", "")),
    "NA": ({"S212"}, cell("bus", "NA")),
    "decimal comma": ({"S212"}, cell("bus", "0,1")),
    "all False": (
        {"S212"},
        edit_lines(
            lambda rows: [rows[0], *(n + b"\tbus\tFalse\t1" + b"\t0" * 8 + b"\n" for n in WAVS)]
        ),
    ),
    "NaN": ({"S213"}, cell("bus", "nan")),
    "infinity": ({"S213"}, cell("bus", "inf")),
    "too large": ({"S213"}, cell("bus", "1e999")),
    "above 1": ({"S214"}, edit_cells(over_one)),
    "below 0": ({"S214"}, edit_cells(below_zero)),
    "percent": (
        {"S214", "S215"},
        edit_cells(lambda c: c.__setitem__(slice(2, None), [str(100 * float(x)) for x in c[2:]])),
    ),
    "sum 1.002": ({"S215"}, edit_cells(lambda cells: cells.__setitem__(
        slice(1, None), ["airport", "0.9", "0.102", *["0"] * 8]))),
    "sum 0.99": ({"S215"}, edit_cells(lambda cells: cells.__setitem__(
        slice(1, None), ["airport", "0.99", *["0"] * 9]))),
    "zeros": ({"S215"}, edit_cells(lambda cells: cells.__setitem__(slice(2, None), ["0"] * 10))),
    "not the best": ({"S216"}, edit_cells(swap_label)),
    "two splits alike": (
        {"S217"},
        lambda files: files.update({CSV: files[CSV.replace("_25", "_50")]}),
    ),
    # meta.yaml: the text.
    "not YAML": ({"S301"}, edit_bytes(lambda data: b"a: [1\n" + data, META)),
    "TAB in YAML": ({"S301"}, edit_bytes(lambda data: b"a:\n\tb: 1\n" + data, META)),
    "empty YAML": ({"S301"}, edit_bytes(lambda _: b"", META)),
    "YAML not UTF-8": ({"S301"}, edit_bytes(lambda data: b"# \xff\n" + data, META)),
    "two documents": ({"S301"}, edit_bytes(lambda data: data + b"---\n" + data, META)),
    "huge YAML": ({"S301"}, edit_bytes(lambda data: data + b"# x\n" * 60_000, META)),
    "forced tag": ({"S301"}, edit_text("tiny", "!!bool perhaps", META)),
    "Python tag": ({"S302"}, edit_text("tiny", "!!python/name:os.system", META)),
    "Python call": ({"S302"}, edit_bytes(lambda d: d + b"x: !!python/object/apply:os.abort []\n", META)),
    "own tag": ({"S302"}, edit_text("tiny", "!mine tiny", META)),
    "alias bomb": ({"S303"}, edit_bytes(lambda _: BOMB, META)),
    "endless alias": ({"S303"}, edit_bytes(lambda data: data + b"x: &x [*x]\n", META)),
    "deep nesting": ({"S303"}, edit_bytes(lambda data: b"x: " + b"[" * 5000, META)),
    "key twice": (
        {"S304"},
        edit_text("abbreviation: tiny", "abbreviation: tiny\n  abbreviation: tiny", META),
    ),
    # meta.yaml: keys and types.
    "a list": ({"S307"}, edit_bytes(lambda _: b"- 1\n", META)),
    "unknown section": ({"S305"}, meta("extra", value=1)),
    "unknown key": ({"S305"}, meta(*COMPLEXITY, "memory", value=1)),
    "unknown scene key": ({"S305"}, meta(*SPLIT_5, "class_wise", "beach", value={})),
    "unknown split": ({"S305"}, meta(*DEVELOPMENT, "split_75", value={})),
    "no submission": ({"S306"}, meta(*SUBMISSION, delete=True)),
    "no label": ({"S306"}, meta(*SUBMISSION, "label", delete=True)),
    "no e-mail": ({"S306"}, meta(*AUTHOR, "email", delete=True)),
    "no affiliation": ({"S306"}, meta(*AUTHOR, "affiliation", delete=True)),
    "no tag": ({"S306"}, meta(*DESCRIPTION, "pipeline", delete=True)),
    "no MACs": ({"S306"}, meta(*COMPLEXITY, "macs", delete=True)),
    "no source_code": ({"S306"}, meta("system", "source_code", delete=True)),
    "no external_datasets": ({"S306"}, meta("system", "external_datasets", delete=True)),
    "no split": ({"S306"}, meta(*SPLIT_5, delete=True)),
    "no overall": ({"S306"}, meta(*SPLIT_5, "overall", delete=True)),
    "no scene": ({"S306"}, meta(*SPLIT_5, "class_wise", "tram", delete=True)),
    "no device": ({"S306"}, meta(*SPLIT_5, "device_wise", "s6", delete=True)),
    "no logloss": ({"S306"}, meta(*SPLIT_5, "device_wise", "a", "logloss", delete=True)),
    "key misspelt": ({"S305", "S306"}, meta("system", value=None) if False else edit_text(
        "framework", "framwork", META)),
    "MACs unknown": ({"S307"}, meta(*COMPLEXITY, "macs", value=None)),
    "MACs as text": ({"S307"}, meta(*COMPLEXITY, "macs", value="29.4 M")),
    "parameters as float": ({"S307"}, meta(*COMPLEXITY, "total_parameters", value=61148.5)),
    "name is a number": ({"S307"}, meta(*SUBMISSION, "name", value=1)),
    "tag is a number": ({"S307"}, meta(*DESCRIPTION, "input_sampling_rate", value=32_000)),
    "corresponding as text": ({"S307"}, meta("submission", "authors", 1, "corresponding", value="no")),
    "authors no list": ({"S307"}, meta("submission", "authors", value="Doe")),
    "accuracy as text": ({"S307"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value="55 %")),
    "accuracy is true": ({"S307"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=True)),
    "scene no mapping": ({"S307"}, meta(*SPLIT_5, "class_wise", "tram", value=55.0)),
    "empty name": ({"S308"}, meta(*SUBMISSION, "name", value="")),
    "no authors": ({"S308"}, meta("submission", "authors", value=[])),
    "e-mail": ({"S308"}, meta(*AUTHOR, "email", value="jo at example.org")),
    "accuracy 101": ({"S308"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=101.0)),
    "accuracy -1": ({"S308"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=-1)),
    "accuracy NaN": ({"S308"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=float("nan"))),
    "logloss -1": ({"S308"}, meta(*SPLIT_5, "overall", "logloss", value=-1.0)),
    "logloss infinite": ({"S308"}, meta(*SPLIT_5, "overall", "logloss", value=float("inf"))),
    "no parameters": ({"S308", "S314"}, meta(*COMPLEXITY, "total_parameters", value=0)),
    # meta.yaml: the challenge's rules.
    "label of another": ({"S309"}, meta(*SUBMISSION, "label", value="Doe_TINY_task1_2")),
    "long abbreviation": ({"S310"}, meta(*SUBMISSION, "abbreviation", value="tinytinytin")),
    "nobody corresponding": ({"S311"}, meta(*AUTHOR, "corresponding", value=False)),
    "two corresponding": ({"S311"}, meta("submission", "authors", 1, "corresponding", value=True)),
    "MACs over": ({"S312"}, meta(*COMPLEXITY, "macs", value=MAX_MACS + 1)),
    "size over": (
        {"S313"},
        both(
            meta(*COMPLEXITY, "total_parameters", value=64_001),
            meta(*COMPLEXITY, "total_model_size", value=128_002),
        ),
    ),
    "size in kB": ({"S314"}, meta(*COMPLEXITY, "total_model_size", value=122)),
    "size of 12 bits": ({"S314"}, meta(*COMPLEXITY, "total_model_size", value=PARAMETERS * 3 // 2)),
    "mean of classes": (
        {"S315"},
        meta(*SPLIT_5, "overall", "accuracy", value=99.0),
    ),
    "unknown result": ({"S316"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=None)),
    "fractions": ({"S317"}, all_accuracies(0.01)),
}  # fmt: skip
WAVS = [name.encode() for name in NAMES]


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_single_fault_in_files_is_found(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    expected, mutate = MUTATIONS[name]
    mutate(files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation) == expected


# --- mutations of the container ------------------------------------------------------------------


def append(name: str, content: bytes = b"x", **changes: Any) -> Callable[[Path], None]:
    """Append an entry with other properties than usual."""

    def edit(path: Path) -> None:
        entry = zipfile.ZipInfo("placeholder", (1980, 1, 1, 0, 0, 0))
        entry.filename = name
        for key, value in changes.items():
            setattr(entry, key, value)
        with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a name twice
            archive.writestr(entry, content)

    return edit


def patch(change: Callable[[bytearray], object]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        data = bytearray(path.read_bytes())
        change(data)
        path.write_bytes(data)

    return edit


def encrypt(data: bytearray) -> None:
    """Set the flag that says so, in the central directory."""
    entry = data.index(b"PK\x01\x02")
    data[entry + 8] |= 1


def many_entries(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(1_001):
            archive.writestr(f"task1/{number}", b"")


def claim_size(data: bytearray) -> None:
    """Claim an uncompressed size of 1 GB for the first file."""
    entry = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, 10**9)


def damage_content(data: bytearray) -> None:
    """Change a byte of the first file's compressed content."""
    name, extra = struct.unpack_from("<HH", data, 26)
    data[30 + name + extra + 40] ^= 0xFF


SYMLINK = {"external_attr": (stat.S_IFLNK | 0o777) << 16, "create_system": 3}
FIFO = {"external_attr": (stat.S_IFIFO | 0o644) << 16, "create_system": 3}

CONTAINER_MUTATIONS: dict[str, tuple[set[str], Callable[[Path], None]]] = {
    "no zip": ({"S001"}, lambda path: path.write_bytes(b"hello")),
    "empty file": ({"S001"}, lambda path: path.write_bytes(b"")),
    "cut zip": ({"S001"}, lambda path: path.write_bytes(path.read_bytes()[:-50])),
    "damaged content": ({"S001"}, patch(damage_content)),
    "absolute name": ({"S002"}, append("/etc/passwd")),
    "parent folder": ({"S002"}, append("task1/../../evil")),
    "backslashes": ({"S002"}, append("task1\\evil.txt")),
    "drive": ({"S002"}, append("C:evil.txt")),
    "control character": ({"S002"}, append("task1/\x1b[2Jevil")),
    "empty part": ({"S002"}, append("task1//evil")),
    "link": ({"S003"}, append(f"{FOLDER}/link", b"/etc/passwd", **SYMLINK)),
    "named pipe": ({"S003"}, append(f"{FOLDER}/pipe", **FIFO)),
    "name twice": ({"S004"}, append(CSV)),
    "name twice but for case": ({"S004"}, append(CSV.upper())),
    "file and folder": ({"S004"}, append(CSV + "/", b"")),
    "bomb": ({"S005"}, append("task1/b", bytes(5 * 10**6), compress_type=zipfile.ZIP_DEFLATED)),
    "claimed size": ({"S005"}, patch(claim_size)),
    "many entries": ({"S005"}, many_entries),
    "encrypted": ({"S006"}, patch(encrypt)),
    "LZMA": ({"S006"}, append(f"{FOLDER}/x", compress_type=zipfile.ZIP_LZMA)),
}


@pytest.mark.parametrize("name", CONTAINER_MUTATIONS)
def test_each_dangerous_container_is_refused(
    name: str, valid_zip: Path, evaluation: Path, tmp_path: Path
) -> None:
    expected, mutate = CONTAINER_MUTATIONS[name]
    path = tmp_path / "task1.zip"
    shutil.copy(valid_zip, path)
    mutate(path)
    assert codes(path, evaluation) == expected
