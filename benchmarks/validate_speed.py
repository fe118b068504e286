"""How fast a full-size submission is packaged and validated, on one core.

    python -m benchmarks.validate_speed                # one system
    python -m benchmarks.validate_speed --systems 4    # 20 output CSVs

Writes the runs of each system with predictions for the whole evaluation set to a temporary folder,
packages them and validates the zip, all in this process pinned to one core where the system can.
Prints seconds and peak memory; the bars are 5 s for validating one system, and 60 s and 1 GB for
packaging and validating four.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

from baseline.challenge import SPLITS
from baseline.recipe import load_recipe
from baseline.run import Run
from benchmarks.environment import describe
from deploy.files import write_text
from submission.package import package
from submission.predictions import evaluation_names
from submission.rules.faults import is_valid
from submission.team import load_team
from submission.team_form import PLACEHOLDER, Answers, team_form
from submission.validate import validate
from tests.synthetic_runs import write_report, write_run

BAR_SECONDS = 5


def measure(folder: Path, systems: int, repeats: int) -> None:
    """Write, package and validate; print what each took."""
    names = evaluation_names(None)
    start = time.perf_counter()
    runs = [run for number in range(systems) for run in write_system(folder, number, names)]
    print(f"write:    {time.perf_counter() - start:.2f} s for {len(runs)} x {len(names):,} rows")
    answers = Answers("Doe", "Jo", "jo.doe@example.org", "TINY")
    text = team_form(answers, [f"system{number}" for number in range(systems)])
    write_text(folder / "team.yaml", text.replace(PLACEHOLDER, "some"))
    team = load_team(folder / "team.yaml")
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


def write_system(folder: Path, number: int, names: list[str]) -> list[Run]:
    """Runs of a recipe, one for each split."""
    recipe = load_recipe("baseline2024", [f"name=system{number}"])
    place = folder / f"system{number}"
    return [write_run(place / f"split{split}", split, names, recipe) for split in SPLITS]


def main() -> None:
    """Measure in a temporary folder, on one core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(describe("numpy", "pandas", "pyyaml", "pydantic"))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments.systems, arguments.repeats)
    print(f"memory:   {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB at most")


if __name__ == "__main__":
    main()
