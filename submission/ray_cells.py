"""The cells of a matrix as tasks of a Ray cluster, whose machines share the folders."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.errors import InputError
from submission.cells import Job, run_job

CORES_PER_CELL = 2
BYTES_PER_CELL = 5 * 2**30
TRIES = 3
"""For a cell whose machine, or whose memory, is lost."""

STDERR = 2

LOOK_SECONDS = 5.0
"""How often the cluster is looked after."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else a hint about GPUs
    "RAY_NUM_REDIS_GET_RETRIES": "1",  # of joining the cluster, each of some 40 s
}

Node = dict[str, Any]


def require_answer(address: str) -> None:
    """Refuse before any work what cannot be a cluster.

    Raises:
        InputError: no address, nobody answers there, or ray is not installed.
    """
    _ray()
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise InputError(f"--ray: found '{address}', expected HOST:PORT of a Ray cluster's head.")
    try:
        socket.create_connection((host, int(port)), timeout=LOOK_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--ray {address}: nobody answers ({error}); start the same command again when "
            "the cluster's head runs there, complete cells stay."
        ) from error


@contextmanager
def joined(address: str, log: Path) -> Iterator[Cluster]:
    """Be part of a running cluster, from one of its machines.

    When this process ends, however it does, the machines end what it started there.

    Args:
        log: where to put what Ray itself has to say.

    Raises:
        InputError: there is no such cluster.
    """
    ray = _ray()
    with _errors_to(log):
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
        except Exception as error:  # what Ray raises depends on what it finds there
            raise InputError(
                f"--ray {address}: no Ray cluster can be joined there (see {log}); start this on "
                "a machine that 'ray start' made part of it, with the same Python and Ray."
            ) from error
        try:
            yield Cluster(ray, address)
        finally:
            ray.shutdown()


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process is part of."""

    ray: Any
    address: str

    def __str__(self) -> str:
        return f"machines: {len(self._nodes())} of the Ray cluster {self.address}"

    def run(
        self, jobs: Sequence[Job], workers: int | None, say: Callable[[str], None]
    ) -> Generator[tuple[Job, str]]:
        """Run jobs; yields each when it has ended, with why it failed, or nothing.

        A job whose machine dies is started again on another. When this ends early, by an error or
        Ctrl-C, so do the jobs.

        Args:
            workers: how many at a time at most; by default as many as Ray finds room for.

        Raises:
            InputError: the cluster is gone, or no machine is left that a job fits on.
        """
        waiting, running, tries = list(jobs), dict[Any, Job](), Counter[str]()
        at_once = min(workers or len(jobs), len(jobs))
        demand = _demand(self._nodes(), at_once)
        task = self.ray.remote(_run).options(max_retries=0, **demand)
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    job = waiting.pop(0)
                    tries[job.cell.name] += 1
                    running[task.remote(job, int(demand["num_cpus"]))] = job
                for reference in self._ended(running, demand):
                    job = running.pop(reference)
                    lost, reason = self._outcome(reference)
                    if lost and tries[job.cell.name] < TRIES:
                        say(f"matrix: {job.cell.name} was lost ({reason}) and is started again")
                        waiting.append(job)
                    else:
                        yield job, _checked(job, f"failed ({reason})" if lost else reason)
        finally:
            self._stop(running)

    def _ended(self, running: Iterable[Any], demand: dict[str, float]) -> list[Any]:
        ended, _ = self.ray.wait(list(running), timeout=LOOK_SECONDS)
        if not ended:
            self._require_room(demand)
        return list(ended)

    def _stop(self, running: Iterable[Any]) -> None:
        references = list(running)
        with suppress(self.ray.exceptions.RayError):
            for reference in references:  # also without the head, which would have it done
                self.ray.cancel(reference, force=True)
            if references:
                self.ray.wait(references, num_returns=len(references), timeout=LOOK_SECONDS)

    def _outcome(self, reference: Any) -> tuple[bool, str]:
        """Whether the job was lost, and why it was or failed."""
        errors = self.ray.exceptions
        try:
            return False, self.ray.get(reference)
        except errors.RayTaskError as error:
            return False, f"failed ({str(error).strip().splitlines()[-1]})"
        except errors.RayError as error:
            return True, type(error).__name__

    def _nodes(self) -> list[Node]:
        return [node for node in self.ray.nodes() if node["Alive"]]

    def _require_room(self, demand: dict[str, float]) -> None:
        require_answer(self.address)
        if not any(_fits(node, demand) for node in self._nodes()):
            raise InputError(
                f"--ray {self.address}: found no machine left with {demand}; "
                "start the same command again when there is one, complete cells stay."
            )


def _run(job: Job, threads: int) -> str:
    """What a task does, on its machine."""
    try:
        os.chdir(job.place)
        job.logs.stat()
    except OSError as error:
        return (
            f"failed ({socket.gethostname()}: {error.filename}: {error.strerror}; the folder where "
            "the matrix was started, data, store and --out must be shared by all machines)"
        )
    return run_job(job, threads)


def _checked(job: Job, reason: str) -> str:
    if reason or job.cell.complete:
        return reason
    return (
        f"failed (it ended, but {job.cell.folder} is not complete here; --out must be a folder "
        "that all machines share)"
    )


def _demand(nodes: Sequence[Node], at_once: int) -> dict[str, float]:
    """What a cell asks for: its part of the cores, and never more than the largest machine has."""
    largest = max((node["Resources"] for node in nodes), key=lambda has: has.get("memory", 0))
    cores = sum(node["Resources"].get("CPU", 0) for node in nodes)
    share = max(CORES_PER_CELL, cores // at_once)
    demand = {
        "num_cpus": max(1, min(share, largest.get("CPU", 0))),
        "memory": min(BYTES_PER_CELL, largest.get("memory", 0)),
    }
    if any(node["Resources"].get("GPU") for node in nodes):
        demand["num_gpus"] = 1  # without, Ray hides the GPUs
    return demand


def _fits(node: Node, demand: dict[str, float]) -> bool:
    names = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
    has = node["Resources"]
    return all(has.get(names[key], 0) >= value for key, value in demand.items())


@contextmanager
def _errors_to(log: Path) -> Iterator[None]:
    """Append what is written to standard error, also from C++, to a file."""
    sys.stderr.flush()
    terminal = os.dup(STDERR)
    with open(log, "ab") as file:
        os.dup2(file.fileno(), STDERR)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, STDERR)
        os.close(terminal)


def _ray() -> Any:
    for name, value in QUIET.items():  # read when it is imported
        os.environ.setdefault(name, value)
    try:
        import ray
    except ModuleNotFoundError as error:
        raise InputError(
            "--ray: needs the package ray; run: pip install 'tinyscene[ray]'"
        ) from error
    return ray
