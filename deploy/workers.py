"""Chunks of work done by several processes that import little and end with their parent."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import TypeVar

from deploy.allocator import RUN_TIME_BYTES, keep_memory
from deploy.errors import InputError

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")

PR_SET_PDEATHSIG = 1


def in_parallel(
    function: Callable[[Chunk], Result],
    chunks: Sequence[Chunk],
    *,
    workers: int | None = None,
    in_order: bool = False,
) -> Iterator[Result]:
    """Yield `function(chunk)` for every chunk, in order of completion or of the chunks.

    Processes are forked from a small one that has just imported the function's module, or spawned
    where the system cannot: forking this one, with its threads (BLAS, torch, tqdm), can deadlock.
    One worker or one chunk runs in this process. The first error ends the work.

    Args:
        function: a module's top-level function; module and chunk must be picklable.
        chunks: best of 10 ms of work or more each.
        workers: number of processes; all cores of this process by default.

    Raises:
        InputError: a worker was killed, or the program cannot be spawned.
    """
    workers = min(workers or _cores(), len(chunks))
    if workers <= 1:
        yield from map(function, chunks)
        return
    context = _context(function)
    lifeline, held = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(lifeline,))
    with _one_blas_thread(), held:
        try:
            futures = [pool.submit(function, chunk) for chunk in chunks]
            for future in futures if in_order else as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise InputError(
                "a worker process ended by itself, as when memory runs out or when a script of "
                "your own lacks 'if __name__ == \"__main__\":'; try again with one worker."
            ) from error
        except BaseException:
            held.close()  # nobody waits for what is being done
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            lifeline.close()


def _context(function: Callable[..., object]) -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    plain = function.func if isinstance(function, partial) else function
    context.set_forkserver_preload([plain.__module__])
    resource_tracker.ensure_running()
    with _without_ctrl_c():
        forkserver.ensure_running()
    return context


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    # What is started in here never hears it: the process that workers are forked from, while it
    # imports, would answer with a traceback.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent() -> None:
    """Have the system kill this process when its parent ends, however that does. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def abandoned() -> bool:
    """Whether this is a worker whose parent is dead."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: the cores that this process may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begin(lifeline: Connection) -> None:
    keep_memory(RUN_TIME_BYTES)
    _end_with(lifeline)


def _end_with(lifeline: Connection) -> None:
    # Its other end is the parent's alone: it closes when the parent stops the work or is killed.
    # The queue of the work never closes, as all workers hold it.
    def watch() -> None:
        lifeline.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and stops the work


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    # BLAS reads these when a worker first imports numpy; each process gets a core to itself.
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
