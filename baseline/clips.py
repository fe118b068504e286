"""The clip table: what a dataset folder's lists say, read and validated.

The layout is that of TAU Urban Acoustic Scenes 2022 Mobile: `meta.csv` and `split_setup/*.csv`, TAB
separated. Scenes, places and devices come from meta.csv's columns, never from slicing a name.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from baseline.challenge import SCENES, SPLITS
from deploy.errors import InputError

META_COLUMNS = {
    "filename": "filename",
    "scene_label": "scene",
    "identifier": "place",
    "source_label": "device",
}
"""Columns of meta.csv and what they are called here."""

SPLIT_LISTS = {f"split{split}": split for split in SPLITS}
"""Names of the training lists and the percentages they stand for, ascending."""

LISTS = (*SPLIT_LISTS, "test")
"""Names of all lists of a dataset folder."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset folder's clips and lists. Row positions count meta.csv's rows from 0."""

    folder: Path
    clips: pd.DataFrame
    """In meta.csv's row order: filename (relative to the folder), scene, place, device, and label,
    the class index 0 to 9."""
    train: dict[int, np.ndarray]
    """Split percentage to ascending row positions, int64; only the lists that are there."""
    test: np.ndarray
    """Ascending row positions of the test list, int64; empty if there is no such list."""

    def train_rows(self, split: int) -> np.ndarray:
        """Row positions of a training split, ascending, int64.

        Raises:
            InputError: the folder has no list for this split.
        """
        if split not in self.train:
            raise _no_list(list_path(self.folder, f"split{split}"))
        return self.train[split]

    def test_rows(self) -> np.ndarray:
        """Row positions of the test list, ascending, int64.

        Raises:
            InputError: the folder has no test list.
        """
        if len(self.test) == 0:  # an empty list is refused when it is read
            raise _no_list(list_path(self.folder, "test"))
        return self.test

    def listed_rows(self) -> np.ndarray:
        """Row positions of the clips that are in any split or in test, ascending, int64."""
        return np.unique(np.concatenate([self.test, *self.train.values()]))


def meta_path(folder: Path) -> Path:
    """Where a dataset folder keeps the table of its clips."""
    return folder / "meta.csv"


def list_path(folder: Path, name: str) -> Path:
    """Where a dataset folder keeps a list: `split5` to `split100`, or `test`."""
    return folder / "split_setup" / f"{name}.csv"


def read_dataset(folder: Path) -> Dataset:
    """Read and validate a dataset folder's lists; no audio is touched.

    Raises:
        InputError: meta.csv missing or without one of its columns, a clip listed twice, an unknown
            scene, a list that is empty or names clips that meta.csv lacks.
    """
    clips = read_meta(folder)
    _refuse_repeats(meta_path(folder), clips["filename"])
    clips["label"] = pd.Index(SCENES).get_indexer(pd.Index(clips["scene"]))
    _refuse_unknown_scenes(meta_path(folder), clips)
    clips = clips.reset_index(drop=True)
    positions = pd.Index(clips["filename"])
    rows = {
        name: _rows(list_path(folder, name), positions)
        for name in LISTS
        if list_path(folder, name).is_file()
    }
    train = {split: rows[name] for name, split in SPLIT_LISTS.items() if name in rows}
    return Dataset(folder, clips, train, rows.get("test", np.empty(0, np.int64)))


def read_meta(folder: Path) -> pd.DataFrame:
    """The clips of meta.csv as they stand, without judging them.

    Returns:
        Columns filename, scene, place and device, text; the index holds line numbers.

    Raises:
        InputError: the file is missing, empty, not such a table, or a field is empty.
    """
    return read_table(meta_path(folder), list(META_COLUMNS)).rename(columns=META_COLUMNS)


def read_list(path: Path) -> pd.Series[str]:
    """The file names of a split or test list as they stand; the index holds line numbers.

    Raises:
        InputError: the file is missing, empty, not such a table, or a name is empty.
    """
    return read_table(path, ["filename"])["filename"]


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read columns of a TAB separated table with a header; line ends LF or CRLF, maybe a BOM.

    Returns:
        The columns as text; the index holds line numbers, the header being line 1.

    Raises:
        InputError: the file is missing, holds no rows, lacks a column, or a field is empty.
    """
    table = _parse(path)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        found = ", ".join(map(repr, table.columns[:8]))
        raise InputError(
            f"{path}: column '{missing[0]}' is missing; found {found}, "
            f"expected TAB separated columns {', '.join(columns)}; correct the header."
        )
    table.index += 2
    blank = (table == "").all(axis=1)
    table = table.loc[~blank, list(columns)]
    if table.empty:
        raise InputError(f"{path}: holds no rows, expected at least one clip; get the file again.")
    empty = (table == "").any(axis=1)
    if empty.any():
        raise InputError(
            f"{path}: line {table.index[empty][0]} has an empty field, expected "
            f"{', '.join(columns)} separated by TABs; complete the line."
        )
    return table


def _parse(path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # fields without a column
            return pd.read_csv(
                path,
                sep="\t",
                dtype=str,
                na_filter=False,
                quoting=csv.QUOTE_NONE,
                encoding="utf-8-sig",
                index_col=False,
                skip_blank_lines=False,
            )
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: there is no such file; give the folder that holds meta.csv, audio/ "
            "and split_setup/."
        ) from error
    except (OSError, ValueError, pd.errors.ParserWarning) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: cannot be read as a TAB separated table ({reason}); get the file again."
        ) from error


def _rows(path: Path, positions: pd.Index[str]) -> np.ndarray:
    names = read_list(path)
    _refuse_repeats(path, names)
    rows = positions.get_indexer(pd.Index(names))
    unknown = names[rows < 0]
    if len(unknown):
        raise InputError(
            f"{path}: line {unknown.index[0]} names '{unknown.iloc[0]}', which meta.csv lacks "
            f"({len(unknown)} such lines); use lists and meta.csv of the same dataset."
        )
    return np.sort(rows).astype(np.int64)


def _refuse_repeats(path: Path, names: pd.Series[str]) -> None:
    repeated = names[names.duplicated()]
    if len(repeated):
        raise InputError(
            f"{path}: line {repeated.index[0]} repeats '{repeated.iloc[0]}' "
            f"({len(repeated)} such lines), expected one line a clip; remove the repeated lines."
        )


def _refuse_unknown_scenes(path: Path, clips: pd.DataFrame) -> None:
    unknown = clips[clips["label"] < 0]
    if len(unknown):
        raise InputError(
            f"{path}: line {unknown.index[0]} has the unknown scene '{unknown['scene'].iloc[0]}' "
            f"({len(unknown)} such lines), expected one of {', '.join(SCENES)}; correct the label."
        )


def _no_list(path: Path) -> InputError:
    return InputError(
        f"{path}: there is no such list; get it with 'tinyscene data fetch' or from the "
        "challenge's baseline repository."
    )
