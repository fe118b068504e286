"""Run folders that are incomplete, damaged or not sound: `evaluate`, `quantize`, `predict`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from baseline.run import Run
from tests.bad_input.cases import CLIP, DATA, Case
from tests.bad_input.spoil import Break, cut, remove, set_json, wav, write

FIRST_WEIGHT = "in_c.0.0.weight"


def weights(value: float | None = None, drop: str | None = None) -> Break:
    """Replace one weight by a number, or leave a tensor out."""

    def spoil(place: Path) -> None:
        tensors = load_file(Run(place / "run").weights_file)
        if value is not None:
            tensors[FIRST_WEIGHT].view(-1)[0] = value
        save_file(
            {k: v for k, v in tensors.items() if k != drop}, place / "run/weights.safetensors"
        )

    return spoil


CASES = [
    Case("no run", "evaluate absent", ("absent: is not a run folder", "tinyscene train")),
    Case("run folder is none", "evaluate audio", ("audio: is not a run folder", "tinyscene train")),
    Case(
        "run not trained",
        f"evaluate run {DATA}",
        ("run: its training has not ended", "start the same training again"),
        remove("run/weights.safetensors"),
    ),
    *(
        Case(f"run.json {title}", f"evaluate run {DATA}", ("run/run.json: ", *words), spoil)
        for title, spoil, words in (
            ("cut short", cut("run/run.json"), ("is not valid JSON",)),
            ("is a list", write("run/run.json", "[]"), ("expected split", "found a list")),
            (
                "without a seed",
                set_json("run/run.json", seed=None),
                ("'seed': found None", "expected a whole number"),
            ),
            (
                "with a word as split",
                set_json("run/run.json", split="all"),
                ("'split': found 'all'", "expected a whole number"),
            ),
            (
                "without the data's place",
                set_json("run/run.json", data=None),
                ("'data': found None", "expected a path"),
            ),
        )
    ),
    Case(
        "recipe.yaml missing",
        f"evaluate run {DATA}",
        ("run/recipe.yaml", "there is no such file"),
        remove("run/recipe.yaml"),
    ),
    Case(
        "recipe.yaml broken",
        f"evaluate run {DATA}",
        ("run/recipe.yaml", "not a readable YAML recipe"),
        write("run/recipe.yaml", "train: {"),
    ),
    Case(
        "weights cut short",
        f"evaluate run {DATA}",
        ("run/weights.safetensors: cannot be read as weights", "train again"),
        cut("run/weights.safetensors"),
    ),
    Case(
        "weights of another network",
        f"evaluate run {DATA}",
        ("run/weights.safetensors: does not fit network baseline2024", "train again"),
        weights(drop=FIRST_WEIGHT),
    ),
    *(
        Case(
            f"NaN weights, {command.split()[0]}",
            command,
            ("run/weights.safetensors: ", "NaN or infinite", "smaller learning rate"),
            weights(np.nan),
        )
        for command in (f"evaluate run {DATA}", f"quantize run {DATA}", "predict run --audio audio")
    ),
    Case(
        "store missing",
        f"evaluate run {DATA}",
        ("data/prepared: found no complete store", "tinyscene data prepare"),
        lambda place: shutil.rmtree(place / "data/prepared"),
    ),
    Case(
        "store cut short",
        f"evaluate run {DATA}",
        ("data/prepared: found no complete store", "tinyscene data prepare"),
        cut("data/prepared/samples.npy"),
    ),
    Case(
        "recording changed since",
        f"evaluate run {DATA}",
        (f"{CLIP}: has changed", "tinyscene data prepare"),
        wav(CLIP),
    ),
    Case("dataset moved", "evaluate run --data absent", ("absent/meta.csv", "no such file")),
    Case(
        "weights too large for 16 bits",
        f"evaluate run --backend torch {DATA}",
        ("run: torch-fp16 gives NaN", "expected probabilities", "smaller learning rate"),
        weights(1e30),
        leaves=("run/evaluation", "run/plots"),
    ),
    Case(
        "float probabilities damaged",
        f"evaluate run --backend onnx {DATA}",
        ("run/evaluation/torch-fp32.npy: is damaged", "tinyscene evaluate run --backend torch"),
        write("run/evaluation/torch-fp32.npy", "x"),
        leaves=("run/evaluation/onnx-fp32.npy",),
    ),
    Case(
        "backend without files",
        f"evaluate run --backend tflite {DATA}",
        ("run: has no tflite file", "tinyscene quantize run"),
        remove("run/models/tflite-int8.tflite"),
    ),
    Case("unknown backend", "evaluate run --backend jax", ("--backend", "'jax'", "tflite")),
    Case(
        "exported ONNX cut short",
        f"evaluate run --backend onnx {DATA}",
        ("run/models/onnx-fp32.onnx: is not a complete ONNX model", "export it again"),
        cut("run/models/onnx-fp32.onnx"),
    ),
    Case(
        "exported TFLite without its .json",
        f"evaluate run --backend tflite {DATA}",
        ("run/models/tflite-int8.tflite.json: is missing", "keep it beside"),
        remove("run/models/tflite-int8.tflite.json"),
    ),
    Case(
        "too few clips to calibrate",
        f"quantize run {DATA}",
        ("calibration: found 2 training clips", "expected at least 10", "larger split"),
        set_json("run/run.json", split=5),
    ),
    Case(
        "complexity of a run broken",
        f"quantize run {DATA}",
        ("run/complexity.json", "train again"),
        write("run/complexity.json", "{}"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, run_case: Callable[[Case], None]) -> None:
    run_case(case)
