"""Runs with their scores: what tables, differences and pictures are made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from baseline.challenge import DEVICE_GROUPS
from baseline.recipe import Recipe
from baseline.run import Run
from submission.results.scores import Scores

MACRO = "macro"
MEASURES = (MACRO, *DEVICE_GROUPS)
"""Mean of the scenes' accuracies, and the share of correct clips of each group of devices."""


@dataclass(frozen=True)
class Result:
    """One run as one of its systems."""

    run: Run
    recipe: Recipe
    split: int
    seed: int
    data: str
    """The dataset's folder."""
    teachers: str | None
    """File of logits that the run learnt from."""
    system: str
    scores: Scores
    parameters: int | None
    """None without a complexity.json."""

    @property
    def name(self) -> str:
        """The run folder's."""
        return self.run.folder.name

    def accuracy(self, measure: str) -> float | None:
        """A fraction, by one of `MEASURES`; None where the group has no clip."""
        if measure == MACRO:
            return self.scores.macro_accuracy
        return self.scores.groups[measure].accuracy


@dataclass(frozen=True)
class Results:
    """All scored runs of a folder, which share data and, by name, recipe."""

    folder: Path
    runs: tuple[Result, ...]
    """By recipe, split and seed; at least one."""
    left_out: dict[str, str]
    """Names of the runs without scores to count, with the reason."""

    @property
    def recipes(self) -> list[str]:
        """Names, in alphabetical order."""
        return sorted({run.recipe.name for run in self.runs})

    def of(self, recipe: str) -> list[Result]:
        """The runs of a recipe."""
        return [run for run in self.runs if run.recipe.name == recipe]

    def splits(self, recipe: str | None = None) -> tuple[int, ...]:
        """Splits of a recipe, or of all, that have a run; small ones first."""
        runs = self.runs if recipe is None else self.of(recipe)
        return tuple(sorted({run.split for run in runs}))

    @property
    def data_name(self) -> str:
        """What the dataset's folder is called."""
        return Path(self.runs[0].data).name

    @property
    def test_clips(self) -> int:
        """Clips that every run was scored on."""
        return self.runs[0].scores.clips
