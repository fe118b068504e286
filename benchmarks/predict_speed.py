"""How fast `predict` is at scale, from WAV files to the CSV, and that its memory stays.

    python -m benchmarks.predict_speed RUN --audio FOLDER_OF_WAVS --clips 20000

RUN is a quantised run. Its int8 network predicts `--clips` recordings, which are links to those of
the folder, once a quarter of them and once all, each by a command of its own. Prints clips a second
with the start of the processes, and peak memory of the command and of its largest worker.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from baseline.run import open_run
from benchmarks.environment import describe
from deploy.table import format_table
from submission.predict import audio_names

SYSTEM = "tflite-int8"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--audio", type=Path, required=True, help="WAV files to link to")
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    print(describe("numpy", "ai-edge-litert"), flush=True)
    recordings = [options.audio / name for name in audio_names(options.audio)]
    rows = []
    for count in (options.clips // 4, options.clips):
        with tempfile.TemporaryDirectory() as name:
            seconds, megabytes = measure(options.run, recordings, Path(name), count, options)
        rows.append([f"{count:,}", f"{seconds:.1f}", f"{count / seconds:.0f}", f"{megabytes:.0f}"])
    print(format_table(["clips", "seconds", "clips/s", "largest process, MB"], rows))


def measure(
    run: Path, recordings: list[Path], folder: Path, count: int, options: argparse.Namespace
) -> tuple[float, float]:
    """Seconds and peak memory (MB) of the largest process of one command."""
    for number in range(count):
        source = recordings[number % len(recordings)].resolve()
        (folder / f"{number}{source.suffix}").symlink_to(source)
    open_run(run).predictions_file(SYSTEM).unlink(missing_ok=True)
    words = ["predict", str(run), "--audio", str(folder), "--system", SYSTEM]
    command = [sys.executable, "-m", "tinyscene", *words, "--workers", str(options.workers)]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000


if __name__ == "__main__":
    main()
