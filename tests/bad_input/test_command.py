"""The command itself, the demo, and the sound workplace that the cases spoil."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from submission.commands import data
from tests.bad_input.cases import DATA, PACKAGE, RUNS, Case, call

CASES = [
    Case("unknown verb", "trian", ("'trian'", "train", "--help")),
    Case("no verb", "", ("VERB", "--help")),
    Case("demo below a file", "demo list.csv/demo", ("list.csv/demo", "another place")),
    Case("demo of no recipe", "demo new --recipe absent", ("recipe 'absent'", "did you mean")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, run_case: Callable[[Case], None]) -> None:
    run_case(case)


def test_the_workplace_is_sound(place, capfd):
    """What the cases spoil works where nothing is spoilt."""
    commands = [
        "data check data",
        f"evaluate run --backend torch {DATA}",
        f"evaluate run --backend onnx {DATA}",
        "predict run --audio audio --list list.csv",
        "bench toy.onnx --seconds 0.1 --wave audio/0.wav",
        "bench toy.tflite --seconds 0.1 --out new.json",
        "bench compare new.json new.json",
        "check toy.onnx",
        "check toy.tflite",
        f"validate task1.zip --list list.csv --runs {RUNS}",
        PACKAGE,
    ]
    for command in commands:
        assert call(command) == 0, (command, capfd.readouterr())
    assert json.loads(Path("new.json").read_text())["model"]["name"] == "toy.tflite"
    assert (place / "new.zip").read_bytes() == (place / "task1.zip").read_bytes()


def test_too_little_memory_is_one_sentence(run_case, monkeypatch):
    def greedy(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(data, "recipes", greedy)
    run_case(Case("too little memory", "recipes", ("memory", "ask for less")))
