"""A system's general tags in meta.yaml, as they follow from its recipe."""

from __future__ import annotations

from typing import Any

from baseline.recipe import Augmentation, Precision, Recipe
from deploy.frontend import front_end
from submission.adaptations import difference
from submission.metadata_model import Description
from submission.team import SystemWords

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
    "passt_s": "Transformer",
}
"""Networks whose method has a name of its own; any other is a CNN."""

PRECISION_TAGS: dict[Precision, list[str]] = {
    "fp32": [],
    "fp16": ["precision_16"],
    "int8": ["weight quantization"],
}
"""How complexity is managed at each precision, beside the design of the network."""

LAST_STEPS = {
    "torch-fp16": ["conversion to 16 bit"],
    "tflite-int8": ["post-training quantization"],
    "tflite-int8-qat": ["quantization-aware training"],
    "onnx-int8-tuned": ["post-training quantization"],
}
"""What each system that can be submitted goes through after training."""


def description_tags(
    recipe: Recipe, words: SystemWords, first: Recipe | None = None
) -> dict[str, Any]:
    """The general tags that follow from a recipe and what the team says.

    Args:
        first: recipe of the team's first system, where it has several.
    """
    return Description(
        input_sampling_rate=f"{front_end(recipe.front_end).rate_hz / 1000:g}kHz",
        acoustic_features="log-mel energies",
        data_augmentation=_joined(_augmentation(recipe.augment)),
        machine_learning_method=METHOD_TAGS.get(recipe.network, "CNN"),
        external_data_usage=_joined(_external_data(recipe, words)),
        complexity_management=_joined(_complexity_management(recipe)),
        pipeline=_joined(_pipeline(recipe)),
        framework="pytorch",
        split_adaptations="teachers of the same split" if recipe.distill else None,
        system_adaptations=difference(recipe, first) if first else None,
    ).model_dump()


def _joined(tags: list[str]) -> str | None:
    return ", ".join(tags) or None


def _augmentation(settings: Augmentation) -> list[str]:
    off = set() if settings.impulse_response_probability else {"impulse_responses"}
    tags = [
        tag
        for setting, tag in AUGMENTATION_TAGS.items()
        if getattr(settings, setting) and setting not in off
    ]
    moves = max(settings.lowest_mel_range_hz, settings.highest_mel_range_hz) > 1
    return [*tags, RANGE_TAG] if moves else tags


def _external_data(recipe: Recipe, words: SystemWords) -> list[str]:
    dataset = words.external_datasets or recipe.augment.measured_responses
    tags = ["dataset"] if dataset else []
    return [*tags, "pre-trained model"] if recipe.initial_weights else tags


def _complexity_management(recipe: Recipe) -> list[str]:
    taught = ["knowledge distillation"] if recipe.distill else []
    return [*PRECISION_TAGS[recipe.precision], *taught, "network design"]


def _pipeline(recipe: Recipe) -> list[str]:
    taught = ["train teachers", "ensemble teachers", "train student using KD"]
    return [
        *(taught if recipe.distill else ["training"]),
        *LAST_STEPS.get(recipe.submitted_system, []),
    ]
