"""How fast `baseline.store.prepare` is: 24-bit 44.1-kHz WAV files from page cache.

    python -m benchmarks.prepare_speed --clips 6000 --workers 4

Writes noise clips to a temporary folder (132 kB each), reads them once so that they lie in the page
cache, and prepares them. Prints clips per second, processor time, which tells how much of the time
other work on the machine took, and peak memory (a worker's includes the parent's when it spawned).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCENE, PLACE, DEVICE = "park", "nowhere-1", "a"


def write_clips(folder: Path, count: int) -> None:
    """Write a dataset folder of `count` clips of noise, all of them in split 100."""
    import numpy as np
    import soundfile

    (folder / "audio").mkdir()
    (folder / "split_setup").mkdir()
    noise = np.random.default_rng(0).normal(0, 0.05, (count + 44_100,)).clip(-1, 1)
    names = [f"audio/{SCENE}-{PLACE}-{n}-0-{DEVICE}.wav" for n in range(count)]
    for n, name in enumerate(names):
        soundfile.write(folder / name, noise[n : n + 44_100], 44_100, subtype="PCM_24")
    rows = [f"{name}\t{SCENE}\t{PLACE}\t{DEVICE}\n" for name in names]
    header = "filename\tscene_label\tidentifier\tsource_label\n"
    (folder / "meta.csv").write_text(header + "".join(rows))
    (folder / "split_setup" / "split100.csv").write_text("filename\n" + "\n".join(names) + "\n")


def measure(folder: Path, workers: int) -> None:
    """Prepare the clips once and print the figures of this process and its workers."""
    from baseline.clips import read_dataset
    from baseline.store import prepare

    for path in sorted((folder / "audio").iterdir()):
        path.read_bytes()
    dataset = read_dataset(folder)
    start = time.perf_counter()
    store = prepare(
        dataset, folder / f"store{workers}", workers=workers, show_progress=sys.stderr.isatty()
    )
    seconds = time.perf_counter() - start
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    clips = len(store.samples)
    print(
        f"{workers} workers: {clips / seconds:.0f} clips/s ({seconds:.2f} s with start-up), "
        f"{1000 * cpu / clips:.2f} ms of CPU a clip with start-up; peak {own.ru_maxrss / 1024:.0f} "
        f"MiB in the parent, at most {children.ru_maxrss / 1024:.0f} MiB in a worker"
    )
    start = time.perf_counter()
    prepare(dataset, folder / f"store{workers}", workers=workers)
    print(f"complete already: {time.perf_counter() - start:.2f} s")


def main() -> None:
    """Write the clips, then measure in a fresh process for each number of workers."""
    from benchmarks.environment import describe

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=6000)
    parser.add_argument("--workers", type=int, nargs="+", default=[4])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure, arguments.workers[0])
        return
    print(describe("numpy", "soundfile", "pandas"))
    with tempfile.TemporaryDirectory() as name:
        write_clips(Path(name), arguments.clips)
        for workers in arguments.workers:
            command = [sys.executable, "-m", "benchmarks.prepare_speed", "--measure", name]
            subprocess.run([*command, "--workers", str(workers)], check=True)


if __name__ == "__main__":
    main()
