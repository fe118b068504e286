"""Timing a model on this machine, from a file to probabilities, stage by stage."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from deploy.audio import read_mono
from deploy.bench.cold_start import ColdStart, cold_start
from deploy.bench.disturbance import Disturbance, Watch, warnings
from deploy.bench.recording import Recording, one_second
from deploy.bench.timing import Timing, time_in_turn
from deploy.classifier import Classifier, softmax
from deploy.errors import InputError
from deploy.frontend import resample
from deploy.interpreters import version
from deploy.machine.description import describe

SCHEMA = 1
"""Number of the report's form, which `report.schema.json` describes."""

PERCENTILES = {"p50": 50, "p90": 90, "p99": 99, "worst": 100}
THROUGHPUTS = ("wave_to_probabilities", "file_to_probabilities")
MAX_SPREAD = 0.05
"""Of the blocks' medians; on a quiet machine it is less."""

Stages = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Settings:
    """What is asked for."""

    threads: int = 1
    """Of the network's interpreter."""
    backend: str | None = None
    """Name of the interpreter; the first that works by default."""
    max_seconds: float = 15.0
    """Of the timing without the cold starts."""
    cold_starts: int = 5
    """Processes that count; one more runs before them, which fills the page cache."""
    require_int8: bool = False
    """Refuse a model whose input or output is of another type."""


def measure(model: Path, settings: Settings, recording: Path | None = None) -> dict[str, Any]:
    """Time one second of sound through a model, one clip at a time.

    Args:
        model: .tflite or .onnx file with the JSON file beside it.
        recording: mono, at least a second, of which the first counts; noise by default.

    Returns:
        The report that `report.schema.json` describes.

    Raises:
        InputError: a missing or damaged model or recording, no interpreter for it, or a model that
            is not int8 where that is required.
    """
    classifier = Classifier(model, threads=settings.threads, backend=settings.backend)
    if settings.require_int8:
        _require_int8(model, classifier)
    machine = describe()
    with one_second(recording) as second:
        stages = _stages(classifier, second)
        watch = Watch()
        timing = time_in_turn(stages, max_seconds=settings.max_seconds, after_block=watch.sample)
        found = watch.stop()
        starts, failure = _cold_starts(model, second, classifier, settings)
    doubts = [
        *_machine_warnings(machine),
        *warnings(found),
        *_timing_warnings(timing, virtual=machine["virtual_machine"]),
        *failure,
    ]
    return {
        "schema": SCHEMA,
        "tinyscene": version("tinyscene"),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": _model(model, classifier),
        "settings": asdict(settings),
        "interpreter": _interpreter(classifier, starts),
        "recording": {
            "source": second.source,
            "rate_hz": second.rate_hz,
            "rewritten": second.rewritten,
        },
        **_latencies(timing),
        "cold_start_ms": _cold_start_times(starts),
        "memory": _memory(starts, found),
        "disturbance": _disturbance(found),
        "environment": machine,
        "warnings": doubts,
    }


def _require_int8(model: Path, classifier: Classifier) -> None:
    types = classifier.interpreter.input_type, classifier.interpreter.output_type
    if any(kind != np.int8 for kind in types):
        raise InputError(
            f"{model}: found {types[0]} input and {types[1]} output, expected int8 for both; "
            "give a full-int8 .tflite file or leave --require-int8 out."
        )


def _stages(classifier: Classifier, recording: Recording) -> Stages:
    """What is timed, by name, each with what the stage before it gives."""
    path, front_end = recording.path, classifier.front_end
    wave, rate_hz = read_mono(path)
    try:
        window = resample(wave, rate_hz, front_end.rate_hz)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    log_mel = classifier.log_mel(window).copy()
    return {
        "read": lambda: read_mono(path),
        "resample": lambda: resample(wave, rate_hz, front_end.rate_hz),
        "front_end": lambda: classifier.log_mel(window),
        "network": lambda: softmax(classifier.interpreter.logits(log_mel)),
        "wave_to_probabilities": lambda: classifier.probabilities(wave, rate_hz),
        "file_to_probabilities": lambda: classifier.probabilities(*read_mono(path)),
    }


