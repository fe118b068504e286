"""Recipes, options and run folders that cannot be trained: `train` and `run`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from baseline.run import Run
from tests.bad_input.cases import TRAIN, Case, call
from tests.bad_input.spoil import Break, both, set_json, write

RECIPE = "train:\n  epochs: 1\n  warmup_steps: 0\n"
WITH_RECIPE = "train --data data --split 100 --recipe my.yaml"


def moved_here(place: Path) -> None:
    """Make the run one of the workplace's own dataset."""
    data = place / "data"
    set_json("run/run.json", data=str(data), store=str(data / "prepared"))(place)


def unfinished(checkpoint: bytes | dict[str, object]) -> Break:
    """Make the run one whose training was stopped with this checkpoint."""

    def spoil(place: Path) -> None:
        run = Run(place / "run")
        run.weights_file.unlink()
        moved_here(place)
        if isinstance(checkpoint, bytes):
            run.checkpoint_file.write_bytes(checkpoint)
        else:
            torch.save(checkpoint, run.checkpoint_file)

    return spoil


CASES = [
    # --- recipes
    Case(
        "unknown key in --set",
        f"{TRAIN} --set train.epoch=3",
        ("unknown key 'train.epoch'", "did you mean 'epochs'?"),
    ),
    Case(
        "unknown key in a recipe",
        WITH_RECIPE,
        ("my.yaml: unknown key 'network_name'", "did you mean 'network'?"),
        write("my.yaml", RECIPE + "network_name: baseline2024\n"),
    ),
    Case("--set without a value", f"{TRAIN} --set train.epochs", ("--set train.epochs", "key=val")),
    Case("--set without a key", f"{TRAIN} --set =3", ("--set =3", "expected key=value")),
    Case(
        "--set into a value",
        f"{WITH_RECIPE} --set name.x=1",
        ("--set name.x=1", "'name' is a value"),
        write("my.yaml", RECIPE + "name: mine\n"),
    ),
    Case("--set of no YAML", f"{TRAIN} --set train.epochs=[", ("--set train.epochs=[", "YAML")),
    Case("--set of no date", f"{TRAIN} --set name=2024-13-45", ("--set name=2024-13-45", "YAML")),
    Case("epochs as a word", f"{TRAIN} --set train.epochs=many", ("train.epochs", "found 'many'")),
    Case("epochs as yes", f"{TRAIN} --set train.epochs=yes", ("train.epochs", "found True")),
    Case("no epochs", f"{TRAIN} --set train.epochs=0", ("train.epochs", "greater", "found 0")),
    Case("NaN rate", f"{TRAIN} --set train.learning_rate=.nan", ("learning_rate", "found nan")),
    Case("endless rate", f"{TRAIN} --set train.learning_rate=.inf", ("learning_rate", "found inf")),
    Case("section as a value", f"{TRAIN} --set train=3", ("key 'train'", "found 3")),
    Case("batch of one", f"{TRAIN} --set train.batch_size=1", ("train.batch_size", "found 1")),
    Case("unknown precision", f"{TRAIN} --set precision=fp8", ("precision", "fp16", "found 'fp8'")),
    Case(
        "recipe name leaves the folder",
        f"{TRAIN} --set name=../../elsewhere",
        ("--set name=", "key 'name': found '../../elsewhere'", "expected a name without slashes"),
    ),
    Case(
        "two warm-ups",
        WITH_RECIPE,
        ("my.yaml: key 'train': give exactly one of warmup_steps, warmup_share, ramp",),
        write("my.yaml", RECIPE + "  warmup_share: 0.1\n"),
    ),
    Case("unknown recipe", f"{TRAIN} --recipe smal", ("recipe 'smal'", "did you mean 'small'?")),
    Case("recipe is no YAML", WITH_RECIPE, ("my.yaml", "not a readable"), write("my.yaml", "a: [")),
    Case("recipe is a list", WITH_RECIPE, ("my.yaml", "found a list"), write("my.yaml", "- 1\n")),
    Case("recipe is empty", WITH_RECIPE, ("my.yaml", "found nothing"), write("my.yaml", "")),
    Case("recipe not in UTF-8", WITH_RECIPE, ("my.yaml", "utf-8"), write("my.yaml", b"\xff: 1\n")),
    Case(
        "recipe nested too deeply",
        WITH_RECIPE,
        ("my.yaml", "nested too deeply"),
        write("my.yaml", "a: " + "[" * 5000),
    ),
    Case(
        "recipe with a Python tag",
        WITH_RECIPE,
        ("my.yaml", "python/object/apply:os.mkdir"),
        write("my.yaml", RECIPE + "name: !!python/object/apply:os.mkdir [hacked]\n"),
    ),
    Case("unknown network", f"{TRAIN} --set network=resnet", ("network 'resnet'", "baseline2024")),
    Case("unknown front end", f"{TRAIN} --set front_end=mel", ("front end 'mel'", "dcase2024")),
    # --- training
    Case(
        "over the budget",
        f"{TRAIN} --set precision=fp32",
        ("244,592 bytes", "limits are 128,000", "--over-budget"),
    ),
    Case("split of 7 %", TRAIN.replace("100", "7"), ("--split", "7", "5, 10, 25, 50, 100")),
    Case("split as a word", TRAIN.replace("100", "all"), ("--split", "'all'")),
    Case("no dataset given", "train --split 5", ("--data", "required", "tinyscene train --help")),
    Case("unknown option", f"{TRAIN} --epochs 3", ("--epochs 3", "--help")),
    Case("negative seed", f"{TRAIN} --seed -1", ("--seed", "-1", "whole number from 0")),
    Case(
        "huge seed",
        f"{TRAIN} --seed 99999999999999999999",
        ("--seed", "999", "whole number from 0 to 4294967295"),
    ),
    Case(
        "a rate that diverges",
        f"{TRAIN} --out new --set train.epochs=4 --set train.learning_rate=1e30",
        ("new: ", "loss", "epoch", "smaller learning_rate"),
        leaves=("new",),
    ),
    Case("run below a file", f"{TRAIN} --out list.csv/run", ("list.csv/run", "another place")),
    Case("store below a file", f"{TRAIN} --store list.csv/store", ("list.csv", "another place")),
    Case(
        "store is something else",
        f"{TRAIN} --store audio",
        ("audio: found '0.wav'", "expected a prepared store or an empty folder", "choose another"),
        leaves=("audio.lock",),
    ),
    Case(
        "run among recordings", f"{TRAIN} --out audio", ("audio: found '0.wav'", "empty", "--out")
    ),
    Case("run of another seed", f"{TRAIN} --out run --seed 1", ("run: ", "seed 0, not 1", "--out")),
    Case(
        "run of another recipe",
        f"{TRAIN} --out run --set train.epochs=9",
        ("run: holds a run of another recipe", "--out"),
        unfinished(b""),
        leaves=("run/complexity.json",),
    ),
    *(
        Case(
            f"checkpoint {title}",
            f"{TRAIN} --out run",
            ("run/checkpoint.pt: is damaged", "remove it"),
            unfinished(checkpoint),
        )
        for title, checkpoint in (
            ("cut short", b"PK\x03\x04"),
            ("without a state", {"network": {}}),
            ("of another network", {"network": {}, "optimizer": {}, "history": [], "threads": 1}),
            ("of another kind", {"network": 1, "optimizer": 2, "history": 3, "threads": 4}),
        )
    ),
    Case(
        "trained run without its learning curve",
        f"{TRAIN} --out run",
        ("run/history.csv", "train again"),
        both(moved_here, write("run/history.csv", "")),
    ),
    Case(
        "evaluation folder missing",
        TRAIN.replace("train", "run", 1) + " --audio absent --out new",
        ("absent: there is no such folder",),
    ),
    Case(
        "disk full at a checkpoint",
        f"{TRAIN} --out new",
        ("new/checkpoint.pt: cannot be written", "free some space"),
        file_limit=300_000,
        leaves=("new",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, run_case: Callable[[Case], None]) -> None:
    run_case(case)


def test_a_network_over_the_budget_trains_when_asked(place, capfd):
    options = "--out new --set precision=fp32 --over-budget"
    assert call(f"{TRAIN} {options}") == 0
    assert "OVER the limits" in capfd.readouterr().out
    assert Run(place / "new").weights_file.is_file()
