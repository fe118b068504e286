"""From nothing to the first answer: a process of its own that classifies one recording."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.audio import read_mono
from deploy.classifier import Classifier
from deploy.errors import InputError
from deploy.machine.system_files import ROOT, read_bytes_field

LONGEST_SECONDS = 300.0
XNNPACK = "XNNPACK"


@dataclass(frozen=True)
class ColdStart:
    """One process, with all its files in the page cache."""

    milliseconds: float
    """From the start of the process to the first probabilities."""
    peak_memory_bytes: int | None
    """Resident memory at its highest up to then; None where the system does not tell."""
    delegate: str | None
    """XNNPACK, where the interpreter said that it uses it."""


def cold_start(model: Path, recording: Path, *, threads: int, backend: str) -> ColdStart:
    """Start a process that answers once.

    Args:
        model: .tflite or .onnx file.
        recording: mono, at least a second.
        threads: of the interpreter.
        backend: name of the interpreter.

    Raises:
        InputError: the process could not be started or did not answer.
    """
    arguments = [str(model.absolute()), str(recording.absolute()), str(threads), backend]
    # -P: a folder named deploy where the user stands is not ours.
    command = [sys.executable, "-P", "-m", "deploy.bench.cold_start", *arguments]
    began = time.monotonic_ns()  # the same clock in all processes
    try:
        process = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=True,
            env=_environment(),
        )
        answer = json.loads(process.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise InputError(f"{sys.executable}: {_reason(error)}; run it by hand.") from error
    return ColdStart(
        milliseconds=(answer["answered_ns"] - began) / 1e6,
        peak_memory_bytes=answer["peak_memory_bytes"],
        delegate=XNNPACK if XNNPACK in process.stderr else None,
    )


def answer_once(model: Path, recording: Path, threads: int, backend: str) -> str:
    """What the process does; JSON of the moment of its answer and its memory."""
    wave, rate_hz = read_mono(recording)
    Classifier(model, threads=threads, backend=backend).probabilities(wave, rate_hz)
    answered = time.monotonic_ns()
    peak = read_bytes_field(ROOT / "proc/self/status", "VmHWM")
    return json.dumps({"answered_ns": answered, "peak_memory_bytes": peak})


def _environment() -> dict[str, str]:
    """With this folder's parent on the path, for those who have copied us without installing."""
    ours = str(Path(__file__).resolve().parents[1])
    paths = [ours, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"cannot be started ({error.strerror})"
    if isinstance(error, subprocess.CalledProcessError):
        last = (error.stderr.strip().splitlines() or ["without a word"])[-1]
        return f"did not answer ({last[:200]})"
    return f"did not answer ({str(error)[:200]})"


if __name__ == "__main__":
    print(answer_once(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
