"""How fast full-size submissions are packaged and validated, and in how much memory.

    python -m benchmarks.validate_speed

Writes five runs with predictions for the whole evaluation set to a temporary folder. Each
measurement is a process of its own, on at most two cores:

- one system (5 CSVs) packaged and validated; the bar for validating is 5 s,
- four systems (20 CSVs): packaged, joined into one zip and validated; the bar is 60 s and 1 GB.

Prints seconds, those that the processor worked, and the peak of resident memory. On a machine that
is busy with something else only the second figure means anything.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from baseline.challenge import SPLITS
from baseline.run import Run
from benchmarks.environment import describe
from submission.faults import is_valid
from submission.package import package
from submission.predictions import evaluation_names
from submission.team import load_team
from submission.validate import validate
from tests.package_files import label_of
from tests.synthetic_runs import write_report, write_runs, write_team

CORES = 2
ONE_SYSTEM_BAR_S = 5
FOUR_SYSTEMS_BAR_S, FOUR_SYSTEMS_BAR_MB = 60, 1_000
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in a unit of `ru_maxrss`."""


Measurement = tuple[float, float, float]
"""Seconds, processor seconds, and peak memory in MB."""


def package_one(folder: Path) -> None:
    """Package one system, which validates it."""
    _package(folder, 1)


def package_four(folder: Path) -> None:
    """Package four systems, join their zips and validate all of it."""
    archives = [_package(folder, index) for index in (1, 2, 3, 4)]
    _join(archives, folder / "four.zip")
    validate_zip(folder / "four.zip")


def validate_zip(archive: Path) -> None:
    """Validate a package.

    Raises:
        SystemExit: it is not valid.
    """
    faults = validate(archive)
    if not is_valid(faults):
        raise SystemExit(f"the package is not valid: {faults[0]}")


def _package(folder: Path, index: int) -> Path:
    runs = [Run(folder / "runs" / f"split{split}") for split in SPLITS]
    team = load_team(write_team(folder / f"team{index}.yaml", label=label_of(index)))
    archive = folder / f"system{index}.zip"
    package(runs, team, archive, report=write_report(folder / "report.pdf"))
    return archive


def _join(archives: Sequence[Path], out: Path) -> None:
    """One zip of all files, stored again as they are but for the compression."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as joined:
        for path in archives:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    joined.writestr(name, archive.read(name))


def measure(work: Callable[[Path], None], path: Path) -> Measurement:
    """Measure some work in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        result: Measurement = pool.apply(_measured, (work, path))
    return result


def _measured(work: Callable[[Path], None], path: Path) -> Measurement:
    start, start_cpu = time.perf_counter(), time.process_time()
    work(path)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    return seconds, cpu_seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 1e6


def main() -> None:
    """Measure in a temporary folder, on two cores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="of validating one system")
    arguments = parser.parse_args()
    print(describe("numpy", "pandas", "pyyaml", "pydantic"))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-CORES:])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_runs(folder / "runs", evaluation_names(None))
        print("                        seconds   processor s       MB   bar")
        _print("one system: package", measure(package_one, folder))
        times = [measure(validate_zip, folder / "system1.zip") for _ in range(arguments.repeats)]
        for result in times:
            _print("one system: validate", result, f"{ONE_SYSTEM_BAR_S} s")
        bar = f"{FOUR_SYSTEMS_BAR_S} s, {FOUR_SYSTEMS_BAR_MB:,} MB"
        _print("four: package, validate", measure(package_four, folder), bar)
        _print("four: validate", measure(validate_zip, folder / "four.zip"))


def _print(what: str, result: Measurement, bar: str = "") -> None:
    seconds, cpu_seconds, peak = result
    print(f"{what:23} {seconds:7.2f} {cpu_seconds:13.2f} {peak:8.0f}   {bar}".rstrip())


if __name__ == "__main__":
    main()
