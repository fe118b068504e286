"""arm64 without an arm64 machine: Debian's Python, aarch64 wheels, and QEMU to run them.

A folder takes what Python needs out of Debian's packages. Nothing is installed, no script of a
package runs, and nobody needs to be root. Speed under emulation says nothing about a Raspberry Pi.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from conftest import ROOT

from deploy.interpreters import LITERT, ONNXRUNTIME, TFLITE_RUNTIME

QEMU = "qemu-aarch64-static"

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

NEEDED = {
    QEMU: "qemu-user-static",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    KEYRING: "debian-archive-keyring",
}
"""Programs and files, and Debian's packages that bring them."""

DEBIAN = f"deb [arch=arm64 signed-by={KEYRING}] http://deb.debian.org/debian bookworm main\n"
PACKAGES = ("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6")
"""Of the release that Raspberry Pi OS followed with Python 3.11; apt adds what they depend on."""

PLATFORMS = [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(17, 37)]
"""What that release, with glibc 2.36, can load."""

PROCESSORS = {"cortex-a72": "0xd08", "cortex-a76": "0xd0b"}
"""Those of a Raspberry Pi 4 and a 5, which has instructions for products of int8; part numbers."""

CORES = 4

EXTRAS = {LITERT: "pi", TFLITE_RUNTIME: "pi-tflite-runtime"}
"""What people install on a Pi for each interpreter; onnxruntime is not among it."""

CONSTRAINTS = {TFLITE_RUNTIME: "docker/constraints-tflite-runtime.txt"}

UNRESOLVED = re.compile("ResolutionImpossible|No matching distribution")
"""pip's last words where there is no such wheel, but also where the index does not answer."""

TIME_LIMIT_SECONDS = 300


class UnavailableError(Exception):
    """A download failed; the tool's own last words."""


@dataclass(frozen=True)
class Machine:
    """An emulated machine with one interpreter installed."""

    root: Path
    packages: Path
    processor: str

    def python(self, *arguments: str | Path) -> str:
        """What a Python program prints there.

        Raises:
            AssertionError: it failed; with what it said.
        """
        describe_processor(self.root, self.processor)
        program = self.root / "usr/bin/python3.11"
        command = [QEMU, program, "-s", *arguments]
        environment = {
            "PATH": "/usr/bin",
            "QEMU_CPU": self.processor,
            "QEMU_LD_PREFIX": str(self.root),
            "PYTHONPATH": f"{self.packages}:{ROOT}",
            "PYTHONPYCACHEPREFIX": f"{self.packages}.pyc",
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS
        )
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stderr[-4000:]}"
        return done.stdout


def missing() -> list[str]:
    """Debian's packages that have to be installed first."""
    return [package for name, package in NEEDED.items() if not shutil.which(name, os.F_OK)]


def machine(folder: Path, interpreter: str, processor: str) -> Machine:
    """An emulated machine, made in a folder unless it is there.

    Raises:
        UnavailableError: Debian or the package index does not answer.
        AssertionError: the index answers, but what is needed cannot be installed.
    """
    root = _made_once(folder / "debian", _unpack_debian)
    wanted = _requirements(interpreter)
    pins = ROOT / CONSTRAINTS.get(interpreter, "constraints.txt")
    name = hashlib.sha256(f"{wanted}{pins.read_text()}".encode()).hexdigest()[:8]
    packages = _made_once(
        folder / f"{interpreter}-{name}", lambda target: _install_wheels(target, wanted, pins)
    )
    return Machine(root, packages, processor)


def describe_processor(root: Path, processor: str) -> None:
    """Write what the kernel of a machine with that processor would tell.

    QEMU 7 shows programs the host's files where there are none here; onnxruntime crashes by them
    when imported, and XNNPACK when it looks for the kind of core.
    """
    core = {
        "BogoMIPS": "108.00",
        "Features": "fp asimd evtstrm crc32 cpuid",
        "CPU implementer": "0x41",
        "CPU architecture": "8",
        "CPU variant": "0x0",
        "CPU part": PROCESSORS[processor],
        "CPU revision": "3",
    }
    lines = "".join(f"{key}\t: {value}\n" for key, value in core.items())
    cores = "\n".join(f"processor\t: {index}\n{lines}" for index in range(CORES))
    _write(root / "proc/cpuinfo", cores)
    for name in ("possible", "present", "online"):
        _write(root / "sys/devices/system/cpu" / name, f"0-{CORES - 1}\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _requirements(interpreter: str) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    own = extras[EXTRAS[interpreter]] if interpreter in EXTRAS else [ONNXRUNTIME]
    # pip would answer the conditions for the Python that it runs on.
    return [line.partition(";")[0].strip() for line in [*project["dependencies"], *own]]


def _made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """A folder that is there only when it is complete."""
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent) as temporary:
            unfinished = Path(temporary) / target.name
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(target)
    return target


def _unpack_debian(target: Path) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        apt = ["apt-get", "-q", *_apt_options(folder)]
        _download([*apt, "update"])
        _download([*apt, "install", "--yes", "--no-install-recommends", "-d", *PACKAGES])
        for package in folder.glob("cache/archives/*.deb"):
            subprocess.run(["dpkg-deb", "--extract", package, target], check=True)


def _apt_options(folder: Path) -> list[str]:
    """apt as on an empty arm64 machine, with all its files in a folder of its own."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    _write(folder / "status", "")
    _write(folder / "sources.list", DEBIAN)
    settings = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
    }
    return [f"-o{name}={value}" for name, value in settings.items()]


def _install_wheels(target: Path, wanted: list[str], pins: Path) -> None:
    try:
        _pip(target, "--constraint", pins, *wanted)
    except UnavailableError as error:
        if not UNRESOLVED.search(str(error)):
            raise
        with TemporaryDirectory() as folder:  # does the index answer at all?
            _pip(Path(folder), "--no-deps", "numpy")
        raise AssertionError(f"{wanted} cannot be installed on arm64: {error}") from error


def _pip(target: Path, *arguments: str | Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", target]
    kind = ["--only-binary=:all:", *PLATFORMS, "--python-version=3.11", "--implementation=cp"]
    _download([*pip, *kind, *arguments])


def _download(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise UnavailableError(f"no arm64 packages to be had: {said.splitlines()[-1]}")
