"""Accuracy by city: places of the test clips joined with a run's stored probabilities."""

from __future__ import annotations

import numpy as np
import pandas as pd

from baseline.clips import Dataset
from baseline.metrics import confusion
from submission.html_report.records import DetailedScores
from submission.results.scored_runs import Result


def city_accuracies(run: Result, dataset: Dataset) -> dict[str, float] | None:
    """Share of correct test clips in each city, by name.

    A city is its clips' identifier in meta.csv without the number behind the last hyphen.

    Args:
        run: with `DetailedScores`.

    Returns:
        None where the probabilities are missing or not those that were scored, because the test
        list has changed since.
    """
    path = run.run.probabilities_file(run.system)
    if len(dataset.test) == 0 or not path.is_file():
        return None
    try:
        probabilities = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    clips = dataset.clips.iloc[dataset.test]
    labels = clips["label"].to_numpy()
    if not _are_of_these_scores(run, probabilities, labels):
        return None
    cities = clips["place"].str.rsplit("-", n=1).str[0].to_numpy()
    right = pd.Series(probabilities.argmax(1) == labels).groupby(cities).mean()
    return {str(city): float(share) for city, share in right.items()}


def _are_of_these_scores(run: Result, probabilities: np.ndarray, labels: np.ndarray) -> bool:
    assert isinstance(run.scores, DetailedScores)
    scored = np.array(run.scores.confusion)
    if probabilities.shape != (len(labels), len(scored)):
        return False
    return bool((confusion(probabilities, labels) == scored).all())
