"""The run-time against the same steps in torch, on one thread, and predicting many files.

    python -m benchmarks.inference RUN --audio FOLDER_OF_WAVS

RUN is a quantised run. Prints medians and ratios measured in this one run, with the machine.
`--windows 100000` also listens for so many windows and prints how far the memory grew.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from deploy.table import format_table

if TYPE_CHECKING:
    from baseline.run import Run
    from deploy.listen.listener import Listener

SOURCE_HZ = 44_100
PUBLIC_CLIPS_PER_SECOND = 167
"""The organisers' code on the test set of esc10-as-tau, as measured on another day; see
findings: 198 with a tuned allocator."""

ROUNDS, CALLS = 20, 25
"""Stages take turns, so that the machine's moods hit all alike, but some calls at a time, so that
each finds its data in the cache as it would alone."""

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Read when numpy and torch are first imported: therefore they are imported late here. Worker
processes import this file too, and must not load torch."""

HOP_S = 0.25

Stage = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--audio", type=Path, help="WAV files to predict")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--windows", type=int, default=0, help="listen for so many windows")
    options = parser.parse_args()
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    from baseline.run import open_run
    from benchmarks.environment import describe
    from deploy.allocator import keep_memory

    keep_memory()

    print(describe("numpy", "ai-edge-litert", "torch"), flush=True)
    run = open_run(options.run)
    print(latency(run), flush=True)
    print(start_up(run), flush=True)
    if options.audio:
        print(throughput(run, options.audio, options.workers), flush=True)
    if options.windows:
        print(listening_memory(run, options.windows), flush=True)


def latency(run: Run) -> str:
    """Times of every stage, measured in turns so that the machine's moods hit all alike."""
    times = measure(_stages(run))
    rows = [[name, f"{median(rounds):.3f}", f"{min(rounds):.3f}"] for name, rounds in times.items()]
    torch_path = times["torch fp32: 44.1-kHz wave to probabilities"]
    ours = times["int8: 44.1-kHz wave to probabilities"]
    answer = times[f"listening: an answer, hop {HOP_S} s"]
    ratios = {
        "wave to probabilities, torch fp32 to int8": ratio(torch_path, ours),
        "network alone, torch fp32 to int8": ratio(
            times["torch fp32: network"], times["int8: network"]
        ),
        "a window alone to an answer while listening": ratio(ours, answer),
        "four windows alone to an answer while listening": 4 * ratio(ours, answer),
    }
    header = ["one thread", "median ms", "quietest round"]
    return "\n".join(
        [
            "",
            format_table(header, rows),
            "",
            format_table(["ratio", "times"], [[name, f"{x:.2f}"] for name, x in ratios.items()]),
        ]
    )


def measure(stages: dict[str, Stage]) -> dict[str, list[float]]:
    """Median milliseconds of each stage in each round."""
    times: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(ROUNDS):
        for name, stage in stages.items():
            stage()  # finds the caches full of another stage's data
            times[name].append(median(_milliseconds(stage) for _ in range(CALLS)))
    return times


def ratio(slow: list[float], quick: list[float]) -> float:
    """Median over the rounds, within each of which the machine is about equally fast."""
    return median(a / b for a, b in zip(slow, quick, strict=True))


def _milliseconds(stage: Stage) -> float:
    started = time.perf_counter_ns()
    stage()
    return (time.perf_counter_ns() - started) / 1e6


