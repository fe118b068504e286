"""Where a figure was measured: machine, versions and commit."""

from __future__ import annotations

import os
from importlib.metadata import version

from baseline.run import commit
from deploy.machine.description import describe as describe_machine


def describe(*packages: str) -> str:
    """One line each for the machine, the versions of Python and of `packages`, and the commit."""
    machine = describe_machine()
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"machine: {machine['processor']}, {machine['cores']} cores, "
        f"load {os.getloadavg()[0]:.1f}\n"
        f"versions: Python {machine['python']}, {versions}\n"
        f"commit: {commit()}"
    )
