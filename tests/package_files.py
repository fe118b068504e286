"""Edits that change one thing in the files of a package."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from baseline.run import Run
from submission.label import report_name
from submission.predictions import COLUMNS
from submission.validate import validate
from tests.synthetic_runs import LABEL

Files = dict[str, bytes]
"""Names in a package and what is in them."""

FastLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FastDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Edit = Callable[[Files], object]
Mutations = dict[str, tuple[set[str], Edit]]
"""What is done, the codes that it must give, and how it is done."""

NAMES = [f"{number}.wav" for number in range(12)]
FOLDER = f"task1/{LABEL}"
CSV = f"{FOLDER}/{LABEL}.output.split_25.csv"
META = f"{FOLDER}/{LABEL}.meta.yaml"
PDF = f"task1/{report_name(LABEL)}"

COMPLEXITY, DESCRIPTION = ("system", "complexity"), ("system", "description")
DEVELOPMENT = ("results", "development_dataset")
SPLIT_5 = (*DEVELOPMENT, "split_5")
AUTHOR, COAUTHOR = ("submission", "authors", 0), ("submission", "authors", 1)


def write_zip(path: Path, files: Files) -> Path:
    """Write a zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def codes(path: Path, evaluation: Path, runs: list[Run] | None = None) -> set[str]:
    """Codes of all faults and warnings of a package."""
    return {fault.code for fault in validate(path, evaluation_list=evaluation, runs=runs or [])}


# --- edits of any file ---------------------------------------------------------------------------


def add(name: str, content: bytes = b"x") -> Edit:
    """Add or replace a file."""
    return lambda files: files.update({name: content})


def remove(name: str) -> Edit:
    """Remove a file."""
    return lambda files: files.pop(name)


def rename(old: str, new: str) -> Edit:
    """Rename a file."""
    return lambda files: files.update({new: files.pop(old)})


def both(*edits: Edit) -> Edit:
    """Several edits, one after the other."""

    def edit(files: Files) -> None:
        for single in edits:
            single(files)

    return edit


def edit_bytes(change: Callable[[bytes], bytes], name: str = CSV) -> Edit:
    """Change the content of a file."""
    return lambda files: files.update({name: change(files[name])})


def edit_text(old: str, new: str, name: str = CSV, count: int = 1) -> Edit:
    """Replace the first occurrences of a text, which must be there."""

    def change(data: bytes) -> bytes:
        assert old in data.decode()
        return data.decode().replace(old, new, count).encode()

    return edit_bytes(change, name)


# --- edits of a CSV ------------------------------------------------------------------------------


def edit_lines(change: Callable[[list[bytes]], list[bytes]]) -> Edit:
    """Change the list of the CSV's lines, header first, each with its line end."""
    return edit_bytes(lambda data: b"".join(change(data.splitlines(keepends=True))))


def edit_cells(change: Callable[[list[str]], object], line: int = 5) -> Edit:
    """Change the list of cells of one line, counted from 1."""

    def change_line(lines: list[bytes]) -> list[bytes]:
        cells = lines[line - 1].decode().rstrip("\n").split("\t")
        change(cells)
        return [*lines[: line - 1], ("\t".join(cells) + "\n").encode(), *lines[line:]]

    return edit_lines(change_line)


def cell(column: str, value: str) -> Edit:
    """Set a cell of line 5, and nothing else."""
    return edit_cells(lambda cells: cells.__setitem__(COLUMNS.index(column), value))


def decision(scene: str, *probabilities: str) -> Edit:
    """Set scene and first probabilities of line 5; the others are 0."""
    zeros = ["0"] * (len(COLUMNS) - 2 - len(probabilities))
    return edit_cells(
        lambda cells: cells.__setitem__(slice(1, None), [scene, *probabilities, *zeros])
    )


# --- edits of meta.yaml and of the label ---------------------------------------------------------


def edit_meta(change: Callable[[Any], object], name: str = META) -> Edit:
    """Change the values of a meta.yaml."""

    def change_text(data: bytes) -> bytes:
        values = yaml.load(data, FastLoader)
        change(values)
        return yaml.dump(values, Dumper=FastDumper, sort_keys=False, allow_unicode=True).encode()

    return edit_bytes(change_text, name)


def meta(*path: str | int, value: Any) -> Edit:
    """Set one value of meta.yaml."""
    return edit_meta(lambda values: _inner(values, path).__setitem__(path[-1], value))


def no_meta(*path: str | int) -> Edit:
    """Remove one key of meta.yaml."""
    return edit_meta(lambda values: _inner(values, path).pop(path[-1]))


def _inner(values: Any, path: tuple[str | int, ...]) -> Any:
    for key in path[:-1]:
        values = values[key]
    return values


def relabel(label: str, folder: str | None = None) -> Edit:
    """Give the system another label everywhere, and perhaps a folder of another name."""

    def edit(files: Files) -> None:
        renamed = {
            f"task1/{folder or label}/{name.rpartition('/')[2].replace(LABEL, label)}": content
            for name, content in files.items()
        }
        files.clear()
        files.update(renamed)
        for name in files:
            if name.endswith(".meta.yaml"):
                files[name] = files[name].replace(LABEL.encode(), label.encode())

    return edit


def label_of(index: int) -> str:
    """The label with another index."""
    return f"{LABEL.rpartition('_')[0]}_{index}"


def systems(count: int) -> Edit:
    """Copy the system until there are so many, with indices from 1."""

    def edit(files: Files) -> None:
        original = dict(files)
        for index in range(2, count + 1):
            copy = dict(original)
            relabel(label_of(index))(copy)
            files.update(copy)

    return edit
