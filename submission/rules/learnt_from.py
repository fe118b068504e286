"""What a run has learnt from, by its own records: clips, calibration, other runs, other data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from baseline.published_weights import CHALLENGE_DATA, PUBLISHED
from baseline.run import Run
from baseline.teacher_logits import read_logits
from deploy.errors import InputError


@dataclass(frozen=True)
class Resource:
    """Something outside the dataset."""

    name: str
    """For the sentence."""
    dataset: str | None = None
    """Its published name, if it has one."""


def clip_names(path: Path) -> list[str]:
    """The names of a list that a stage wrote, one a line.

    Raises:
        InputError: cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}).") from error


def calibrates(run: Run) -> bool:
    """Whether the submitted system was calibrated."""
    return "int8" in run.recipe.submitted_system


def ancestors(run: Run) -> list[Run]:
    """The runs that a run has learnt from, as first weights or as teachers, nearest first.

    Teachers are told by name only, and looked for beside the run.

    Raises:
        InputError: one of them, or the teachers' logits, is not there.
    """
    found: dict[Path, Run] = {}
    waiting = [run]
    while waiting:
        for parent in _parents(waiting.pop(0)):
            if parent.folder not in found and parent.folder != run.folder:
                found[parent.folder] = parent
                waiting.append(parent)
    return list(found.values())


def _parents(run: Run) -> Iterator[Run]:
    start = run.recipe.initial_weights
    if start and start not in PUBLISHED:
        earlier = Run(Path(start).parent)
        if earlier.weights_file == Path(start):
            yield _existing(earlier, f"the first weights of {run.folder}")
    if "teachers" in run.record:
        logits = read_logits(Path(run.record["teachers"]))
        for name in logits.teachers:
            yield _existing(Run(run.folder.parent / name), f"a teacher of {run.folder}")


def _existing(run: Run, role: str) -> Run:
    if not run.record_file.is_file():
        raise InputError(f"{run.folder}, {role}, is not there.")
    return run


def resources(run: Run) -> list[Resource]:
    """What a run itself used beside the dataset; invented impulse responses are none."""
    recipe = run.recipe
    found = []
    if folder := recipe.augment.measured_responses:
        found.append(Resource(f"the impulse responses of {folder}"))
    start = recipe.initial_weights
    if start in PUBLISHED:
        if not knows_the_challenge(start):
            found.append(Resource(f"the weights {start}", PUBLISHED[start].trained_on))
    elif start and Run(Path(start).parent).weights_file != Path(start):
        found.append(Resource(f"the weights {start}"))
    return found


def knows_the_challenge(weights: str | None) -> bool:
    """Whether published weights were trained on the challenge's own recordings, all of them."""
    return weights in PUBLISHED and CHALLENGE_DATA in PUBLISHED[weights].trained_on
