"""Chunks of work done by several processes that import little and end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.context import BaseContext
from typing import TypeVar

from deploy.allocator import RUN_TIME_BYTES, keep_memory
from deploy.errors import InputError

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


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
    pool = ProcessPoolExecutor(workers, _context(function), initializer=_begin)
    with _one_blas_thread():
        try:
            futures = [pool.submit(function, chunk) for chunk in chunks]
            for future in futures if in_order else as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise InputError(
                "a worker process ended by itself, as when memory runs out or when a script of "
                "your own lacks 'if __name__ == \"__main__\":'; try again with one worker."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _context(function: Callable[..., object]) -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    plain = function.func if isinstance(function, partial) else function
    context.set_forkserver_preload([plain.__module__])
    return context


def abandoned() -> bool:
    """Whether this is a worker whose parent is dead."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: the cores that this process may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begin() -> None:
    keep_memory(RUN_TIME_BYTES)
    _end_with_parent()


def _end_with_parent() -> None:
    # A killed parent cannot tell its workers, and their queue never closes as they all hold it.
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
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
