"""Runs and reports from which no page can be made: `report`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_input.cases import Case
from tests.bad_input.spoil import Break, both, cut, folder, set_json, write
from tests.result_runs import recipe_of, write_result

RUN = "all/small-split5-seed0"
SCORES = f"{RUN}/evaluation/torch-fp16.json"
REPORT = "report all --out new.html"


def sound(place: Path) -> None:
    """Two runs that can be shown."""
    for seed in range(2):
        write_result(place / "all", recipe_of("small"), 5, seed, parameters=None)


def unscored(place: Path) -> None:
    for scores in place.glob("all/*/evaluation/*.json"):
        scores.unlink()


def retrained(place: Path) -> None:
    for weights in place.glob("all/*/weights.safetensors"):
        os.utime(weights)


def spoilt(*breaks: Break) -> Break:
    return both(sound, *breaks)


CASES = [
    Case("no folder", "report absent --out new.html", ("absent: there is no such folder",)),
    Case("an empty folder", "report new --out new.html", ("new: found 0 folders",), folder("new")),
    Case("no run", "report data --out new.html", ("data: found", "none of them a run")),
    Case("never evaluated", REPORT, ("none to count", "was not evaluated"), spoilt(unscored)),
    Case("trained since", REPORT, ("none to count", "after its scores"), spoilt(retrained)),
    Case("record cut", REPORT, (f"{RUN}/run.json", "JSON"), spoilt(cut(f"{RUN}/run.json"))),
    Case("scores cut", REPORT, (SCORES, "JSON"), spoilt(cut(SCORES))),
    Case(
        "confusion of another shape",
        REPORT,
        (SCORES, "10 rows of 10 counts", "evaluate"),
        spoilt(set_json(SCORES, confusion=[[1]])),
    ),
    Case(
        "complexity of nothing",
        REPORT,
        (f"{RUN}/complexity.json", "macs"),
        spoilt(write(f"{RUN}/complexity.json", '{"parameters": 1, "network": "x"}')),
    ),
    Case(
        "agreement cut",
        REPORT,
        (f"{RUN}/quantization/agreement.json", "JSON"),
        spoilt(write(f"{RUN}/quantization/agreement.json", "{")),
    ),
    Case(
        "no learning curve",
        REPORT,
        (f"{RUN}/history.csv", "not a learning curve"),
        spoilt(write(f"{RUN}/history.csv", "epoch\n1\n")),
    ),
    Case("page over a folder", "report all --out audio", ("audio: is a folder",), sound),
    Case("page below a file", "report all --out list.csv/new.html", ("list.csv",), sound),
    Case("bench of something", f"{REPORT} --bench run/run.json", ("run/run.json",), sound),
    Case("board of something", f"{REPORT} --mcu run/run.json", ("run/run.json", "mcu"), sound),
    Case("no such data", f"{REPORT} --data absent", ("absent",), sound),
    Case("unknown system", f"{REPORT} --system fp33", ("'fp33'", "torch-fp32"), sound),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, run_case: Callable[[Case], None]) -> None:
    run_case(case)
