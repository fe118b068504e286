"""The systems that a report describes, each with all that its runs say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from baseline.challenge import SCENES, SPLITS
from baseline.recipe import Recipe
from baseline.run import Run
from deploy.errors import InputError
from deploy.files import read_json
from submission.label import INDICES
from submission.metadata import complexity_values, split_results
from submission.results.scores import Scores, read_scores
from submission.team import Team, TeamSystem

FIRST_SPLIT, LAST_SPLIT = min(SPLITS), max(SPLITS)


@dataclass(frozen=True)
class System:
    """A system: one recipe, with a run for each split."""

    number: int
    """In the report, from 1."""
    label: str
    title: str
    """Its full name, in the team's words."""
    runs: dict[int, Run]
    """By split, small ones first."""
    recipe: Recipe
    complexity: dict[str, int]
    """Under meta.yaml's keys."""
    layers: list[dict[str, Any]]
    """Rows of the layer table; none where the runs keep none."""
    evaluations: dict[int, dict[str, Any]]
    """By split, what `baseline.metrics.evaluate` counted: fractions and nats."""
    scores: dict[int, Scores]
    """The same, typed, without the log losses."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        return f"System {self.number}"

    @property
    def evaluated_forms(self) -> list[str]:
        """Forms of the network, such as `tflite-int8`, that every run was scored as."""
        forms = next(iter(self.runs.values())).evaluated_systems()
        return [form for form in forms if all(run.is_scored(form) for run in self.runs.values())]


def read_systems(systems: Sequence[Sequence[Run]], team: Team) -> list[System]:
    """Read the runs of up to four systems that a team describes.

    Raises:
        InputError: no system or too many; one without exactly a run for each split, or of several
            recipes, or not the team's; a run that is not counted, or not scored since its training.
    """
    if not 1 <= len(systems) <= INDICES[-1]:
        raise InputError(
            f"runs: found {len(systems)} recipes, expected one for each of 1 to {INDICES[-1]} "
            "systems; give the runs of the submitted systems only."
        )
    for runs in systems:
        _require_one_a_split(runs)
    words = team.systems_of([runs[0].recipe.name for runs in systems])
    numbered = enumerate(zip(systems, words, strict=True), start=1)
    return [_read_system(number, runs, told) for number, (runs, told) in numbered]


def _read_system(number: int, runs: Sequence[Run], told: TeamSystem) -> System:
    by_split = {run.split: run for run in runs}
    recipe = by_split[FIRST_SPLIT].recipe
    for run in runs:
        _require_recipe(run, recipe)
        _require_scored(run, recipe.submitted_system)
    counted = by_split[FIRST_SPLIT]
    return System(
        number=number,
        label=told.label,
        title=told.words.name,
        runs={split: by_split[split] for split in SPLITS},
        recipe=recipe,
        complexity=complexity_values(counted),
        layers=_read_layers(counted),
        evaluations={split: _read_evaluation(by_split[split]) for split in SPLITS},
        scores={split: read_scores(by_split[split], recipe.submitted_system) for split in SPLITS},
    )


def _read_layers(run: Run) -> list[dict[str, Any]]:
    layers = read_json(run.complexity_file).get("layers", [])
    try:
        for layer in layers:
            sizes = (*layer["output_shape"], layer["parameters"], layer["macs"])
            if not isinstance(layer["name"], str) or not all(type(size) is int for size in sizes):
                raise TypeError(layer["name"])
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{run.complexity_file}: key 'layers': is not a layer table ({error!r}); train again."
        ) from error
    return list(layers)


def _read_evaluation(run: Run) -> dict[str, Any]:
    split_results(run)  # refuses what was not written so
    system = run.recipe.submitted_system
    scores = run.evaluation(system)
    try:
        shape = np.shape(np.array(scores["confusion"], dtype=np.int64))
    except (KeyError, TypeError, ValueError):
        shape = ()
    if shape != (len(SCENES), len(SCENES)):
        raise InputError(
            f"{run.evaluation_file(system)}: key 'confusion': found no matrix of {len(SCENES)} by "
            f"{len(SCENES)} counts; run: tinyscene evaluate {run.folder}"
        )
    return scores


def _require_one_a_split(runs: Sequence[Run]) -> None:
    if problem := next(_split_problems([run.split for run in runs]), None):
        raise InputError(
            f"{runs[0].folder if runs else 'runs'}: of the runs of this recipe, found {problem}, "
            f"expected one for each of {', '.join(map(str, SPLITS))}; name one run a split."
        )


def _split_problems(splits: Sequence[int]) -> Iterator[str]:
    for split in sorted({*SPLITS, *splits}):
        if split not in SPLITS:
            yield f"one of split {split}"
        elif splits.count(split) != 1:
            yield f"{splits.count(split) or 'none'} of split {split}"


def _require_recipe(run: Run, recipe: Recipe) -> None:
    if run.recipe != recipe:
        raise InputError(
            f"{run.folder}: has another recipe than the system's other runs; give runs of one "
            "recipe a system."
        )


def _require_scored(run: Run, system: str) -> None:
    run.evaluation(system)
    if not run.is_scored(system):
        raise InputError(
            f"{run.evaluation_file(system)}: is older than the weights it should be of; "
            f"run: tinyscene evaluate {run.folder}"
        )
