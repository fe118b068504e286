"""Scores of a classifier on labelled clips, as the challenge reports them.

Conventions: probabilities have shape (clips, classes); labels are class indices; accuracies and
log losses are fractions and nats, `None` where there is no clip to count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from baseline.challenge import DEVICE_GROUPS, SCENES

SMALLEST_PROBABILITY = 1e-15
"""Probabilities are raised to this before the logarithm, as scikit-learn's log_loss once did."""


def evaluate(
    probabilities: np.ndarray, labels: np.ndarray, devices: Sequence[str]
) -> dict[str, Any]:
    """Accuracy and log loss overall, per scene, per device and per group of devices.

    `macro_accuracy`, the mean of the scenes' accuracies, is what the challenge ranks by; each
    device's and group's `accuracy` is the plain share of correct clips.
    """
    correct = probabilities.argmax(1) == labels
    chosen = probabilities[np.arange(len(labels)), labels]
    losses = -np.log(np.clip(chosen, SMALLEST_PROBABILITY, 1))
    device_names = np.asarray(devices, dtype=str)

    def scores(mask: np.ndarray) -> dict[str, Any]:
        if not mask.any():
            return {"accuracy": None, "log_loss": None, "clips": 0}
        return {
            "accuracy": float(correct[mask].mean()),
            "log_loss": float(losses[mask].mean()),
            "clips": int(mask.sum()),
        }

    scenes = {scene: scores(labels == index) for index, scene in enumerate(SCENES)}
    present = [row["accuracy"] for row in scenes.values() if row["clips"]]
    return {
        "clips": len(labels),
        "macro_accuracy": float(np.mean(present)),
        "accuracy": float(correct.mean()),
        "log_loss": float(losses.mean()),
        "scenes": scenes,
        "devices": {
            device: scores(device_names == device)
            for group in DEVICE_GROUPS.values()
            for device in group
        },
        "groups": {
            group: scores(np.isin(device_names, members))
            for group, members in DEVICE_GROUPS.items()
        },
        "confusion": confusion(probabilities, labels).tolist(),
    }


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Counts of shape (true class, predicted class)."""
    classes = probabilities.shape[1]
    pairs = labels * classes + probabilities.argmax(1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
