"""Trained and scored runs with invented scores, as a matrix leaves them: no network behind them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from baseline import metrics
from baseline.challenge import DEVICE_GROUPS, DEVICES, SCENES
from baseline.recipe import Recipe, load_recipe, save_recipe
from baseline.run import Run
from deploy.files import make_folder, write_json, write_text

CLIPS_PER_SCENE_AND_DEVICE = 4
EPOCHS = 20
LOSSES = {"real": 0.0, "seen": 0.05, "unseen": 0.1}
"""Accuracy that a group of devices falls behind the first."""


def recipe_of(name: str, **changes: Any) -> Recipe:
    """The recipe `small` under another name, with other settings."""
    return load_recipe("small").model_copy(update={"name": name, **changes})


def write_result(
    runs: Path,
    recipe: Recipe,
    split: int,
    seed: int,
    *,
    accuracy: float = 0.6,
    systems: tuple[str, ...] = ("torch-fp32", "torch-fp16"),
    data: str = "/data/invented",
    devices: tuple[str, ...] = DEVICES,
    parameters: int | None = 61_148,
) -> Run:
    """A run whose clips are right with about this probability, a little less by group."""
    run = Run(make_folder(runs / f"{recipe.name}-split{split}-seed{seed}"))
    write_text(run.recipe_file, save_recipe(recipe))
    write_json(run.record_file, {"split": split, "seed": seed, "data": data, "store": "store"})
    if parameters:
        write_json(run.complexity_file, {"network": recipe.network, "parameters": parameters})
    write_text(run.training_list_file, f"clips of split {split}\n")
    generator = np.random.default_rng([split, seed, *recipe.name.encode()])
    _write_history(run, accuracy, generator)
    run.weights_file.touch()
    os.utime(run.weights_file, (0, 0))  # older than the scores
    for system in systems:
        scores = _scores(accuracy, devices, generator)
        write_json(run.evaluation_file(system), {"system": system, **scores})
    return run


def _scores(accuracy: float, devices: tuple[str, ...], generator: Any) -> dict[str, Any]:
    grid = np.meshgrid(np.arange(len(SCENES)), np.arange(len(devices)))
    labels, places = (np.tile(x.ravel(), CLIPS_PER_SCENE_AND_DEVICE) for x in grid)
    names = [devices[place] for place in places]
    group = {name: group for group, members in DEVICE_GROUPS.items() for name in members}
    chance = np.array([accuracy - LOSSES[group[name]] for name in names])
    right = generator.random(len(labels)) < chance
    chosen = np.where(right, labels, (labels + 1) % len(SCENES))
    return metrics.evaluate(np.eye(len(SCENES))[chosen] * 0.9 + 0.01, labels, names)


def _write_history(run: Run, accuracy: float, generator: Any) -> None:
    epochs = np.arange(1, EPOCHS + 1)
    learnt = accuracy * (1 - np.exp(-epochs / 5)) + generator.normal(0, 0.02, EPOCHS)
    history = pd.DataFrame(
        {"epoch": epochs, "train_loss": 2.3 - 2 * learnt, "train_accuracy": learnt, "seconds": 1.0}
    )
    tested = epochs % 5 == 0
    history["test_loss"] = np.where(tested, 2.4 - 2 * learnt, np.nan)
    history["test_accuracy"] = np.where(tested, learnt - 0.05, np.nan)
    history.to_csv(run.history_file, index=False)
