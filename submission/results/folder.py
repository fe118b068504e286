"""Reading a folder of runs, such as a matrix's: which runs count, and as which system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baseline.recipe import Recipe
from baseline.run import Run, open_run
from deploy.errors import InputError
from deploy.files import read_json
from quantize.system_names import FLOAT_SYSTEM, require_system
from submission.results.rules import require_comparable
from submission.results.scored_runs import Result, Results
from submission.results.scores import read_scores


def read_results(folder: Path, system: str | None = None) -> Results:
    """Read all runs in a folder, such as a matrix's.

    A run that is not trained, or not scored since, is left out, with the reason.

    Args:
        system: what to score every run as, such as `torch-fp32`; by default each recipe's
            submitted system or, where none of its runs was scored as that, the float network.

    Raises:
        InputError: no such folder or system, no scored run, a damaged file, or runs that may not
            be averaged; see `submission.results.rules`.
    """
    if system is not None:
        require_system(system)
    return results_of(folder, runs_in(folder), system)


def results_of(folder: Path, found: Sequence[Run], system: str | None = None) -> Results:
    """The same of chosen runs, at least one.

    Args:
        folder: what sentences name as their place.

    Raises:
        InputError: as `read_results`.
    """
    runs = [(run, run.recipe) for run in found]
    systems = {name: system or _system(name, runs) for name in {recipe.name for _, recipe in runs}}
    left_out = {}
    results = []
    for run, recipe in runs:
        if reason := why_not(run, systems[recipe.name]):
            left_out[run.folder.name] = reason
        else:
            results.append(_result(run, recipe, systems[recipe.name]))
    if not results:
        name, reason = next(iter(left_out.items()))
        raise InputError(
            f"{folder}: found {len(left_out)} runs, none to count (the first, {name}, {reason}); "
            "train and evaluate them, or choose another --system."
        )
    results.sort(key=lambda result: (result.recipe.name, result.split, result.seed))
    require_comparable(folder, results)
    return Results(folder, tuple(results), left_out)


def runs_in(folder: Path) -> list[Run]:
    """The runs in a folder, by name, trained or not.

    Raises:
        InputError: no such folder, none in it, or it is itself a run.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give a folder of runs.")
    if Run(folder).record_file.is_file():
        raise InputError(f"{folder}: is one run; give the folder that holds it and others.")
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    runs = [open_run(path, trained=False) for path in inside if Run(path).record_file.is_file()]
    if not runs:
        raise InputError(
            f"{folder}: found {len(inside)} folders, none of them a run; give a folder of runs, "
            "such as the --out of tinyscene matrix."
        )
    return runs


def _system(name: str, runs: Sequence[tuple[Run, Recipe]]) -> str:
    """The submitted system, where any of the recipe's runs was scored as it."""
    for run, recipe in runs:
        if recipe.name == name and run.evaluation_file(recipe.submitted_system).is_file():
            return recipe.submitted_system
    return FLOAT_SYSTEM


def why_not(run: Run, system: str) -> str | None:
    """Why a run does not count as a system, if it does not."""
    if not run.weights_file.is_file():
        return "has not ended its training"
    if not run.evaluation_file(system).is_file():
        return f"was not evaluated as {system}"
    if not run.is_scored(system):
        return f"was trained after its scores as {system} were written"
    return None


def _result(run: Run, recipe: Recipe, system: str) -> Result:
    record = run.record
    return Result(
        run=run,
        recipe=recipe,
        split=int(record["split"]),
        seed=int(record["seed"]),
        data=str(record["data"]),
        teachers=str(record["teachers"]) if "teachers" in record else None,
        system=system,
        scores=read_scores(run, system),
        parameters=_parameters(run.complexity_file),
    )


def _parameters(path: Path) -> int | None:
    if not path.is_file():
        return None
    counted: Any = read_json(path)
    parameters = counted.get("parameters") if isinstance(counted, dict) else None
    if type(parameters) is not int or parameters < 1:
        raise InputError(
            f"{path}: key 'parameters': found {parameters!r}, expected a count of at least one; "
            "train again."
        )
    return parameters
