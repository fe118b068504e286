"""Where a figure was measured: machine, versions and commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path


def describe(*packages: str) -> str:
    """One line each for the machine, the versions of Python and of `packages`, and the commit."""
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"machine: {_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
        f"versions: Python {platform.python_version()}, {versions}\n"
        f"commit: {_commit()}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()} ({platform.machine()})"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    folder = Path(__file__).parent
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
