"""Training speed: ours against a plain loop, as people run it and with our allocator setting.

    python -m benchmarks.train_speed DATA --split 100 --epochs 8

The three run one after another in processes of their own, with the same number of threads; the
first epoch of each is left out. Ours counts everything: reading, features, saving, validating. The
plain loop is first as torch's defaults leave it, and then with loader processes that persist and
with the allocator setting that ours uses.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.environment import describe
from deploy.table import format_table

PLAIN, PLAIN_TUNED, OURS = "plain loop", "plain loop, memory kept", "tinyscene"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--workers", type=int, default=3, help="loader processes of the plain loop")
    parser.add_argument("--measure-ours", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure_ours:
        print(json.dumps({"clips_per_second": our_speed(options)}))
        return
    speeds = {
        PLAIN: plain_speed(options, "--no-persistent-workers"),
        PLAIN_TUNED: plain_speed(options, "--keep-memory"),
        OURS: last_json(
            [sys.executable, "-m", "benchmarks.train_speed", *sys.argv[1:], "--measure-ours"]
        ),
    }
    rows = [[name, f"{speed:.0f}", f"{speeds[OURS] / speed:.2f}"] for name, speed in speeds.items()]
    print(describe("torch", "numpy"))
    print(format_table(["training", "clips/s", "ours is faster by"], rows))


def plain_speed(options: argparse.Namespace, *extra: str) -> float:
    """Clips a second of the plain loop from its second epoch on."""
    script = Path(__file__).with_name("plain_loop.py")
    settings = {"--data": options.data, "--split": options.split, "--epochs": options.epochs}
    settings["--workers"] = options.workers
    arguments = [str(part) for pair in settings.items() for part in pair]
    return last_json([sys.executable, "-W", "ignore", str(script), *arguments, *extra])


def our_speed(options: argparse.Namespace) -> float:
    """Clips a second of `train`, from what the epochs after the first add to its duration."""
    from deploy.allocator import keep_memory

    keep_memory()
    from baseline.clips import read_dataset
    from baseline.recipe import load_recipe
    from baseline.run import create_run
    from baseline.store import prepare
    from baseline.training import train

    dataset = read_dataset(options.data)
    durations = {}
    with TemporaryDirectory() as folder:
        store = prepare(dataset, Path(folder) / "store", show_progress=False)
        for epochs in (1, options.epochs):
            recipe = load_recipe("small", [f"train.epochs={epochs}"])
            run = create_run(
                Path(folder) / f"run{epochs}",
                recipe,
                split=options.split,
                seed=0,
                data=dataset.folder,
                store=store.folder,
            )
            started = time.perf_counter()
            train(run, dataset, store, show_progress=False)
            durations[epochs] = time.perf_counter() - started
    clips = len(dataset.train_rows(options.split)) * (options.epochs - 1)
    return clips / (durations[options.epochs] - durations[1])


def last_json(command: list[str]) -> float:
    """The clips a second on the last line that a command prints."""
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(result.stdout.splitlines()[-1])["clips_per_second"])


if __name__ == "__main__":
    main()