def _cold_starts(
    model: Path, recording: Recording, classifier: Classifier, settings: Settings
) -> tuple[list[ColdStart], list[str]]:
    """Processes that answered, and why there are none."""
    backend = classifier.interpreter.backend
    try:
        starts = [
            cold_start(model, recording.path, threads=settings.threads, backend=backend)
            for _ in range(settings.cold_starts + 1)
        ]
    except InputError as error:
        return [], [f"the cold start was not measured: {error}"]
    return starts[1:], []


def _machine_warnings(machine: dict[str, Any]) -> Iterator[str]:
    if machine["emulated"]:
        yield "the processor is emulated: speed means nothing here; measure on the device itself."


def _timing_warnings(timing: Timing, *, virtual: bool) -> Iterator[str]:
    if not timing.settled:
        yield (
            "the medians did not settle in the time given; measure longer with --seconds or "
            "on a quieter machine."
        )
    spread = np.where(timing.matters(), timing.spread(50), 0)
    widest = int(spread.argmax())
    if spread[widest] > MAX_SPREAD:
        yield (
            f"the medians of {timing.stages[widest]} spread by {100 * spread[widest]:.0f} % over "
            f"the blocks, expected at most {100 * MAX_SPREAD:.0f} %; measure on a quieter machine"
            f"{', not a virtual one' if virtual else ''}."
        )


def _model(model: Path, classifier: Classifier) -> dict[str, Any]:
    content = model.read_bytes()
    return {
        "name": model.name,
        "file_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "input_type": str(classifier.interpreter.input_type),
        "output_type": str(classifier.interpreter.output_type),
    }


def _interpreter(classifier: Classifier, starts: list[ColdStart]) -> dict[str, Any]:
    backend = classifier.interpreter.backend
    delegate = starts[0].delegate if starts else None
    return {"name": backend, "version": version(backend), "delegate": delegate}


def _latencies(timing: Timing) -> dict[str, Any]:
    values = {name: timing.percentile_ms(p) for name, p in PERCENTILES.items()}
    spreads = {name: timing.spread(p) for name, p in PERCENTILES.items()}
    means = dict(zip(timing.stages, timing.mean_ms(), strict=True))
    return {
        "calls": timing.rounds,
        "settled": timing.settled,
        "latency_ms": _by_stage(timing.stages, values),
        "spread_share": _by_stage(timing.stages, spreads),
        "block_median_ms": {
            stage: [float(np.median(block[:, index])) for block in timing.blocks]
            for index, stage in enumerate(timing.stages)
        },
        "throughput_clips_per_s": {name: 1e3 / float(means[name]) for name in THROUGHPUTS},
    }


def _by_stage(
    stages: tuple[str, ...], values: dict[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    return {
        stage: {name: float(value[index]) for name, value in values.items()}
        for index, stage in enumerate(stages)
    }


def _cold_start_times(starts: list[ColdStart]) -> dict[str, Any] | None:
    if not starts:
        return None
    times = [start.milliseconds for start in starts]
    return {
        "median": float(np.median(times)),
        "lowest": min(times),
        "highest": max(times),
        "processes": len(times),
        "page_cache": "warm",
    }


def _memory(starts: list[ColdStart], found: Disturbance) -> dict[str, int | None]:
    peaks = [start.peak_memory_bytes for start in starts if start.peak_memory_bytes is not None]
    return {
        "peak_bytes": max(peaks, default=None),
        "growth_bytes": found.memory_growth_bytes,
    }


def _disturbance(found: Disturbance) -> dict[str, Any]:
    values = asdict(found)
    del values["memory_growth_bytes"]  # stands with the memory
    return values
