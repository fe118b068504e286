"""How long the HTML report of runs takes to make, how large it is, and how fast it opens.

    python -m benchmarks.report_size RUNS

Opening is the wall time of headless Chromium on the page less that on an empty page, the median of
several; the bars are 5 MB and 1 s.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.environment import describe
from submission.html_report.collect import collect
from submission.html_report.page import write_page

BROWSER = "chromium"


def seconds_to_open(page: Path, folder: Path) -> float:
    """From the start of a browser to its end, which follows the page's load event."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={folder}", "--dump-dom", page.as_uri()]
    start = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - start


def measure(runs: list[Path], folder: Path, repeats: int) -> None:
    """Make the page and open it; print what each took."""
    start = time.perf_counter()
    page, empty = folder / "report.html", folder / "empty.html"
    write_page(collect(runs), page)
    print(f"make: {time.perf_counter() - start:.2f} s, {page.stat().st_size / 1e6:.2f} MB")
    if not shutil.which(BROWSER):
        print(f"open: not measured, {BROWSER} is not installed")
        return
    empty.write_text("<!DOCTYPE html><title>empty</title>", encoding="utf-8")
    pairs = [[seconds_to_open(path, folder) for path in (empty, page)] for _ in range(repeats + 1)]
    none, full = (statistics.median(times) for times in zip(*pairs[1:], strict=True))
    print(f"open: {full - none:.2f} s beyond the {none:.2f} s of an empty page, {repeats} times")


def main() -> None:
    """Measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print(describe("jinja2", "pydantic"))
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments.runs, Path(folder), arguments.repeats)


if __name__ == "__main__":
    main()
