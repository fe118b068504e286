"""Recipes x splits x seeds: every cell a run of its own, made once, however often one starts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from baseline.recipe import Recipe, load_recipe
from baseline.run import Run
from baseline.teacher_logits import read_logits
from deploy.errors import InputError
from deploy.files import make_folder
from deploy.frontend import front_end
from deploy.machine.system_files import ROOT, read_bytes_field
from quantize.system_names import TORCH_SYSTEMS
from submission import ray_cells
from submission.cells import Cell, Job, locked, run_here
from submission.pipeline import default_run_folder, default_store

BYTES_PER_WORKER = 5 * 2**30
"""Memory of one training at batch 256 with what surrounds it."""

CORES_PER_WORKER = 2
LOCK_SECONDS = 10
"""To wait for a matrix that was just killed to end."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Matrix:
    """What is to be run, and where."""

    data: Path
    out: Path
    recipes: tuple[str, ...]
    """Names or YAML files."""
    splits: tuple[int, ...]
    seeds: tuple[int, ...]
    store: Path | None = None
    teachers: Path | None = None
    """Folder of logits, `split25.npz` and so on, for recipes that distil."""
    overrides: tuple[str, ...] = ()
    float_only: bool = False
    """Leave quantising out, as for teachers."""
    over_budget: bool = False


def cells(matrix: Matrix) -> list[Cell]:
    """All cells, small splits first.

    Raises:
        InputError: an unknown recipe, two of one name, or logits that a student lacks.
    """
    recipes = {source: load_recipe(source, list(matrix.overrides)) for source in matrix.recipes}
    names = [recipe.name for recipe in recipes.values()]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"matrix: two recipes are named '{name}'; rename one of them.")
    for recipe in recipes.values():
        if recipe.distill:
            _require_teachers(matrix, recipe)
    _require_one_rate(recipes.values())
    return [
        Cell(
            recipe,
            source,
            split,
            seed,
            folder=default_run_folder(matrix.out, recipe, split, seed),
            system=TORCH_SYSTEMS[-1] if matrix.float_only else recipe.submitted_system,
        )
        for split in sorted(matrix.splits)
        for seed in matrix.seeds
        for source, recipe in recipes.items()
    ]


def run_matrix(
    matrix: Matrix, workers: int | None, say: Say, *, ray: str | None = None
) -> dict[str, str]:
    """Run the cells that are not complete, several at a time.

    Args:
        ray: address of a Ray cluster to run them on, rather than here.

    Returns:
        Name of each cell that failed, with the reason.

    Raises:
        InputError: see `cells` and `ray_cells`, unusable data, or another matrix at work
            in the folder.
    """
    every = cells(matrix)
    make_folder(_logs(matrix))
    with _exclusive(matrix.out):
        waiting = [cell for cell in every if not cell.complete]
        say(f"matrix: {len(every) - len(waiting)} of {len(every)} cells are complete already")
        if not waiting:
            return {}
        jobs = [_job(matrix, cell) for cell in waiting]
        if ray is not None:
            ray_cells.require_answer(ray)
        _prepare(matrix, waiting[0].recipe)
        if ray is not None:
            with ray_cells.joined(ray, _logs(matrix) / "ray.log") as cluster:
                say(f"matrix: {len(jobs)} cells, {cluster}; logs in {_logs(matrix)}")
                return _run_all(cluster.run(jobs, workers, say), len(jobs), say)
        workers = min(workers or fitting_workers(), len(jobs))
        say(f"matrix: {len(jobs)} cells, {workers} at a time; logs in {_logs(matrix)}")
        return _run_all(run_here(jobs, workers), len(jobs), say)


def fitting_workers() -> int:
    """How many trainings the free memory and the cores have room for, at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    by_cores = (cores or 1) // CORES_PER_WORKER
    free = read_bytes_field(ROOT / "proc/meminfo", "MemAvailable")
    by_memory = by_cores if free is None else free // BYTES_PER_WORKER
    return max(1, min(by_cores, by_memory))


def _run_all(outcomes: Generator[tuple[Job, str]], count: int, say: Say) -> dict[str, str]:
    failures: dict[str, str] = {}
    started = time.monotonic()
    with closing(outcomes):
        for done, (job, reason) in enumerate(outcomes, 1):
            if reason:
                failures[job.cell.name] = reason
            left = (time.monotonic() - started) / done * (count - done)
            say(
                f"matrix: {done} of {count}, {left / 60:.0f} min left: {job.cell.name} "
                f"{reason or _accuracy(job.cell)}"
            )
    return failures


def _job(matrix: Matrix, cell: Cell) -> Job:
    command = ["run", "--recipe", cell.source]
    command += ["--data", str(matrix.data), "--split", str(cell.split), "--seed", str(cell.seed)]
    command += ["--store", str(_store(matrix)), "--out", str(cell.folder)]
    command += ["--float-only"] if matrix.float_only else []
    command += ["--over-budget"] if matrix.over_budget else []
    for override in matrix.overrides:
        command += ["--set", override]
    if cell.recipe.distill:
        command += ["--teachers", str(_logits_file(matrix, cell.split))]
    return Job(cell, tuple(command), _logs(matrix), Path.cwd())


def _logs(matrix: Matrix) -> Path:
    return matrix.out / "logs"


def _accuracy(cell: Cell) -> str:
    scores = Run(cell.folder).evaluation(cell.system)
    return f"{100 * scores['macro_accuracy']:.1f} %"


def _prepare(matrix: Matrix, recipe: Recipe) -> None:
    """Prepare the clips once, before several cells would do it at a time."""
    from baseline.clips import read_dataset
    from baseline.store import prepare

    rate_hz = front_end(recipe.front_end).rate_hz
    dataset = read_dataset(matrix.data)
    for split in matrix.splits:
        dataset.train_rows(split)  # a missing list shows before any work
    prepare(dataset, _store(matrix), rate_hz=rate_hz)


def _store(matrix: Matrix) -> Path:
    return matrix.store or default_store(matrix.data)


def _require_one_rate(recipes: Iterable[Recipe]) -> None:
    rates = {front_end(recipe.front_end).rate_hz: recipe.name for recipe in recipes}
    if len(rates) > 1:
        found = ", ".join(f"{name} {rate_hz} Hz" for rate_hz, name in rates.items())
        raise InputError(
            f"matrix: the recipes hear at different rates ({found}), expected one; make a matrix "
            "for each rate, with a --store of its own."
        )


def _require_teachers(matrix: Matrix, recipe: Recipe) -> None:
    if matrix.teachers is None:
        raise InputError(
            f"recipe {recipe.name}: learns from teachers; give --teachers FOLDER with "
            f"{', '.join(f'split{split}.npz' for split in matrix.splits)}."
        )
    for split in matrix.splits:
        read_logits(_logits_file(matrix, split))


def _logits_file(matrix: Matrix, split: int) -> Path:
    assert matrix.teachers is not None
    return matrix.teachers / f"split{split}.npz"


@contextmanager
def _exclusive(out: Path) -> Iterator[None]:
    """Hold the folder's lock; the system drops it when the matrix has ended."""
    with locked(out / ".matrix.lock", LOCK_SECONDS) as lock:
        if lock is None:
            raise InputError(
                f"{out}: another matrix is at work in this folder; wait until it ends or "
                "choose another folder with --out."
            )
        yield
