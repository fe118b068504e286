"""What works on this machine: interpreters by running something, other packages by importing."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deploy.errors import InputError
from deploy.interpreters import LITERT, ONNXRUNTIME, TFLITE_RUNTIME, LoadError, load, version
from deploy.listen.microphone import sounddevice
from deploy.table import format_table

EMPTY_MODEL = bytes.fromhex(
    "1800000054464c3300000e0010000c0000000800000004000e0000000c000000180000000300000001000000"
    "080000000400040004000000010000001000000000000a0010000c00080004000a0000000c00000010000000"
    "1400000001000000000000000100000000000000010000000c00000000000600080004000600000004000000"
    "0100000001000000"
)
"""A TFLite file whose input is its output: one float tensor and no operator."""

WORKS, ABSENT, BROKEN = "works", "-", "BROKEN"


@dataclass(frozen=True)
class Finding:
    """One package: whether it works here, and what it says."""

    name: str
    state: str
    remark: str
    needed_for: str


@dataclass(frozen=True)
class Findings:
    """Everything that was looked at."""

    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether at least one interpreter works, and everything else that is installed."""
        working = {one.name for one in self.findings if one.state == WORKS}
        broken = any(one.state == BROKEN for one in self.findings)
        return not broken and not working.isdisjoint((LITERT, TFLITE_RUNTIME, ONNXRUNTIME))


def examine() -> Findings:
    """Try everything that TinyScene can use."""
    tried: list[tuple[str, str, Callable[[str], str]]] = [
        (LITERT, "running .tflite", _run_empty_model),
        (TFLITE_RUNTIME, "running .tflite", _run_empty_model),
        (ONNXRUNTIME, "running .onnx", _import),
        ("soundfile", "FLAC and other recordings", _import),
        ("sounddevice", "listen --microphone", _open_portaudio),
        ("torch", "training", _devices),
        ("litert-torch", "exporting .tflite", _installed),
    ]
    return Findings(tuple(_try(name, purpose, trial) for name, purpose, trial in tried))


def format_findings(findings: Findings) -> str:
    """A table of what was found, and a closing sentence."""
    rows = [[one.name, one.state, one.remark, one.needed_for] for one in findings.findings]
    return "\n".join(
        [
            f"TinyScene {version('tinyscene')}, Python {platform.python_version()}, "
            f"numpy {np.__version__}, {platform.system()} {platform.machine()}",
            "",
            format_table(["package", "state", "", "for"], rows),
            "",
            _conclusion(findings),
        ]
    )


def _conclusion(findings: Findings) -> str:
    broken = [one.name for one in findings.findings if one.state == BROKEN]
    if broken:
        return f"not sound: install {', '.join(broken)} again, or remove what nobody needs"
    if not findings.sound:
        return "not sound: no interpreter works; run: pip install ai-edge-litert"
    return "sound"


def _try(name: str, purpose: str, trial: Callable[[str], str]) -> Finding:
    if version(name) is None:
        return Finding(name, ABSENT, "not installed", purpose)
    try:
        return Finding(name, WORKS, trial(name), purpose)
    except (LoadError, InputError, ImportError, OSError, RuntimeError) as error:
        return Finding(name, BROKEN, " ".join(str(error).split()), purpose)


def _run_empty_model(backend: str) -> str:
    load(backend, EMPTY_MODEL).invoke()
    return _installed(backend)


def _import(name: str) -> str:
    __import__(name)
    return _installed(name)


def _open_portaudio(name: str) -> str:
    inputs = sum(1 for device in sounddevice().query_devices() if device["max_input_channels"])
    return f"{_installed(name)}, {inputs} microphones"


def _devices(name: str) -> str:
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return f"{_installed(name)}, {', '.join(gpus) or 'no GPU'}"


def _installed(name: str) -> str:
    return str(version(name))
