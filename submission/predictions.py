"""The challenge's output CSV: a scene and ten probabilities for each evaluation file.

Columns `filename scene_label airport ... tram`, TAB separated, in the order of the challenge.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from baseline.challenge import DEFAULT_YEAR, SCENES, YEARS
from baseline.clips import read_table
from deploy.errors import InputError
from deploy.files import replacing

COLUMNS = ("filename", "scene_label", *SCENES)
"""The header, in order."""

SEPARATOR = "\t"
AUDIO_FOLDER = "audio/"
"""Prefix of names in the evaluation list; the output CSV has names without it."""

SUM_TOLERANCE = 1e-3
"""How far the probabilities of one file may be from summing to 1."""

NEAR_TIE = 1e-5
"""Relative distance of the two highest probabilities up to which they are printed in full: two
numbers further apart cannot become equal or change places at six significant digits."""

PRINTED_AS_ONE = 1 + 1e-6
"""Float32 softmax may come out a little above 1; up to here six significant digits print 1."""

ROW = SEPARATOR.join(["%s", "%s", *["%.6g"] * len(SCENES)]) + "\n"
NEAR_TIE_ROW = SEPARATOR.join(["%s", "%s", *["%.9g"] * len(SCENES)]) + "\n"
"""Nine significant digits tell any two float32 numbers apart."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """The rows of an output CSV."""

    filenames: list[str]
    scene_labels: list[str]
    probabilities: np.ndarray
    """(files, classes) float64."""


def write_predictions(path: Path, filenames: Sequence[str], probabilities: np.ndarray) -> None:
    """Write an output CSV, whole or not at all.

    The scene label is the most probable scene in float32, the first one where several tie, and
    stays a highest one after printing.

    Args:
        filenames: one a row; a leading `audio/` is left out.
        probabilities: (files, classes), float, each row summing to 1.

    Raises:
        InputError: names repeated or not plain, shapes that do not fit, or no probabilities.
    """
    names = [name.removeprefix(AUDIO_FOLDER) for name in filenames]
    _require_plain(path, names)
    rounded = np.asarray(probabilities, np.float32)
    _require_probabilities(path, names, rounded)
    highest = rounded.max(1)
    second = np.partition(rounded, -2, axis=1)[:, -2]
    near_tie = highest - second <= NEAR_TIE * highest
    rows = zip(names, rounded.argmax(1), near_tie, map(np.ndarray.tolist, rounded), strict=True)
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write(SEPARATOR.join(COLUMNS) + "\n")
        file.writelines(
            (NEAR_TIE_ROW if is_near else ROW) % (name, SCENES[label], *row)
            for name, label, is_near, row in rows
        )


def read_predictions(path: Path) -> Predictions:
    """Read an output CSV; `submission.validate` tells all that may be wrong with one.

    Raises:
        InputError: missing, or not a table of the challenge's columns with numbers in them.
    """
    try:
        data = path.read_bytes()
        table = parse_table(data)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is not a TAB separated table ({reason}).") from error
    if tuple(table.columns) != COLUMNS:
        found = ", ".join(map(repr, table.columns))
        raise InputError(f"{path}: found columns {found}, expected {', '.join(COLUMNS)}.")
    if not is_numeric(table):
        raise InputError(f"{path}: holds a probability that is not a number; predict again.")
    probabilities = table[list(SCENES)].to_numpy(np.float64)
    return Predictions(table["filename"].to_list(), table["scene_label"].to_list(), probabilities)


def parse_table(data: bytes, *, as_text: bool = False) -> pd.DataFrame:
    """Parse an output CSV as it stands: columns of numbers where all cells are numbers.

    Raises:
        ValueError: not UTF-8, or lines with more fields than the header.
    """
    text = ("filename", "scene_label")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # fields without a column
            return pd.read_csv(
                io.BytesIO(data),
                sep=SEPARATOR,
                dtype=str if as_text else dict.fromkeys(text, str),
                na_filter=False,
                quoting=csv.QUOTE_NONE,
                index_col=False,
                skip_blank_lines=False,
                low_memory=False,
            )
    except pd.errors.ParserWarning as error:
        raise ValueError(str(error)) from error


def is_numeric(table: pd.DataFrame) -> bool:
    """Whether all probabilities of a parsed table are numbers; a column of True is not."""
    return all(table[scene].dtype.kind in "iuf" for scene in SCENES)


def evaluation_names(evaluation_list: Path | None, year: int = DEFAULT_YEAR) -> list[str]:
    """Names that an output CSV must have: of a list, or of the year's official evaluation set.

    Raises:
        InputError: as `read_evaluation_list`, or no list where the official set is not known.
    """
    if evaluation_list is not None:
        return read_evaluation_list(evaluation_list, YEARS[year].evaluation_columns)
    clips = YEARS[year].evaluation_clips
    if clips is None:
        raise InputError(
            f"found no list of the evaluation files, whose number in {year} is not known here; "
            "give the evaluation set's fold1_test.csv by --list."
        )
    return [f"{number}.wav" for number in range(clips)]


def read_evaluation_list(path: Path, columns: Sequence[str] = ("filename",)) -> list[str]:
    """The file names of an evaluation list, in its order and without `audio/`.

    Args:
        path: TAB separated table with these columns, among them `filename`, and rows such as
            `audio/0.wav`.

    Raises:
        InputError: missing, not such a table, names repeated or not plain, or with holes: an empty
            line between others, or numbers left out where all names are numbers.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such evaluation list; check the path.")
    column = read_table(path, columns)["filename"]
    names = [name.removeprefix(AUDIO_FOLDER) for name in column]
    _require_plain(path, names)
    _require_no_holes(path, column.index.to_numpy(), names)
    return names


