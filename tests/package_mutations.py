"""Edits of a valid package that break a rule, and the codes that each must give.

One fault each. Where a fault breaks more than one rule, such as a row that is missing both among
the rows and among the names, its codes are those of all.
"""

from __future__ import annotations

from typing import Any

from baseline.challenge import MAX_MACS, SCENES
from submission.predictions import COLUMNS
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
    Mutations,
    add,
    both,
    cell,
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
)
from tests.synthetic_runs import LABEL, PARAMETERS

# --- files, folders and labels -------------------------------------------------------------------


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
    "CSV name in lower case": (
        {"S108", "S110"},
        rename(CSV, CSV.replace(LABEL + ".out", LABEL.lower() + ".out")),
    ),
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
    "byte order mark": ({"S201"}, edit_bytes(lambda data: b"\xef\xbb\xbf" + data)),
    "UTF-16": ({"S202", "S203"}, edit_bytes(lambda data: data.decode().encode("utf-16"))),
    "Latin-1": ({"S202"}, edit_bytes(lambda data: data.replace(b"3.wav", b"\xe4.wav"))),
    "CR only": ({"S203"}, edit_bytes(lambda data: data.replace(b"\n", b"\r"))),
    "one CR": ({"S203"}, edit_text("3.wav", "3\r.wav")),
    "NUL": ({"S203"}, edit_text("3.wav", "\0.wav")),
    "empty": ({"S204"}, edit_bytes(lambda _: b"")),
    "no header": ({"S204"}, edit_lines(lambda lines: lines[1:])),
    "commas": ({"S204"}, edit_bytes(lambda data: data.replace(b"\t", b","))),
    "spaces": ({"S204"}, edit_bytes(lambda data: data.replace(b"\t", b" "))),
    "index column": ({"S204"}, edit_lines(add_index)),
    "other column order": ({"S204"}, edit_lines(reorder_columns)),
    "column renamed": ({"S204"}, edit_text("metro_station", "metrostation")),
    "column capitalised": ({"S204"}, edit_text("filename", "Filename")),
    "column twice": ({"S204"}, edit_text("\tairport\t", "\tbus\t")),
    "column missing": ({"S204"}, edit_lines(drop_last_column)),
    "column too many": ({"S204"}, edit_text("\ttram", "\ttram\ttram")),
    "quoted header": ({"S204"}, edit_text("filename", '"filename"')),
    "field missing": ({"S205", "S206", "S210"}, edit_cells(lambda cells: cells.pop())),
    "field too many": ({"S205", "S206", "S210"}, edit_cells(lambda cells: cells.append("0"))),
    "TAB at each end": (
        {"S205", "S206", "S210"},
        edit_lines(lambda lines: [lines[0], *(row[:-1] + b"\t\n" for row in lines[1:])]),
    ),
    "empty line": ({"S205"}, edit_lines(lambda lines: [*lines[:4], b"\n", *lines[4:]])),
    "header only": ({"S206", "S210"}, edit_lines(lambda lines: lines[:1])),
    "row missing": ({"S206", "S210"}, edit_lines(lambda lines: lines[:-1])),
    "row twice": ({"S206", "S209"}, edit_lines(lambda lines: [*lines, lines[5]])),
    "row too many": ({"S206", "S208"}, edit_lines(lambda lines: [*lines, b"x" + lines[5]])),
    "audio/ prefix": ({"S207"}, edit_bytes(lambda data: data.replace(b"\n1", b"\naudio/1"))),
    "one audio/ prefix": ({"S207"}, cell("filename", "audio/3.wav")),
    "unknown name": ({"S208", "S210"}, cell("filename", "99.wav")),
    "quoted name": ({"S208", "S210"}, cell("filename", '"3.wav"')),
    "no suffix": ({"S208", "S210"}, cell("filename", "3")),
    "empty name": ({"S208", "S210"}, cell("filename", "")),
    "name of another": ({"S209", "S210"}, cell("filename", "7.wav")),
    "unknown scene": ({"S211"}, cell("scene_label", "subway")),
    "class index": ({"S211"}, cell("scene_label", "3")),
    "capital scene": ({"S211"}, cell("scene_label", "Tram")),
    "empty scene": ({"S211"}, cell("scene_label", "")),
    "word": ({"S212"}, cell("bus", "high")),
    "nothing": ({"S212"}, cell("bus", "")),
    "NA": ({"S212"}, cell("bus", "NA")),
    "decimal comma": ({"S212"}, cell("bus", "0,1")),
    "all False": ({"S212"}, edit_lines(all_false)),
    "NaN": ({"S213"}, cell("bus", "nan")),
    "infinity": ({"S213"}, cell("bus", "inf")),
    "too large": ({"S213"}, cell("bus", "1e999")),
    "above 1": ({"S214"}, decision("airport", "1.0004")),
    "below 0": ({"S214"}, decision("airport", "0.9", "0.2", "-0.1")),
    "percent": ({"S214", "S215"}, edit_cells(percent)),
    "sum 1.002": ({"S215"}, decision("airport", "0.9", "0.102")),
    "sum 0.99": ({"S215"}, decision("airport", "0.99")),
    "sum 0": ({"S215"}, decision("airport", "0")),
    "not the best": ({"S216"}, edit_cells(least_probable)),
    "nearly the best": ({"S216"}, decision("bus", "0.500001", "0.499999")),
}


