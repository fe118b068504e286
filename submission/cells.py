"""The cells of a matrix as jobs, each a process of its own, here or on another machine."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from baseline.recipe import Recipe
from baseline.run import Run
from deploy.workers import die_with_parent

LOCK_SECONDS = 120
"""To wait for another process with the same cell: it was killed, or its machine taken for dead."""


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
    def name(self) -> str:
        return self.folder.name

    @property
    def complete(self) -> bool:
        """Whether the run was trained and then scored."""
        return Run(self.folder).is_scored(self.system)


@dataclass(frozen=True)
class Job:
    """A cell as work for any machine that has the same folders."""

    cell: Cell
    words: tuple[str, ...]
    """Of the command, behind `tinyscene`."""
    logs: Path
    place: Path
    """Folder that the command is started in."""

    @property
    def log(self) -> Path:
        """What the command prints."""
        return self.logs / f"{self.cell.name}.log"


def run_here(jobs: Sequence[Job], workers: int) -> Generator[tuple[Job, str]]:
    """Run jobs on this machine; yields each when it has ended, with why it failed, or nothing."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    pool = ThreadPoolExecutor(workers)
    try:
        futures = {pool.submit(run_job, job, threads): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def run_job(job: Job, threads: int) -> str:
    """Run a job and wait for its end; why it failed, or nothing.

    It is locked, also by its process, and left alone if it was completed meanwhile.
    """
    with locked(job.logs / f".{job.cell.name}.lock", LOCK_SECONDS) as lock:
        if lock is None:
            return f"failed (another process is at work in {job.cell.folder}; wait until it ends)"
        if job.cell.complete:
            return ""
        with open(job.log, "wb") as file:
            done = subprocess.run(
                [sys.executable, "-m", "tinyscene", *job.words],
                cwd=job.place,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=os.environ | {"OMP_NUM_THREADS": str(threads)},
                pass_fds=(lock,),
                preexec_fn=die_with_parent,  # a killed matrix cannot stop its cells
            )
    if done.returncode == 0:
        return ""
    lines = job.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"failed ({lines[-1] if lines else f'exit code {done.returncode}'}); see {job.log}"


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[int | None]:
    """Hold a lock file; its descriptor, or None where another process holds it all that time.

    The system drops the lock when the last process with the descriptor has ended.
    """
    with open(path, "w") as file:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    yield None
                    return
                time.sleep(0.2)
            else:
                yield file.fileno()
                return
