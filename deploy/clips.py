"""Probabilities of many single clips, for worker processes: imports little, so they start fast."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from deploy.audio import read_mono
from deploy.classifier import Classifier
from deploy.errors import InputError


def clip_probabilities(model: Path, folder: Path, names: Sequence[str]) -> np.ndarray:
    """Probabilities (clips, classes) of clips as the challenge has them: mono, a second or longer.

    Args:
        names: of the clips in the folder; far smaller than as many paths.

    Raises:
        InputError: a model or a clip that cannot be used.
    """
    classifier = shared_classifier(model)
    return np.stack([_probabilities(classifier, folder / name) for name in names])


def _probabilities(classifier: Classifier, path: Path) -> np.ndarray:
    wave, rate_hz = read_mono(path)
    try:
        return classifier.probabilities(wave, rate_hz)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


@lru_cache(maxsize=1)
def shared_classifier(model: Path) -> Classifier:
    """One classifier for a process, which has one thread of work."""
    return Classifier(model)