# --- meta.yaml -----------------------------------------------------------------------------------


def fractions(values: Any) -> None:
    results = values["results"]["development_dataset"]["split_5"]
    groups = [results["class_wise"], results["device_wise"], {"overall": results["overall"]}]
    for row in [row for group in groups for row in group.values()]:
        row["accuracy"] /= 100


BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (key, key, b", ".join([b"*%c" % (key - 1)] * 9)) for key in b"bcdefghi"
)
"""A text of 400 bytes that stands for 400 million values."""

MERGE_BOMB = b"a: &a {x: 1}\n" + b"".join(
    b"%c: &%c {<<: [%s]}\n" % (key, key, b", ".join([b"*%c" % (key - 1)] * 9))
    for key in b"bcdefghi"
)


def end(text: bytes) -> Edit:
    return edit_bytes(lambda data: data + text, META)


def start(text: bytes) -> Edit:
    return edit_bytes(lambda data: text + data, META)


def whole(text: bytes) -> Edit:
    return edit_bytes(lambda _: text, META)


METADATA: Mutations = {
    "not YAML": ({"S301"}, start(b"a: [1\n")),
    "TAB in YAML": ({"S301"}, start(b"a:\n\tb: 1\n")),
    "empty YAML": ({"S301"}, whole(b"")),
    "YAML not UTF-8": ({"S301"}, start(b"# \xff\n")),
    "control character": ({"S301"}, start(b"# \x01\n")),
    "two documents": ({"S301"}, end(b"---\na: 1\n")),
    "huge YAML": ({"S301"}, end(b"# x\n" * 60_000)),
    "forced tag": ({"S301"}, edit_text(": tiny", ": !!bool perhaps", META)),
    "impossible date": ({"S301"}, edit_text(": tiny", ": 2024-99-99", META)),
    "Python tag": ({"S302"}, edit_text(": tiny", ": !!python/name:os.system", META)),
    "Python call": ({"S302"}, end(b"x: !!python/object/apply:os.abort []\n")),
    "own tag": ({"S302"}, edit_text(": tiny", ": !mine tiny", META)),
    "alias bomb": ({"S303"}, whole(BOMB)),
    "merge bomb": ({"S303"}, whole(MERGE_BOMB)),
    "aliases without end": ({"S303"}, whole(b"a: &a x\nb: [" + b"*a," * 19_000 + b"]\n")),
    "thousands of anchors": (
        {"S303"},
        whole(b"".join(b"k%d: &a%d\n" % (n, n) for n in range(4_000))),
    ),
    "endless alias": ({"S303"}, end(b"x: &x [*x]\n")),
    "deep nesting": ({"S303"}, whole(b"x: " + b"[" * 500)),
    "deep but readable": ({"S303"}, end(b"x: " + b"[" * 50 + b"]" * 50 + b"\n")),
    "key twice": ({"S304"}, edit_text(": tiny", ": tiny\n  abbreviation: tiny", META)),
    "author's key twice": ({"S304"}, edit_text(": Jo", ": Jo\n    firstname: Jo", META)),
    "a list": ({"S307"}, whole(b"- 1\n")),
    "a text": ({"S307"}, whole(b"hello\n")),
    "unknown section": ({"S305"}, end(b"extra: 1\n")),
    "number as key": ({"S305"}, end(b"1: 1\n")),
    "unknown key": ({"S305"}, meta(*COMPLEXITY, "memory", value=1)),
    "unknown author's key": ({"S305"}, meta(*AUTHOR, "orcid", value="0000")),
    "unknown scene": (
        {"S305"},
        meta(*SPLIT_5, "class_wise", "beach", value={"accuracy": 1.0, "logloss": 1.0}),
    ),
    "unknown split": ({"S305", "S306"}, meta(*DEVELOPMENT, "split_75", value={})),
    "key misspelt": ({"S305", "S306"}, edit_text("framework", "framwork", META)),
    "scene misspelt": ({"S305", "S306"}, edit_text("tram:", "trams:", META)),
    "no submission": ({"S306"}, no_meta("submission")),
    "no label": ({"S306"}, no_meta("submission", "label")),
    "no abbreviation": ({"S306"}, no_meta("submission", "abbreviation")),
    "no e-mail": ({"S306"}, no_meta(*AUTHOR, "email")),
    "no affiliation": ({"S306"}, no_meta(*AUTHOR, "affiliation")),
    "no tag": ({"S306"}, no_meta(*DESCRIPTION, "pipeline")),
    "no MACs": ({"S306"}, no_meta(*COMPLEXITY, "macs")),
    "no source_code": ({"S306"}, no_meta("system", "source_code")),
    "no external_datasets": ({"S306"}, no_meta("system", "external_datasets")),
    "no split": ({"S306"}, no_meta(*SPLIT_5)),
    "no overall": ({"S306"}, no_meta(*SPLIT_5, "overall")),
    "no scene": ({"S306"}, no_meta(*SPLIT_5, "class_wise", "tram")),
    "no device": ({"S306"}, no_meta(*SPLIT_5, "device_wise", "s6")),
    "no logloss": ({"S306"}, no_meta(*SPLIT_5, "device_wise", "a", "logloss")),
    "MACs unknown": ({"S307"}, meta(*COMPLEXITY, "macs", value=None)),
    "MACs as text": ({"S307"}, meta(*COMPLEXITY, "macs", value="29.4 M")),
    "float": ({"S307"}, meta(*COMPLEXITY, "total_parameters", value=float(PARAMETERS))),
    "name is a number": ({"S307"}, meta("submission", "name", value=1)),
    "tag is a number": ({"S307"}, meta(*DESCRIPTION, "input_sampling_rate", value=32_000)),
    "tags in a mapping": ({"S307"}, meta(*DESCRIPTION, "pipeline", value={"a": "b"})),
    "corresponding as text": ({"S307"}, meta(*COAUTHOR, "corresponding", value="no")),
    "authors no list": ({"S307"}, meta("submission", "authors", value="Doe")),
    "dataset no list": ({"S307"}, meta("system", "external_datasets", value="AudioSet")),
    "accuracy as text": ({"S307"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value="5 %")),
    "accuracy is true": ({"S307"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=True)),
    "scene no mapping": ({"S307"}, meta(*SPLIT_5, "class_wise", "tram", value=55.0)),
    "scenes no mapping": ({"S307"}, meta(*SPLIT_5, "class_wise", value=[])),
    "empty name": ({"S308"}, meta("submission", "name", value="")),
    "no authors": ({"S308"}, meta("submission", "authors", value=[])),
    "e-mail": ({"S308"}, meta(*AUTHOR, "email", value="jo at example.org")),
    "accuracy 101": ({"S308"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=101.0)),
    "accuracy -1": ({"S308"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=-1)),
    "accuracy NaN": ({"S308"}, edit_text("accuracy: ", "accuracy: .nan # ", META)),
    "logloss -1": ({"S308"}, meta(*SPLIT_5, "overall", "logloss", value=-1.0)),
    "logloss infinite": ({"S308"}, edit_text("logloss: ", "logloss: .inf # ", META)),
    "0 parameters": ({"S308", "S314"}, meta(*COMPLEXITY, "total_parameters", value=0)),
    "label of another": ({"S309"}, meta("submission", "label", value=label_of(2))),
    "long abbreviation": ({"S310"}, meta("submission", "abbreviation", value="tinytinytin")),
    "nobody corresponding": ({"S311"}, meta(*AUTHOR, "corresponding", value=False)),
    "two corresponding": ({"S311"}, meta(*COAUTHOR, "corresponding", value=True)),
    "MACs over": ({"S312"}, meta(*COMPLEXITY, "macs", value=MAX_MACS + 1)),
    "size over": (
        {"S313"},
        both(
            meta(*COMPLEXITY, "total_parameters", value=64_001),
            meta(*COMPLEXITY, "total_model_size", value=128_002),
        ),
    ),
    "size in kB": ({"S314"}, meta(*COMPLEXITY, "total_model_size", value=122)),
    "12 bits": ({"S314"}, meta(*COMPLEXITY, "total_model_size", value=PARAMETERS * 3 // 2)),
    "not the mean": ({"S315"}, meta(*SPLIT_5, "overall", "accuracy", value=99.0)),
    "unknown result": ({"S316"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=None)),
    "fractions": ({"S317"}, edit_meta(fractions)),
}


MUTATIONS: Mutations = {
    **{f"layout: {name}": row for name, row in LAYOUT.items()},
    **{f"CSV: {name}": row for name, row in CSVS.items()},
    **{f"YAML: {name}": row for name, row in METADATA.items()},
}
"""All of them."""
