"""Runs, teams and packages that cannot be submitted: `package` and `validate`."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_input.cases import FAILED_CHECK, PACKAGE, Case
from tests.bad_input.spoil import Break, append, remove, replace, write
from tests.synthetic_runs import LABEL


def zip_of(**files: str) -> Break:
    """A package of these texts."""

    def spoil(place: Path) -> None:
        with zipfile.ZipFile(place / "bad.zip", "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)

    return spoil


def edited_zip(change: Callable[[str, str], str]) -> Break:
    """The valid package with the text of its files changed."""

    def spoil(place: Path) -> None:
        with zipfile.ZipFile(place / "task1.zip") as archive:
            texts = {name: archive.read(name).decode() for name in archive.namelist()}
        zip_of(**{name: change(name, text) for name, text in texts.items()})(place)

    return spoil


def without_last_column(name: str, text: str) -> str:
    if not name.endswith(".csv"):
        return text
    return "".join(line.rsplit("\t", 1)[0] + "\n" for line in text.splitlines())


CASES = [
    # --- packages
    Case(
        "too few runs",
        PACKAGE.replace("runs/split100", ""),
        ("new.zip: was not written", "S401", "split 100", "expected one a split"),
    ),
    Case(
        "a split twice",
        PACKAGE.replace("runs/split100", "runs/split50"),
        ("new.zip: was not written", "S401", "split 100", "S402", "split 50"),
    ),
    Case(
        "mixed recipes",
        PACKAGE,
        ("new.zip: was not written", "S403", "runs/split50", "another recipe than runs/split5"),
        replace("runs/split50/recipe.yaml", "epochs: 150", "epochs: 100"),
    ),
    Case(
        "predictions missing",
        PACKAGE,
        ("new.zip: was not written", "S404", "torch-fp16.csv is missing", "tinyscene predict"),
        remove("runs/split25/predictions/torch-fp16.csv"),
    ),
    Case(
        "predictions of other files",
        PACKAGE,
        ("new.zip: was not written", "split_25.csv", "9.wav"),
        replace("runs/split25/predictions/torch-fp16.csv", "1.wav", "9.wav"),
    ),
    Case(
        "scores broken",
        PACKAGE,
        ("new.zip: was not written", "S405", "torch-fp16.json"),
        write("runs/split25/evaluation/torch-fp16.json", "[1"),
    ),
    Case(
        "a run that is none",
        PACKAGE.replace("runs/split25", "audio"),
        ("audio: is not a run folder", "tinyscene train"),
    ),
    Case("no team", PACKAGE.replace("team.yaml", "absent.yaml"), ("absent.yaml", "cannot be read")),
    Case("team broken", PACKAGE, ("team.yaml:1", "not YAML"), write("team.yaml", "authors: [")),
    Case(
        "team with a Python tag",
        PACKAGE,
        ("team.yaml:3", "python/object/apply:os.mkdir", "expected plain values"),
        replace(
            "team.yaml", "abbreviation: tiny", "abbreviation: !!python/object/apply:os.mkdir [h]"
        ),
    ),
    Case(
        "team with an unknown key",
        PACKAGE,
        ("team.yaml:", "unknown key 'sourcecode'", "did you mean 'source_code'?"),
        append("team.yaml", "sourcecode: https://example.org\n"),
    ),
    Case(
        "team without an e-mail",
        PACKAGE,
        ("team.yaml", "email"),
        replace("team.yaml", "  email: jo.doe@example.org\n", ""),
    ),
    Case("report missing", f"{PACKAGE} --report absent.pdf", ("absent.pdf: cannot be read",)),
    Case(
        "package below a file", f"{PACKAGE} --out list.csv/new.zip", ("list.csv", "another place")
    ),
    Case("disk full at a package", PACKAGE, ("new.zip: cannot be written", "free"), file_limit=500),
    # --- validation
    Case("no package", "validate absent.zip", ("absent.zip: there is no such package", "zip")),
    Case("no evaluation list", "validate task1.zip --list absent", ("absent", "evaluation list")),
    Case(
        "evaluation list with a hole",
        "validate task1.zip --list list.csv",
        ("list.csv", "no 1.wav", "expected every number from 0", "get the list again"),
        replace("list.csv", "audio/1.wav\n", ""),
    ),
    Case(
        "evaluation list that is not UTF-8",
        "validate task1.zip --list list.csv",
        ("list.csv", "cannot be read as a TAB separated table", "utf-8"),
        lambda place: (place / "list.csv").write_bytes(b"filename\naudio/\xe4.wav\n"),
    ),
    Case(
        "a year that is not known",
        "validate task1.zip --list list.csv --year 2023",
        ("--year", "2023", "2024, 2025"),
    ),
    Case(
        "a year whose evaluation set is not known",
        "validate task1.zip --year 2025",
        ("found no list", "2025", "--list"),
    ),
    Case(
        "devices of the evaluation files missing",
        "validate task1.zip --year 2025 --list list.csv",
        ("list.csv", "column 'device_id' is missing"),
    ),
    Case("runs that are none", "validate task1.zip --runs audio", ("audio", "not a run folder")),
    *(
        Case(
            title,
            "validate bad.zip --list list.csv",
            words,
            spoil,
            code=FAILED_CHECK,
        )
        for title, spoil, words in (
            (
                "zip that leaves its folder",
                zip_of(**{"../task1/x.csv": "x"}),
                ("S002", "../task1/x.csv", "without '..'"),
            ),
            ("no zip", write("bad.zip", "text"), ("S001", "bad.zip", "no readable zip")),
            (
                "zip cut short",
                lambda place: write("bad.zip", (place / "task1.zip").read_bytes()[:-99])(place),
                ("S001", "bad.zip", "no readable zip"),
            ),
            ("zip of nothing", zip_of(), ("S102",)),
            (
                "CSV without its last column",
                edited_zip(without_last_column),
                ("S204", f"{LABEL}.output.split_5.csv:1", "tram"),
            ),
            (
                "metadata with a Python tag",
                edited_zip(lambda _, text: text.replace(": tiny", ": !!python/name:os.abort")),
                ("S302", f"{LABEL}.meta.yaml:", "python/name:os.abort"),
            ),
        )
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, run_case: Callable[[Case], None]) -> None:
    run_case(case)
