"""Output CSVs: what is written is read again, and stays a decision and a distribution."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baseline.challenge import EVALUATION_CLIPS, SCENES
from deploy.errors import InputError
from submission.predictions import (
    COLUMNS,
    SUM_TOLERANCE,
    evaluation_names,
    read_evaluation_list,
    read_predictions,
    write_predictions,
)
from tests.synthetic_runs import softmax

GENERATOR = np.random.default_rng(0)
UNIFORM = np.full((1, len(SCENES)), 0.1)


def write(path: Path, probabilities: np.ndarray) -> pd.DataFrame:
    """Write and read as anyone would."""
    write_predictions(path, [f"{row}.wav" for row in range(len(probabilities))], probabilities)
    return pd.read_csv(path, sep="\t")


def test_the_text_is_as_the_challenge_asks(tmp_path: Path) -> None:
    probabilities = np.array([[0.05, 0.55, *[0.05] * 8], [1, *[0] * 9]])
    write_predictions(tmp_path / "x.csv", ["audio/0.wav", "1.wav"], probabilities)
    assert (tmp_path / "x.csv").read_bytes().decode().split("\n") == [
        "filename\tscene_label\tairport\tbus\tmetro\tmetro_station\tpark\tpublic_square"
        "\tshopping_mall\tstreet_pedestrian\tstreet_traffic\ttram",
        "0.wav\tbus\t0.05\t0.55" + "\t0.05" * 8,
        "1.wav\tairport\t1" + "\t0" * 9,
        "",
    ]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    probabilities = softmax(GENERATOR, 50)
    names = [f"{row}.wav" for row in range(50)]
    write_predictions(tmp_path / "x.csv", names, probabilities)
    read = read_predictions(tmp_path / "x.csv")
    assert read.filenames == names
    assert read.scene_labels == [SCENES[label] for label in probabilities.argmax(1)]
    np.testing.assert_allclose(read.probabilities, probabilities, rtol=1e-5)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    logits=st.lists(st.floats(-60, 60), min_size=len(SCENES), max_size=len(SCENES)),
    nearness=st.sampled_from([0.0, 1e-9, 1e-7, 1e-6, 1e-5, 1.0]),
)
def test_printing_keeps_the_decision_and_the_sum(
    logits: list[float], nearness: float, tmp_path: Path
) -> None:
    powers = np.exp(nearness * np.array([logits, logits[::-1]]))
    probabilities = powers / powers.sum(1, keepdims=True)
    table = write(tmp_path / "x.csv", probabilities)
    printed = table[list(SCENES)].to_numpy()
    # The first of the highest printed ones: the stricter of two readings of argmax.
    assert [SCENES[label] for label in printed.argmax(1)] == list(table.scene_label)
    assert np.abs(printed.sum(1) - 1).max() < SUM_TOLERANCE / 10
    assert printed.min() >= 0
    assert printed.max() <= 1
    decided = probabilities.astype(np.float32).argmax(1)
    assert [SCENES[label] for label in decided] == list(table.scene_label)


def test_float32_softmax_a_little_above_1_is_printed_as_1(tmp_path: Path) -> None:
    probabilities = np.array([[1 + 2e-7, *[0] * 9]], np.float32)
    assert write(tmp_path / "x.csv", probabilities).airport[0] == 1


BAD: dict[str, tuple[list[str], np.ndarray, str]] = {
    "shape": (["0.wav"], UNIFORM[:, :9], r"found probabilities of shape \(1, 9\)"),
    "rows": (["0.wav", "1.wav"], UNIFORM, r"expected \(2, 10\)"),
    "sum": (["0.wav"], 1.01 * UNIFORM, "'0.wav' sum to 1.01"),
    "logits": (["0.wav"], np.array([[2.0, -1.0, *[0] * 8]]), "expected a softmax"),
    "NaN": (["0.wav"], np.nan * UNIFORM, "expected a softmax"),
    "name twice": (["0.wav", "audio/0.wav"], UNIFORM[[0, 0]], "'0.wav' twice"),
    "folder": (["audio/x/0.wav"], UNIFORM, "'x/0.wav', expected one such as 0.wav"),
    "TAB": (["0\t.wav"], UNIFORM, "expected one such as 0.wav"),
    "empty": ([""], UNIFORM, "expected one such as 0.wav"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_prediction_is_not_written(name: str, tmp_path: Path) -> None:
    names, probabilities, message = BAD[name]
    with pytest.raises(InputError, match=message):
        write_predictions(tmp_path / "x.csv", names, probabilities)
    assert list(tmp_path.iterdir()) == []


UNREADABLE = {
    "missing": (None, "cannot be read"),
    "empty": (b"", "is not a TAB separated table"),
    "not UTF-8": (b"\xff\xfe\n", "is not a TAB separated table"),
    "columns": (b"filename\tscene_label\n0.wav\tbus\n", "found columns 'filename', 'scene_label'"),
    "word": ("\t".join(COLUMNS).encode() + b"\n0.wav\tbus" + b"\tx" * 10 + b"\n", "not a number"),
    "fields": ("\t".join(COLUMNS).encode() + b"\n0.wav\tbus" + b"\t0" * 11 + b"\n", "separated"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_output_csv_is_bad_input(name: str, tmp_path: Path) -> None:
    content, message = UNREADABLE[name]
    if content is not None:
        (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_predictions(tmp_path / "x.csv")


def test_evaluation_lists_are_read_without_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "fold1_test.csv"
    path.write_bytes(b"filename\r\naudio/1.wav\r\naudio/0.wav\r\n")
    assert read_evaluation_list(path) == evaluation_names(path) == ["1.wav", "0.wav"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\naudio/0.wav\n", "column 'filename' is missing"),
        ("filename\naudio/0.wav\n0.wav\n", "'0.wav' twice"),
        ("filename\naudio/../../0.wav\n", "found the file name '../../0.wav'"),
        ("filename\n", "holds no rows"),
        ("filename\n0.wav\n\n1.wav\n", "line 3 is empty, expected a file name on each line"),
        ("filename\n\n0.wav\n", "line 2 is empty"),
        (
            "filename\naudio/3.wav\naudio/0.wav\naudio/4.wav\n",
            "has no 1.wav among its 3 numbered files (2 left out), expected every number from 0",
        ),
    ],
)
def test_what_is_no_evaluation_list_is_bad_input(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(message)):
        read_evaluation_list(path)


@pytest.mark.parametrize("text", ["2.wav\n0.wav\n1.wav\n\n\n", "a.wav\n9.wav\n", "007.wav\n"])
def test_lists_without_holes_are_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"filename\n{text}")
    assert read_evaluation_list(path) == text.split()


def test_the_official_evaluation_set_is_numbered() -> None:
    names = evaluation_names(None)
    assert (names[0], names[-1], len(names)) == ("0.wav", "135729.wav", EVALUATION_CLIPS)
