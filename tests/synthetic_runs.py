"""Run folders of five splits with invented scores and predictions, and a team to submit them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from baseline import metrics
from baseline.challenge import DEVICES, SCENES, SPLITS
from baseline.recipe import Recipe, load_recipe, save_recipe
from baseline.run import MODEL_DIGEST, Run
from deploy.files import file_digest, write_bytes, write_json, write_text
from submission.predictions import write_predictions

CLIPS_PER_SCENE_AND_DEVICE = 3
PARAMETERS, MACS = 61_148, 29_419_156
"""Of the published baseline."""

TEAM: dict[str, Any] = {
    "label": "Doe_TINY_task1_1",
    "name": "A tiny system",
    "abbreviation": "tiny",
    "authors": [
        {
            "lastname": "Doe",
            "firstname": "Jo",
            "email": "jo.doe@example.org",
            "corresponding": True,
            "affiliation": {
                "abbreviation": "TINY",
                "institute": "Institute of Small Scenes",
                "department": None,
                "location": "Nowhere, Utopia",
            },
        },
        {
            "lastname": "Müller",
            "firstname": "Ada",
            "email": "ada@example.org",
            "affiliation": {"institute": "Institute of Small Scenes"},
        },
    ],
}
LABEL: str = TEAM["label"]


def softmax(generator: np.random.Generator, clips: int) -> np.ndarray:
    """Probabilities of shape (clips, classes), float32."""
    powers = np.exp(generator.normal(0, 3, (clips, len(SCENES))))
    probabilities: np.ndarray = (powers / powers.sum(1, keepdims=True)).astype(np.float32)
    return probabilities


DATA = "data"
"""Folder of the lists that the runs were trained by, beside them."""

CLIPS = [f"audio/clip{number}.wav" for number in range(10)]
LISTS = {
    **{f"split{split}": CLIPS[: count + 1] for count, split in enumerate(SPLITS)},
    "test": CLIPS[6:8],
}
"""Names of lists to their clips; two clips are in none."""


def write_lists(folder: Path) -> Path:
    """A dataset folder without audio."""
    header = "filename\tscene_label\tidentifier\tsource_label\n"
    rows = "".join(f"{clip}\tbus\tparis-1\ta\n" for clip in CLIPS)
    write_text(folder / "meta.csv", header + rows)
    for name, clips in LISTS.items():
        write_text(folder / "split_setup" / f"{name}.csv", "filename\n" + "\n".join(clips) + "\n")
    return folder


def _digest(run: Run, system: str) -> dict[str, str]:
    source = run.source_file(system)
    return {MODEL_DIGEST: file_digest(source)} if source.is_file() else {}


def write_run(folder: Path, split: int, names: list[str], recipe: Recipe) -> Run:
    """A run as all stages together leave it, with something in the place of weights."""
    run = Run(folder)
    generator = np.random.default_rng(split)
    system = recipe.submitted_system
    labels, devices = np.meshgrid(np.arange(len(SCENES)), np.arange(len(DEVICES)))
    labels, devices = (np.tile(x.ravel(), CLIPS_PER_SCENE_AND_DEVICE) for x in (labels, devices))
    scores = metrics.evaluate(
        softmax(generator, len(labels)), labels, [DEVICES[device] for device in devices]
    )
    write_bytes(run.weights_file, b"weights")
    write_text(run.recipe_file, save_recipe(recipe))
    data = folder.parent / DATA
    if not data.is_dir():
        write_lists(data)
    write_json(run.record_file, {"split": split, "seed": 0, "data": str(data), "store": "store"})
    write_text(run.training_list_file, "\n".join(LISTS[f"split{split}"]) + "\n")
    write_text(run.calibration_file, "\n".join(LISTS[f"split{split}"]) + "\n")
    write_json(
        run.complexity_file,
        {
            "network": recipe.network,
            "parameters": PARAMETERS,
            "macs": MACS,
            "precision": recipe.precision,
            "bytes": 2 * PARAMETERS,
            "peak_activation_bytes": 1,
        },
    )
    write_json(run.evaluation_file(system), {"system": system, **_digest(run, system), **scores})
    write_predictions(run.predictions_file(system), names, softmax(generator, len(names)))
    return run


def write_runs(folder: Path, names: list[str]) -> list[Run]:
    """A run for each split, submitted at 16 bit."""
    recipe = load_recipe("baseline2024")
    return [write_run(folder / f"split{split}", split, names, recipe) for split in SPLITS]


def write_evaluation_list(path: Path, names: list[str]) -> Path:
    """A list such as the evaluation set's, of these files."""
    write_text(path, "filename\n" + "".join(f"audio/{name}\n" for name in names))
    return path


def write_team(path: Path, **changes: Any) -> Path:
    """A team.yaml."""
    write_text(path, yaml.safe_dump(TEAM | changes, sort_keys=False, allow_unicode=True))
    return path


def write_report(path: Path) -> Path:
    """The beginning of a PDF."""
    path.write_bytes(b"%PDF-1.7\n")
    return path
