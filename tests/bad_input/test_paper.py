"""Runs, teams and folders that a technical report cannot be drafted from or into."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bad_input.cases import RUNS, Case
from tests.bad_input.spoil import append, cut, edit, folder, remove, replace, write

PAPER = f"paper {RUNS} --team team.yaml --out report"

CASES = [
    Case(
        "a missing split",
        PAPER.replace("runs/split50", ""),
        ("runs/split5", "none of split 50", "expected one for each of 5, 10, 25, 50, 100"),
    ),
    Case(
        "a split twice",
        PAPER.replace("runs/split50", "runs/split50 runs/split50"),
        ("2 of split 50", "expected one for each"),
    ),
    Case(
        "mixed recipes of different names",
        PAPER,
        ("runs/split5", "none of split 50"),
        replace("runs/split50/recipe.yaml", "name: baseline2024", "name: another"),
    ),
    Case(
        "mixed recipes of one name",
        PAPER,
        ("runs/split50", "another recipe"),
        replace("runs/split50/recipe.yaml", "epochs: 150", "epochs: 100"),
    ),
    Case(
        "a run that was not evaluated",
        PAPER,
        ("runs/split25/evaluation/torch-fp16.json", "tinyscene evaluate runs/split25"),
        remove("runs/split25/evaluation/torch-fp16.json"),
    ),
    Case(
        "an evaluation of other weights",
        PAPER,
        ("runs/split25/evaluation/torch-fp16.json", "weights", "tinyscene evaluate runs/split25"),
        append("runs/split25/weights.safetensors", "more"),
    ),
    Case(
        "a damaged evaluation",
        PAPER,
        ("runs/split25/evaluation/torch-fp16.json", "not valid JSON"),
        cut("runs/split25/evaluation/torch-fp16.json"),
    ),
    Case(
        "a run that was not counted",
        PAPER,
        ("runs/split5/complexity.json", "no such file"),
        remove("runs/split5/complexity.json"),
    ),
    Case(
        "a complexity that is none",
        PAPER,
        ("runs/split5/complexity.json",),
        write("runs/split5/complexity.json", "[]"),
    ),
    Case(
        "layers that are none",
        PAPER,
        ("runs/split5/complexity.json", "layers"),
        replace("runs/split5/complexity.json", '"network"', '"layers": [{"name": 3}], "network"'),
    ),
    Case(
        "a confusion matrix that is none",
        PAPER,
        ("runs/split100/evaluation/torch-fp16.json", "confusion"),
        edit(
            "runs/split100/evaluation/torch-fp16.json",
            lambda data: data[: data.index(b'"confusion"')] + b'"confusion": [[1, 2], [3]]}',
        ),
    ),
    Case(
        "a learning curve that is none",
        PAPER,
        ("runs/split5/history.csv", "is not a learning curve"),
        lambda place: [
            write(f"runs/split{split}/history.csv", "epoch\n1\n")(place)
            for split in (5, 10, 25, 50, 100)
        ],
    ),
    Case("no run", PAPER.replace("runs/split5 ", "data "), ("data", "not a run folder")),
    Case("no team", PAPER.replace("team.yaml", "none.yaml"), ("none.yaml", "cannot be read")),
    Case("a team that is no YAML", PAPER, ("team.yaml",), write("team.yaml", "a: [")),
    Case(
        "a team of another recipe",
        PAPER,
        ("describes no system of recipe 'baseline2024'",),
        write(
            "team.yaml",
            "lastname: Doe\ninstitute: TINY\nauthors:\n"
            "  - {lastname: Doe, firstname: Jo, email: a@example.org, corresponding: true,"
            " affiliation: {institute: TINY}}\n"
            "systems:\n  - {name: a, abbreviation: a, recipe: other}\n",
        ),
    ),
    Case("a folder that is a file", PAPER.replace("out report", "out list.csv"), ("list.csv",)),
    Case(
        "a folder inside a file",
        PAPER.replace("out report", "out list.csv/report"),
        ("list.csv", "cannot be created as a folder"),
    ),
    Case(
        "a folder of something else",
        PAPER,
        ("report", "found 'thesis.doc'", "new or empty folder"),
        write("report/thesis.doc", "x"),
    ),
    Case("a full disk", PAPER, ("report", "cannot be written"), folder("report"), file_limit=2_000),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, run_case: Callable[[Case], None]) -> None:
    run_case(case)
