"""Everything the report shows, read and checked before anything is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from baseline.challenge import SCENES
from baseline.clips import Dataset, read_dataset
from baseline.run import Run, open_run
from deploy.bench.compare import read_report
from deploy.errors import InputError
from deploy.mcu.report import Cost
from quantize.system_names import SYSTEMS, require_system
from submission.html_report.records import (
    Agreement,
    Complexity,
    DetailedScores,
    read_agreement,
    read_complexity,
    read_cost,
)
from submission.results.curves import Curves, read_curves
from submission.results.folder import results_of, runs_in, why_not
from submission.results.scored_runs import Result, Results
from submission.results.scores import read_scores_as


@dataclass(frozen=True)
class Collected:
    """Runs with all that stands beside their scores."""

    results: Results
    systems: dict[str, dict[str, list[Result]]]
    """By recipe and system: the runs as that system, the submitted one first. Their scores are
    `DetailedScores`."""
    stale: dict[str, str]
    """Further systems of runs that do not count, as `run as system`, with the reason."""
    curves: dict[str, Curves]
    """By recipe."""
    complexity: dict[str, Complexity]
    """By recipe; none of one whose runs have no such file."""
    agreements: dict[str, Agreement]
    """By run."""
    dataset: Dataset | None
    """None where its folder is not there."""
    benches: tuple[dict[str, Any], ...]
    """Reports of `tinyscene bench`."""
    boards: tuple[Cost, ...]
    """Reports of `tinyscene mcu report`."""


def collect(
    paths: Sequence[Path],
    *,
    system: str | None = None,
    benches: Sequence[Path] = (),
    boards: Sequence[Path] = (),
    data: Path | None = None,
) -> Collected:
    """Read runs and reports.

    Args:
        paths: run folders, and folders that hold runs.
        system: what to score every run as; by default each recipe's submitted system.
        benches: files of `tinyscene bench --out`.
        boards: files of `tinyscene mcu report --json`.
        data: the dataset's folder, if it has moved.

    Raises:
        InputError: no run, none that was scored, a damaged file, or runs that may not be averaged.
    """
    if system is not None:
        require_system(system)
    results = results_of(_place(paths), _runs(paths), system)
    systems, stale = _systems(results)
    return Collected(
        results=results,
        systems=systems,
        stale=stale,
        curves={name: read_curves(_with_history(results, name)) for name in results.recipes},
        complexity=_complexity(results),
        agreements=_agreements(results),
        dataset=_dataset(data, Path(results.runs[0].data)),
        benches=tuple(read_report(path) for path in benches),
        boards=tuple(read_cost(path) for path in boards),
    )


def _place(paths: Sequence[Path]) -> Path:
    return paths[0] if len(paths) == 1 else paths[0].parent


def _runs(paths: Sequence[Path]) -> list[Run]:
    """Each run once, whether given itself or by its folder."""
    found: dict[Path, Run] = {}
    for path in paths:
        if not path.is_dir():
            raise InputError(f"{path}: there is no such folder; give a run or a folder of runs.")
        one = Run(path).record_file.is_file()
        for run in [open_run(path, trained=False)] if one else runs_in(path):
            found.setdefault(run.folder.resolve(), run)
    return list(found.values())


def _systems(
    results: Results,
) -> tuple[dict[str, dict[str, list[Result]]], dict[str, str]]:
    by_recipe: dict[str, dict[str, list[Result]]] = {}
    stale = {}
    for run in results.runs:
        systems = by_recipe.setdefault(run.recipe.name, {})
        for name in sorted(SYSTEMS, key=lambda name: name != run.system):
            if not run.run.evaluation_file(name).is_file():
                continue
            if reason := why_not(run.run, name):
                stale[f"{run.name} as {name}"] = reason
                continue
            scores = read_scores_as(DetailedScores, run.run, name)
            systems.setdefault(name, []).append(replace(run, system=name, scores=scores))
    return by_recipe, stale


def _with_history(results: Results, recipe: str) -> list[Result]:
    return [run for run in results.of(recipe) if run.run.history_file.is_file()]


def _complexity(results: Results) -> dict[str, Complexity]:
    found = {}
    for run in results.runs:
        if run.recipe.name not in found and run.run.complexity_file.is_file():
            found[run.recipe.name] = read_complexity(run.run.complexity_file)
    return found


def _agreements(results: Results) -> dict[str, Agreement]:
    """Of runs that were not trained again since."""
    found = {}
    for run in results.runs:
        path = run.run.agreement_file
        if path.is_file() and path.stat().st_mtime_ns >= run.run.weights_file.stat().st_mtime_ns:
            found[run.name] = read_agreement(path)
    return found


def _dataset(given: Path | None, recorded: Path) -> Dataset | None:
    if given is None and not (recorded / "meta.csv").is_file():
        return None
    return read_dataset(given or recorded)


def confusion_of(runs: Sequence[Result]) -> list[list[int]]:
    """Clips by true and by predicted scene, summed over runs of `Collected.systems`."""
    total = [[0] * len(SCENES) for _ in SCENES]
    for run in runs:
        assert isinstance(run.scores, DetailedScores)
        for row, counts in zip(total, run.scores.confusion, strict=True):
            row[:] = [a + b for a, b in zip(row, counts, strict=True)]
    return total
