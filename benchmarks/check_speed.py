"""How long reading and checking the real dataset's lists takes: 230,350 clips, no audio.

    python -m benchmarks.check_speed --lists ../shared/data/tau2022-lists

`--lists` is a folder with meta.csv.gz, split5.csv.gz to split50.csv.gz, test.csv.gz and
fold1_train.csv.gz, which stands for split 100. The bar is 3 s for both together.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import tempfile
import time
from pathlib import Path

from baseline.clips import read_dataset
from baseline.dataset_check import check_dataset, format_problems
from benchmarks.environment import describe

LISTS = {
    "meta": "meta",
    "fold1_train": "split_setup/split100",
    **{name: f"split_setup/{name}" for name in ("split5", "split10", "split25", "split50", "test")},
}


def main() -> None:
    """Unpack the lists into a temporary folder, then read and check them five times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=Path, default=Path("../shared/data/tau2022-lists"))
    lists = parser.parse_args().lists
    print(describe("numpy", "pandas"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "split_setup").mkdir()
        for source, target in LISTS.items():
            data = gzip.decompress((lists / f"{source}.csv.gz").read_bytes())
            (folder / f"{target}.csv").write_bytes(data)
        reading, checking = zip(*(measure(folder) for _ in range(5)), strict=True)
        print(format_problems(check_dataset(folder, audio=False)))
    print(f"reading:  median {statistics.median(reading):.2f} s, slowest {max(reading):.2f} s")
    print(f"checking: median {statistics.median(checking):.2f} s, slowest {max(checking):.2f} s")


def measure(folder: Path) -> tuple[float, float]:
    """Seconds for reading and for checking the lists."""
    start = time.perf_counter()
    read_dataset(folder)
    read = time.perf_counter()
    check_dataset(folder, audio=False)
    return read - start, time.perf_counter() - read


if __name__ == "__main__":
    main()
