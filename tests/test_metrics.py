"""Scores worked out by hand."""

import math

import numpy as np
import pytest

from baseline.challenge import SCENES
from baseline.metrics import evaluate


def one_hot(classes, sure=0.91):
    probabilities = np.full((len(classes), 10), (1 - sure) / 9)
    probabilities[np.arange(len(classes)), classes] = sure
    return probabilities


def test_macro_accuracy_weighs_scenes_alike():
    labels = np.array([0, 0, 0, 1])
    scores = evaluate(one_hot([0, 0, 1, 1]), labels, ["a", "a", "b", "s4"])
    assert scores["accuracy"] == 0.75
    assert scores["macro_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["scenes"]["airport"]["accuracy"] == pytest.approx(2 / 3)
    assert scores["scenes"]["tram"] == {"accuracy": None, "log_loss": None, "clips": 0}
    assert scores["devices"]["b"]["accuracy"] == 0
    assert scores["groups"]["real"]["clips"] == 3
    assert scores["groups"]["unseen"]["accuracy"] == 1
    assert scores["log_loss"] == pytest.approx(-(3 * math.log(0.91) + math.log(0.01)) / 4)


def test_confusion_counts_true_rows_and_predicted_columns():
    confusion = np.array(evaluate(one_hot([3, 3, 9]), np.array([3, 2, 9]), ["a"] * 3)["confusion"])
    assert confusion.shape == (len(SCENES), len(SCENES))
    assert confusion[3, 3] == confusion[2, 3] == confusion[9, 9] == 1
    assert confusion.sum() == 3


def test_certain_and_wrong_has_a_finite_loss():
    probabilities = np.zeros((1, 10))
    probabilities[0, 0] = 1
    loss = evaluate(probabilities, np.array([1]), ["a"])["log_loss"]
    assert loss == pytest.approx(-math.log(1e-15))
