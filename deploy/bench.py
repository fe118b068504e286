"""Timing a model on this machine, from wave to probabilities, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from deploy.classifier import Classifier, softmax
from deploy.frontend import resample
from deploy.interpreters import open_interpreter
from deploy.machine import describe
from deploy.table import format_table

SOURCE_RATE_HZ = 44_100
WARM_UP_CALLS = 20
PERCENTILES = (50, 90, 99, 100)


def measure(model: Path, *, threads: int = 1, repeats: int = 200) -> dict[str, Any]:
    """Time one second of noise at 44.1 kHz through a model, one clip at a time.

    Args:
        model: .tflite or .onnx file with the JSON file beside it.
        threads: threads of the network's interpreter.
        repeats: timed calls a stage, after some untimed ones.

    Returns:
        Milliseconds at several percentiles for each stage and for the whole, clips a second, file
        size in bytes, and what is known of the machine.

    Raises:
        InputError: a missing or damaged model, or no interpreter for it.
    """
    classifier = Classifier(model, threads=threads)
    network = open_interpreter(model, threads)
    front_end = classifier.front_end
    rng = np.random.default_rng(0)
    wave = rng.normal(0, 0.1, SOURCE_RATE_HZ).astype(np.float32)
    at_rate = resample(wave, SOURCE_RATE_HZ, front_end.rate_hz)[None]
    log_mel = front_end.log_mel(at_rate)
    stages: dict[str, Callable[[], object]] = {
        "resample": lambda: resample(wave, SOURCE_RATE_HZ, front_end.rate_hz),
        "front end": lambda: front_end.log_mel(at_rate),
        "network": lambda: softmax(network.logits(log_mel)),
        "wave to probabilities": lambda: classifier.probabilities(wave, SOURCE_RATE_HZ),
    }
    times = {stage: _time(call, repeats) for stage, call in stages.items()}
    return {
        "model": model.name,
        "file_bytes": model.stat().st_size,
        "threads": threads,
        "repeats": repeats,
        "milliseconds": {stage: _percentiles(values) for stage, values in times.items()},
        "clips_per_second": 1e3 / float(np.mean(times["wave to probabilities"])),
        "environment": describe(),
    }


def format_report(report: dict[str, Any]) -> str:
    """A measured report as a table."""
    rows = [
        [stage, *(f"{value:.2f}" for value in values.values())]
        for stage, values in report["milliseconds"].items()
    ]
    machine = report["environment"]
    return "\n".join(
        [
            f"{report['model']}: {report['file_bytes']:,} bytes, {report['threads']} thread(s)",
            f"{machine['processor']}, {machine['cores']} cores, {machine['system']}",
            "",
            format_table(["milliseconds", "p50", "p90", "p99", "worst"], rows),
            "",
            f"{report['clips_per_second']:.0f} clips/s, one at a time",
        ]
    )


def _time(call: Callable[[], object], repeats: int) -> np.ndarray:
    for _ in range(WARM_UP_CALLS):
        call()
    times = np.empty(repeats)
    for index in range(repeats):
        started = time.perf_counter_ns()
        call()
        times[index] = (time.perf_counter_ns() - started) / 1e6
    return times


def _percentiles(milliseconds: np.ndarray) -> dict[str, float]:
    return {f"p{p}": float(np.percentile(milliseconds, p)) for p in PERCENTILES}