def _require_plain(path: Path, names: Sequence[str]) -> None:
    for name in names:
        if not name.isprintable() or "/" in name or "\\" in name or name in ("", ".", ".."):
            raise InputError(f"{path}: found the file name {name!r}, expected one such as 0.wav.")
    if len(set(names)) != len(names):
        repeated = Counter(names).most_common(1)[0][0]
        raise InputError(f"{path}: found the file name {repeated!r} twice, expected it once.")


def _require_no_holes(path: Path, lines: np.ndarray, names: Sequence[str]) -> None:
    gaps = np.flatnonzero(np.diff(lines, prepend=1) > 1)
    if len(gaps):
        raise InputError(
            f"{path}: line {lines[gaps[0]] - 1} is empty, expected a file name on each line; get "
            "the list again."
        )
    if all(re.fullmatch(r"(0|[1-9][0-9]*)\.wav", name) for name in names):
        missing = set(range(len(names))) - {int(name.removesuffix(".wav")) for name in names}
        if missing:
            raise InputError(
                f"{path}: has no {min(missing)}.wav among its {len(names):,} numbered files "
                f"({len(missing):,} left out), expected every number from 0; get the list again."
            )


def _require_probabilities(path: Path, names: Sequence[str], probabilities: np.ndarray) -> None:
    expected = (len(names), len(SCENES))
    if probabilities.shape != expected:
        raise InputError(
            f"{path}: found probabilities of shape {probabilities.shape}, expected {expected}."
        )
    with np.errstate(invalid="ignore"):
        sums = probabilities.sum(1, dtype=np.float64)
        sound = (probabilities >= 0).all(1) & (probabilities <= PRINTED_AS_ONE).all(1)
        sound &= np.abs(sums - 1) <= SUM_TOLERANCE / 2  # the other half is for printing
    if not sound.all():
        row = int(np.argmin(sound))
        raise InputError(
            f"{path}: probabilities of '{names[row]}' sum to {sums[row]:g} or are not in [0, 1], "
            "expected a softmax; check the network's last layer."
        )