def _stages(run: Run) -> dict[str, Stage]:
    import numpy as np
    import torch

    from baseline.trained_network import load_network
    from benchmarks.plain_loop import LogMel as PlainLogMel
    from deploy.classifier import Classifier
    from deploy.frontend import resample
    from deploy.listen.listener import Listener

    torch.set_num_threads(1)
    scenes = Classifier(run.model_file("tflite-int8"))
    network, plain = load_network(run), PlainLogMel().eval()
    wave = np.random.default_rng(0).normal(0, 0.1, SOURCE_HZ).astype(np.float32)
    tensor = torch.from_numpy(wave)[None, None]
    at_rate = resample(wave, SOURCE_HZ, scenes.front_end.rate_hz)
    log_mel = scenes.log_mel(at_rate).copy()
    listener = Listener(scenes, SOURCE_HZ, hop_s=HOP_S)
    list(listener.hear(np.tile(wave, 2)))
    hop = wave[: round(HOP_S * SOURCE_HZ)]

    @torch.no_grad()
    def by_torch() -> torch.Tensor:
        return network(plain(tensor)).softmax(1)

    @torch.no_grad()
    def network_by_torch() -> torch.Tensor:
        return network(torch.from_numpy(log_mel))

    return {
        "torch fp32: 44.1-kHz wave to probabilities": by_torch,
        "torch fp32: network": network_by_torch,
        "int8: resampling": lambda: resample(wave, SOURCE_HZ, scenes.front_end.rate_hz),
        "int8: front end": lambda: scenes.log_mel(at_rate),
        "int8: network": lambda: scenes.interpreter.logits(log_mel),
        "int8: 44.1-kHz wave to probabilities": lambda: scenes.probabilities(wave, SOURCE_HZ),
        "int8: 32-kHz wave to probabilities": lambda: scenes.probabilities(at_rate, 32_000),
        f"listening: an answer, hop {HOP_S} s": lambda: list(listener.hear(hop)),
    }


def start_up(run: Run) -> str:
    """Seconds that new processes take: the median of five, with files in the page cache."""
    model = run.model_file("tflite-int8").resolve()
    noise = "numpy.random.default_rng(0).normal(0, 0.1, 44100)"
    scripts = {
        "import deploy": "import deploy",
        "import deploy.classifier": "import deploy.classifier",
        "one second classified": "import numpy; from deploy.classifier import Classifier; "
        f"Classifier({str(model)!r}).probabilities({noise}, 44100)",
    }
    rows = [[name, f"{_process_seconds(script):.3f}"] for name, script in scripts.items()]
    empty = _process_seconds("")
    return "\n" + format_table(
        ["new process", "median s"], [["Python alone", f"{empty:.3f}"], *rows]
    )


def _process_seconds(script: str) -> float:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return median(times)


def throughput(run: Run, audio: Path, workers: int) -> str:
    """Clips a second from WAV files to the CSV, the start of the workers included."""
    from submission.predict import audio_names, predict_run

    count = len(audio_names(audio))
    rows = []
    for number in (1, workers):
        seconds = []
        for _ in range(3):
            run.predictions_file("tflite-int8").unlink(missing_ok=True)
            started = time.perf_counter()
            predict_run(run, audio, system_name="tflite-int8", workers=number, show_progress=False)
            seconds.append(time.perf_counter() - started)
        speed = count / median(seconds)
        rows.append([f"{number} workers", f"{speed:.0f}", f"{speed / PUBLIC_CLIPS_PER_SECOND:.1f}"])
    header = [f"predict, {count} clips", "clips/s", "times the public code's 167"]
    return "\n" + format_table(header, rows)


def listening_memory(run: Run, windows: int) -> str:
    """How far the process grows while it listens."""
    import numpy as np

    from deploy.classifier import Classifier
    from deploy.listen.listener import Listener

    scenes = Classifier(run.model_file("tflite-int8"))
    listener = Listener(scenes, SOURCE_HZ, hop_s=HOP_S)
    hop = np.random.default_rng(0).normal(0, 0.1, round(HOP_S * SOURCE_HZ)).astype(np.float32)
    _listen(listener, hop, 1000)
    before, started = _resident_bytes(), time.perf_counter()
    _listen(listener, hop, windows)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (
        f"\nlistening for {windows:,} windows: {seconds:.0f} s, "
        f"memory {(_resident_bytes() - before) / 1e6:+.2f} MB (peak {peak / 1e3:.0f} MB with torch)"
    )


def _listen(listener: Listener, hop: Any, windows: int) -> None:
    heard = 0
    while heard < windows:
        heard += sum(1 for _ in listener.hear(hop))


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
