"""meta.yaml filled in from the runs of a system and the team's own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from baseline.challenge import DEVICES, SCENES
from baseline.recipe import Recipe
from baseline.run import Run
from deploy.errors import InputError
from deploy.files import read_json
from submission.description import description_tags
from submission.metadata_model import Metadata, split_key
from submission.schema import problems
from submission.team import TeamSystem

ACCURACY_DECIMALS, LOG_LOSS_DECIMALS = 2, 4


def build_metadata(
    system: TeamSystem, runs: Sequence[Run], first: Recipe | None = None
) -> Metadata:
    """A system's metadata from its runs, one for each split and all of the same recipe.

    Args:
        first: recipe of the team's first system, where it has several.

    Raises:
        InputError: a run without complexity or evaluation, or with one that is damaged.
    """
    recipe = runs[0].recipe
    values = {
        "submission": {
            "label": system.label,
            "name": system.words.name,
            "abbreviation": system.words.abbreviation,
            "authors": [
                author.model_dump() | {"corresponding": author.corresponding is True}
                for author in system.authors
            ],
        },
        "system": {
            "description": description_tags(recipe, system.words, first) | system.words.description,
            "complexity": complexity_values(runs[0]),
            "external_datasets": system.words.external_datasets,
            "source_code": system.words.source_code,
        },
        "results": {
            "development_dataset": {split_key(run.split): split_results(run) for run in runs}
        },
    }
    for problem in problems(Metadata, values):
        raise InputError(f"{runs[0].folder}: cannot fill in meta.yaml; {problem.message}")
    return Metadata.model_validate(values)


def to_yaml(metadata: Metadata) -> str:
    """The text of meta.yaml: plain values in the challenge's order, without aliases."""
    return yaml.safe_dump(metadata.model_dump(), sort_keys=False, allow_unicode=True, width=100)


def complexity_values(run: Run) -> dict[str, Any]:
    """A run's complexity under meta.yaml's keys.

    Raises:
        InputError: not counted, or not a record of it.
    """
    counted = read_json(run.complexity_file)
    with _as_written(run.complexity_file):
        return {
            "total_model_size": counted["bytes"],
            "total_parameters": counted["parameters"],
            "macs": counted["macs"],
        }


def split_results(run: Run) -> dict[str, Any]:
    """A run's scores on the test split under meta.yaml's keys.

    Raises:
        InputError: not evaluated, or not a record of it.
    """
    system = run.recipe.submitted_system
    scores = run.evaluation(system)
    with _as_written(run.evaluation_file(system)):
        return {
            "overall": _score(scores["macro_accuracy"], scores["log_loss"]),
            "class_wise": {scene: _row(scores["scenes"][scene]) for scene in SCENES},
            "device_wise": {device: _row(scores["devices"][device]) for device in DEVICES},
        }


def _row(row: dict[str, Any]) -> dict[str, float | None]:
    return _score(row["accuracy"], row["log_loss"])


def _score(accuracy: float | None, log_loss: float | None) -> dict[str, float | None]:
    return {
        "accuracy": None if accuracy is None else round(100 * accuracy, ACCURACY_DECIMALS),
        "logloss": None if log_loss is None else round(log_loss, LOG_LOSS_DECIMALS),
    }


@contextmanager
def _as_written(path: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path}: is not as it was written ({error!r}); make it again with tinyscene run."
        ) from error
