"""Teachers' logits for the clips of a split, by the clips' names, in one file.

A row number means nothing here: lists are shuffled, cut and joined, names stay. Several views of a
clip may be kept, each a circular shift in time; an ensemble is a weighted mean of its teachers.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from baseline.challenge import SCENES
from deploy.errors import InputError
from deploy.files import replacing

FORMAT = 1
"""Number of the file's form."""

ARRAYS = ("filenames", "logits", "about")


@dataclass(frozen=True, eq=False)
class TeacherLogits:
    """Logits of one teacher, or of an ensemble, for the clips of a split."""

    filenames: tuple[str, ...]
    logits: np.ndarray
    """(clips, views, classes) float32, in the order of the filenames and of `SCENES`."""
    split: int
    """Percentage of the training data that the teachers were trained on."""
    teachers: tuple[str, ...]
    """Names of the teachers' runs."""

    def of(self, filenames: Sequence[str], source: Path) -> np.ndarray:
        """Logits (clips, classes) of some clips in their order, the mean of their views.

        Args:
            source: the file, for the sentence.

        Raises:
            InputError: clips without logits.
        """
        rows = {name: row for row, name in enumerate(self.filenames)}
        missing = [name for name in filenames if name not in rows]
        if missing:
            raise InputError(
                f"{source}: has no logits for {len(missing):,} of {len(filenames):,} training "
                f"clips, first {missing[0]}; make them for this split: tinyscene teach"
            )
        chosen = np.array([rows[name] for name in filenames])
        mean: np.ndarray = self.logits[chosen].mean(1)
        return mean


def ensemble(members: Sequence[TeacherLogits], weights: Sequence[float]) -> TeacherLogits:
    """The weighted mean of several teachers' logits.

    Raises:
        InputError: teachers of different clips, views or splits, or weights that do not fit.
    """
    first = members[0]
    if len(weights) != len(members) or min(weights) < 0 or not sum(weights) > 0:
        raise InputError(
            f"found weights {', '.join(f'{weight:g}' for weight in weights)} for {len(members)} "
            "teachers, expected one for each, none negative and not all zero."
        )
    for member in members[1:]:
        same = member.filenames == first.filenames and member.logits.shape == first.logits.shape
        if not same or member.split != first.split:
            raise InputError(
                f"teachers {first.teachers[0]} and {member.teachers[0]} have logits of different "
                "clips, views or splits; make them anew for one split."
            )
    logits = np.average([member.logits for member in members], axis=0, weights=weights)
    names = tuple(name for member in members for name in member.teachers)
    return TeacherLogits(first.filenames, logits.astype(np.float32), first.split, names)


def write_logits(path: Path, teacher: TeacherLogits) -> None:
    """Write the file, whole or not at all."""
    about = {
        "format": FORMAT,
        "labels": list(SCENES),
        "split": teacher.split,
        "teachers": list(teacher.teachers),
    }
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file,
            filenames=np.array(teacher.filenames),
            logits=teacher.logits.astype(np.float32),
            about=np.array(json.dumps(about)),
        )


def read_logits(path: Path) -> TeacherLogits:
    """Read the file.

    Raises:
        InputError: missing, damaged, of other labels or another order of them.
    """
    if not path.is_file():
        raise InputError(f"{path}: there are no teachers' logits; make them: tinyscene teach")
    try:
        with np.load(path, allow_pickle=False) as file:
            filenames, logits, about = (file[name] for name in ARRAYS)
        settings = json.loads(str(about))
        labels, split = settings["labels"], int(settings["split"])
        teachers = tuple(str(name) for name in settings["teachers"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: is not a whole file of logits ({error}); make it again: tinyscene teach"
        ) from error
    if labels != list(SCENES):
        raise InputError(
            f"{path}: found labels {', '.join(map(str, labels))[:120]}, expected "
            f"{', '.join(SCENES)} in this order; make it again: tinyscene teach"
        )
    _require_whole(path, filenames, logits)
    return TeacherLogits(tuple(map(str, filenames)), logits, split, teachers)


def _require_whole(path: Path, filenames: np.ndarray, logits: np.ndarray) -> None:
    fits = logits.ndim == 3 and len(logits) == len(filenames) and logits.shape[2] == len(SCENES)
    if not fits or logits.shape[1] < 1 or len(set(filenames.tolist())) != len(filenames):
        raise InputError(
            f"{path}: found logits of shape {logits.shape} for {len(filenames)} names, expected "
            f"(clips, views, {len(SCENES)}) and names that differ; make it again: tinyscene teach"
        )
    if not np.isfinite(logits).all():
        raise InputError(f"{path}: holds logits that are not finite; train that teacher again.")
