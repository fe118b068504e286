"""Recipes x splits x seeds: every cell a run of its own, made once, however often one starts."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
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
from submission.pipeline import default_run_folder, default_store

BYTES_PER_WORKER = 5 * 2**30
"""Memory of one training at batch 256 with what surrounds it."""

CORES_PER_WORKER = 2
LOCK_SECONDS = 10
"""To wait for the cells of a matrix that was just killed to end too."""

PR_SET_PDEATHSIG = 1

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


@dataclass(frozen=True)
class Cell:
    """One run of the matrix."""

    recipe: Recipe
    source: str
    """Name or file that the recipe comes from."""
    split: int
    seed: int
    folder: Path
    system: str
    """What is scored last: the submitted system, or the float one where that is all."""

    @property
    def complete(self) -> bool:
        """Whether the run was trained and then scored."""
        return Run(self.folder).is_scored(self.system)


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


def run_matrix(matrix: Matrix, workers: int | None, say: Say) -> dict[str, str]:
    """Run the cells that are not complete, several at a time.

    Returns:
        Name of each cell that failed, with the reason.

    Raises:
        InputError: see `cells`, unusable data, or another matrix at work in the folder.
    """
    every = cells(matrix)
    make_folder(matrix.out / "logs")
    with _exclusive(matrix.out) as lock:
        waiting = [cell for cell in every if not cell.complete]
        say(f"matrix: {len(every) - len(waiting)} of {len(every)} cells are complete already")
        if not waiting:
            return {}
        _prepare(matrix, waiting[0].recipe)
        workers = min(workers or fitting_workers(), len(waiting))
        say(f"matrix: {len(waiting)} cells, {workers} at a time; logs in {matrix.out / 'logs'}")
        return _run_all(matrix, waiting, workers, lock, say)


def fitting_workers() -> int:
    """How many trainings the free memory and the cores have room for, at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    by_cores = (cores or 1) // CORES_PER_WORKER
    free = read_bytes_field(ROOT / "proc/meminfo", "MemAvailable")
    by_memory = by_cores if free is None else free // BYTES_PER_WORKER
    return max(1, min(by_cores, by_memory))


def _run_all(
    matrix: Matrix, waiting: Sequence[Cell], workers: int, lock: int, say: Say
) -> dict[str, str]:
    failures: dict[str, str] = {}
    started = time.monotonic()
    pool = ThreadPoolExecutor(workers)
    try:
        futures = {pool.submit(_run, matrix, cell, workers, lock): cell for cell in waiting}
        for done, future in enumerate(as_completed(futures), 1):
            cell, reason = futures[future], future.result()
            if reason:
                failures[cell.folder.name] = reason
            left = (time.monotonic() - started) / done * (len(waiting) - done)
            say(
                f"matrix: {done} of {len(waiting)}, {left / 60:.0f} min left: {cell.folder.name} "
                f"{reason or _accuracy(cell)}"
            )
    finally:
        pool.shutdown(cancel_futures=True)
    return failures


def _run(matrix: Matrix, cell: Cell, workers: int, lock: int) -> str:
    """Run a cell in a process of its own; why it failed, or nothing."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    log = matrix.out / "logs" / f"{cell.folder.name}.log"
    with open(log, "wb") as file:
        done = subprocess.run(
            _command(matrix, cell),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
            pass_fds=(lock,),  # held until the last cell has ended too
            preexec_fn=_die_with_parent,
        )
    if done.returncode == 0:
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"failed ({lines[-1] if lines else f'exit code {done.returncode}'}); see {log}"


def _command(matrix: Matrix, cell: Cell) -> list[str]:
    command = [sys.executable, "-m", "tinyscene", "run", "--recipe", cell.source]
    command += ["--data", str(matrix.data), "--split", str(cell.split), "--seed", str(cell.seed)]
    command += ["--store", str(_store(matrix)), "--out", str(cell.folder)]
    command += ["--float-only"] if matrix.float_only else []
    command += ["--over-budget"] if matrix.over_budget else []
    for override in matrix.overrides:
        command += ["--set", override]
    if cell.recipe.distill:
        command += ["--teachers", str(_logits_file(matrix, cell.split))]
    return command


def _die_with_parent() -> None:
    # A killed matrix cannot stop its cells; on Linux the system can.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


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
def _exclusive(out: Path) -> Iterator[int]:
    """Hold the folder's lock; the system drops it when the matrix and its cells have ended."""
    with open(out / ".matrix.lock", "w") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise InputError(
                        f"{out}: another matrix is at work in this folder; wait until it ends or "
                        "choose another folder with --out."
                    ) from error
                time.sleep(0.2)
        yield file.fileno()
