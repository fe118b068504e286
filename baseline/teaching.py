"""What a trained run knows of a split's clips, for students to learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from baseline import features
from baseline.clips import Dataset
from baseline.inference import Clips, logits
from baseline.published_weights import CHALLENGE_DATA, PUBLISHED
from baseline.run import Run
from baseline.store import Store
from baseline.teacher_logits import TeacherLogits
from baseline.trained_network import load_network
from deploy.errors import InputError


def teach(
    run: Run,
    dataset: Dataset,
    store: Store,
    *,
    split: int | None = None,
    views: int = 1,
    outside_data: bool = False,
) -> TeacherLogits:
    """A run's logits for the training clips of a split.

    Args:
        split: the students' split; the teacher's own by default.
        views: of each clip, rolled round in time by equal steps; the first as it is.
        outside_data: whether the teacher may have been trained on other clips. The challenge's
            rules forbid it for its own recordings; declared external data is another matter.

    Raises:
        InputError: unusable weights, or a teacher that knows clips outside the split.
    """
    split = split or run.split
    rows = dataset.train_rows(split)
    filenames = tuple(dataset.clips.filename[rows])
    if not outside_data:
        _require_inside(run, filenames, split)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = load_network(run).to(device)
    front_end = features.create(run.recipe.front_end).to(device)
    clips = Clips(store.samples, store.positions(dataset.clips.filename[rows]), device)
    length = store.samples.shape[1]
    shifts = [round(view * length / views) for view in range(views)]
    found = [logits(network, front_end, clips, shift_samples=shift) for shift in shifts]
    stacked: np.ndarray = torch.stack(found, 1).cpu().numpy()
    return TeacherLogits(filenames, stacked, split, (run.folder.name,))


def _require_inside(run: Run, filenames: tuple[str, ...], split: int) -> None:
    _require_own_start(run)
    learnt = _learnt(run)
    known = set(filenames)
    outside = [name for name in learnt if name not in known]
    if outside:
        raise InputError(
            f"{run.folder}: was trained on {len(outside):,} clips outside split {split}, first "
            f"{outside[0]}; take a teacher trained on split {split} or a smaller one, or allow "
            "it by --outside-data if those clips are declared external data."
        )


def _learnt(run: Run) -> list[str]:
    """Clips that a run was trained on, also as long as it was another run's weights."""
    try:
        learnt = run.training_list_file.read_text(encoding="utf-8").split("\n")[:-1]
    except OSError as error:
        raise InputError(
            f"{run.training_list_file}: cannot be read ({error.strerror}), so nobody knows what "
            "this teacher was trained on; train it again."
        ) from error
    earlier = Run(Path(run.recipe.initial_weights or "").parent)
    if run.recipe.initial_weights and earlier.training_list_file.is_file():
        return learnt + _learnt(earlier)
    return learnt


def _require_own_start(run: Run) -> None:
    start = PUBLISHED.get(run.recipe.initial_weights or "")
    if start and CHALLENGE_DATA in start.trained_on:
        raise InputError(
            f"{run.folder}: was trained from {run.recipe.initial_weights}, which knows all of "
            f"{start.trained_on}, whatever the split; take other weights to start from, or allow "
            "it by --outside-data."
        )
