"""How fast a full-size submission is packaged and validated, on one core.

    python -m benchmarks.validate_speed

Writes five runs with predictions for the whole evaluation set to a temporary folder, packages them
and validates the zip, all in this process pinned to one core where the system can. Prints seconds;
the bar for validating is 5 s.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from baseline.challenge import SPLITS
from benchmarks.environment import describe
from submission.faults import is_valid
from submission.package import package
from submission.predictions import evaluation_names
from submission.team import load_team
from submission.validate import validate
from tests.synthetic_runs import write_report, write_runs, write_team

BAR_SECONDS = 5


def measure(folder: Path, repeats: int) -> None:
    """Write, package and validate; print what each took."""
    names = evaluation_names(None)
    start = time.perf_counter()
    runs = write_runs(folder / "runs", names)
    print(f"write:    {time.perf_counter() - start:.2f} s for {len(SPLITS)} x {len(names):,} rows")
    team = load_team(write_team(folder / "team.yaml"))
    archive = folder / "task1.zip"
    start = time.perf_counter()
    package(runs, team, archive, report=write_report(folder / "report.pdf"))
    seconds = time.perf_counter() - start
    print(f"package:  {seconds:.2f} s with validating, {archive.stat().st_size / 1e6:.1f} MB")
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        if not is_valid(validate(archive)):
            raise SystemExit("the package is not valid")
        times.append(time.perf_counter() - start)
    print(
        f"validate: {min(times):.2f} to {max(times):.2f} s ({repeats} times), bar {BAR_SECONDS} s"
    )


def main() -> None:
    """Measure in a temporary folder, on one core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(describe("numpy", "pandas", "pyyaml", "pydantic"))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments.repeats)


if __name__ == "__main__":
    main()
