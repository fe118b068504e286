"""Folders of runs from which no table can be made: `results`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_input.cases import Case
from tests.bad_input.spoil import Break, both, cut, folder, replace, set_json, write
from tests.result_runs import recipe_of, write_result

SCORES = "all/small-split5-seed0/evaluation/torch-fp16.json"
SMALL = "all/small-split5-seed0"


def sound(place: Path) -> None:
    """Two recipes on one split."""
    for name in ("small", "student"):
        for seed in range(2):
            write_result(place / "all", recipe_of(name), 5, seed)


def spoilt(*breaks: Break) -> Break:
    return both(sound, *breaks)


def retrained(place: Path) -> None:
    for weights in place.glob("all/*/weights.safetensors"):
        os.utime(weights)


CASES = [
    Case("no folder", "results absent", ("absent: there is no such folder", "folder of runs")),
    Case("a file", "results list.csv", ("list.csv: there is no such folder",)),
    Case("an empty folder", "results new", ("new: found 0 folders", "matrix"), folder("new")),
    Case("a folder of no runs", "results data", ("data: found", "none of them a run", "matrix")),
    Case("one run", f"results {SMALL}", (f"{SMALL}: is one run", "folder that holds it"), sound),
    *(
        Case(title, "results all", words, spoilt(spoil))
        for title, words, spoil in (
            (
                "record cut short",
                (f"{SMALL}/run.json", "is not valid JSON"),
                cut(f"{SMALL}/run.json"),
            ),
            ("scores cut short", (SCORES, "is not valid JSON"), cut(SCORES)),
            ("scores are a list", (SCORES, "valid dictionary", "evaluate"), write(SCORES, "[]")),
            (
                "scores without a figure",
                (SCORES, "macro_accuracy", "required", "evaluate"),
                set_json(SCORES, macro_accuracy=None),
            ),
            (
                "an accuracy of two",
                (SCORES, "macro_accuracy", "less than or equal to 1", "found 2.0", "evaluate"),
                set_json(SCORES, macro_accuracy=2.0),
            ),
            (
                "an accuracy that is no number",
                (SCORES, "macro_accuracy", "finite number", "found nan"),
                write(SCORES, '{"macro_accuracy": NaN, "clips": 1}'),
            ),
            (
                "scores without a device",
                (SCORES, "'a' is missing", "evaluate"),
                set_json(SCORES, devices={}),
            ),
            (
                "parameters as a word",
                (f"{SMALL}/complexity.json", "'parameters': found 'many'", "count"),
                set_json(f"{SMALL}/complexity.json", parameters="many"),
            ),
            (
                "recipe of another version",
                (f"{SMALL}/recipe.yaml", "unknown key 'precisoin'", "did you mean 'precision'?"),
                replace(f"{SMALL}/recipe.yaml", "precision:", "precisoin:"),
            ),
            (
                "two recipes of one name",
                ("small-split5-seed0 and small-split5-seed1", "different recipes", "train.epochs"),
                replace(f"{SMALL}/recipe.yaml", "epochs: 60", "epochs: 61"),
            ),
            (
                "two runs of one seed",
                ("small-split5-seed0 and small-split5-seed1", "seed 1", "move one"),
                set_json(f"{SMALL}/run.json", seed=1),
            ),
            (
                "two datasets",
                ("/data/invented", "/data/other", "expected one dataset", "folder of their own"),
                set_json(f"{SMALL}/run.json", data="/data/other"),
            ),
            (
                "all scores older than the weights",
                ("all: found 4 runs, none to count", "trained after its scores", "evaluate"),
                retrained,
            ),
        )
    ),
    Case(
        "unknown recipe to compare with",
        "results all --against smal",
        ("--against smal", "small, student", "did you mean 'small'?"),
        sound,
    ),
    Case("unknown system", "results all --system fp33", ("'fp33'", "torch-fp32"), sound),
    Case(
        "system that no run has",
        "results all --system tflite-int8",
        ("none to count", "was not evaluated as tflite-int8", "--system"),
        sound,
    ),
    Case(
        "pictures below a file",
        "results all --plots list.csv/pictures",
        ("list.csv/pictures", "another place"),
        sound,
    ),
    Case("table over a folder", "results all --csv audio", ("audio: is a folder",), sound),
    Case(
        "learning curve cut off",
        "results all --plots pictures",
        (f"{SMALL}/history.csv", "not a learning curve"),
        spoilt(write(f"{SMALL}/history.csv", "epoch\n1\n")),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, run_case: Callable[[Case], None]) -> None:
    run_case(case)
