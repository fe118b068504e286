"""meta.yaml filled in from the runs of a system and the team's own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from baseline.challenge import DEVICES, SCENES
from baseline.recipe import Augmentation, Precision, Recipe
from baseline.run import Run
from deploy.errors import InputError
from deploy.files import read_json
from deploy.frontend import front_end
from submission.metadata_model import Description, Metadata, split_key
from submission.schema import problems
from submission.team import Team

ACCURACY_DECIMALS, LOG_LOSS_DECIMALS = 2, 4

AUGMENTATION_TAGS = {
    "roll_seconds": "time rolling",
    "frequency_mask_mels": "frequency masking",
    "mixstyle_probability": "freq-mixstyle",
    "pitch_semitones": "pitch shifting",
    "impulse_responses": "dir augmentation",
    "time_mask_frames": "time masking",
    "mixup_alpha": "mixup",
}
"""Settings of a recipe's augmentation that switch a step off at zero or null, and its tag."""

RANGE_TAG = "mel range shifting"
"""Of the two settings that switch it off at one."""

METHOD_TAGS = {
    "baseline2024": "RF-regularized CNN",
    "cpmobile2023": "RF-regularized CNN",
    "cpresnet128k": "RF-regularized CNN",
    "cpresnet2020": "RF-regularized CNN",
    "cpresnet2020_damped": "RF-regularized CNN",
    "cpresnet_dir": "RF-regularized CNN",
}
"""Networks whose method has a name of its own; any other is a CNN."""

PRECISION_TAGS: dict[Precision, list[str]] = {
    "fp32": ["network design"],
    "fp16": ["precision_16", "network design"],
    "int8": ["weight quantization", "network design"],
}
"""How complexity is managed at each precision."""

PIPELINE_TAGS = {
    "torch-fp32": "training",
    "torch-fp16": "training, conversion to 16 bit",
    "tflite-int8": "training, post-training quantization",
    "tflite-int8-qat": "training, quantization-aware training",
    "onnx-int8-tuned": "training, post-training quantization",
}
"""How each system that can be submitted comes about."""


def build_metadata(team: Team, runs: Sequence[Run]) -> Metadata:
    """A system's metadata from its runs, one for each split and all of the same recipe.

    Raises:
        InputError: a run without complexity or evaluation, or with one that is damaged.
    """
    recipe = runs[0].recipe
    values = {
        "submission": {
            "label": team.system_label,
            "name": team.name,
            "abbreviation": team.abbreviation,
            "authors": [
                author.model_dump() | {"corresponding": author.corresponding is True}
                for author in team.authors
            ],
        },
        "system": {
            "description": description_tags(recipe, team) | team.description,
            "complexity": complexity_values(runs[0]),
            "external_datasets": team.external_datasets,
            "source_code": team.source_code,
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


def _without_effect(settings: Augmentation) -> set[str]:
    return set() if settings.impulse_response_probability else {"impulse_responses"}


def description_tags(recipe: Recipe, team: Team) -> dict[str, Any]:
    """The general tags that follow from a recipe and the team's external datasets."""
    augmentation = [
        tag
        for setting, tag in AUGMENTATION_TAGS.items()
        if getattr(recipe.augment, setting) and setting not in _without_effect(recipe.augment)
    ]
    if max(recipe.augment.lowest_mel_range_hz, recipe.augment.highest_mel_range_hz) > 1:
        augmentation.append(RANGE_TAG)
    return Description(
        input_sampling_rate=f"{front_end(recipe.front_end).rate_hz / 1000:g}kHz",
        acoustic_features="log-mel energies",
        data_augmentation=", ".join(augmentation) or None,
        machine_learning_method=METHOD_TAGS.get(recipe.network, "CNN"),
        external_data_usage="dataset" if team.external_datasets else None,
        complexity_management=", ".join(PRECISION_TAGS[recipe.precision]),
        pipeline=PIPELINE_TAGS[recipe.submitted_system],
        framework="pytorch",
        split_adaptations=None,
        system_adaptations=None,
    ).model_dump()


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
