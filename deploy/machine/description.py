"""What the machine tells of itself, for records and reports."""

from __future__ import annotations

import os
import platform
import struct
from pathlib import Path
from typing import Any

import numpy as np

from deploy.machine.emulation import emulated, virtual_machine
from deploy.machine.system_files import ROOT, read_bytes_field, read_fields, read_text

ARM_PARTS = {
    "0xb76": "ARM1176",
    "0xc07": "Cortex-A7",
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd08": "Cortex-A72",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
}
"""Arm's part numbers, which its kernels give instead of a name."""

THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that numpy's matrix products obey, whatever --threads says."""


def describe(root: Path = ROOT) -> dict[str, Any]:
    """Board, processor, cores, memory, system and versions; None for what is not told.

    Args:
        root: folder above proc, sys and etc.
    """
    return {
        "board": board(root),
        "processor": processor(root),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "memory_bytes": read_bytes_field(root / "proc/meminfo", "MemTotal"),
        "emulated": emulated(root),
        "virtual_machine": virtual_machine(root),
        "system": platform.platform(),
        "distribution": distribution(root),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "python_bits": struct.calcsize("P") * 8,
        "numpy": np.__version__,
        "thread_settings": {k: os.environ[k] for k in THREAD_SETTINGS if k in os.environ},
    }


def board(root: Path = ROOT) -> str | None:
    """Such as 'Raspberry Pi 5 Model B Rev 1.0', or a PC's maker and product."""
    if model := read_text(root / "proc/device-tree/model"):
        return model
    dmi = root / "sys/class/dmi/id"
    words = [read_text(dmi / name) for name in ("sys_vendor", "product_name")]
    return " ".join(word for word in words if word) or None


def processor(root: Path = ROOT) -> str:
    """The processor's name; the board's where Linux tells only that; '' if nothing is known."""
    fields = read_fields(root / "proc/cpuinfo")
    part = ARM_PARTS.get(fields.get("CPU part", ""), "")
    return fields.get("model name") or part or fields.get("Model") or platform.processor()


def usable_cores() -> int | None:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def distribution(root: Path = ROOT) -> str | None:
    """Such as 'Debian GNU/Linux 12 (bookworm)'."""
    name = read_fields(root / "etc/os-release", "=").get("PRETTY_NAME", "")
    return name.strip("\"'") or None
