"""Where a project's programs are built and run: an emulated board, or this computer."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.errors import InputError
from deploy.files import make_folder
from deploy.mcu import emulator, toolchain
from deploy.mcu.boards import Board, board
from deploy.mcu.emulator import Emulator
from deploy.mcu.project import Project
from deploy.mcu.toolchain import Toolchain

TIMEOUT_S = 1200
"""For a program; 540 clips take a minute or two under emulation."""


class Machine(Protocol):
    """Builds a program of a project and runs it in a folder, where its files are."""

    def build(self, project: Project, program: str, folder: Path) -> Path: ...

    def run(self, program: Path, folder: Path) -> None: ...


@dataclass(frozen=True)
class EmulatedBoard:
    """A board of `deploy.mcu.boards`, under QEMU or unicorn."""

    board: Board
    toolchain: Toolchain
    emulator: Emulator
    defines: tuple[str, ...] = ()

    def build(self, project: Project, program: str, folder: Path) -> Path:
        """Compile a program for the board."""
        return toolchain.build(
            project.folder, self.board, program, self.toolchain, folder, self.defines
        )

    def run(self, program: Path, folder: Path) -> None:
        """Run a program under emulation."""
        emulator.run(program, self.board, folder, self.emulator, TIMEOUT_S)


@dataclass(frozen=True)
class Host:
    """This computer, with its own C compiler."""

    flags: tuple[str, ...] = ()

    def build(self, project: Project, program: str, folder: Path) -> Path:
        """Compile a program for this computer."""
        compiler = host_compiler()
        target = make_folder(folder).resolve() / f"{program}-host"
        sources = [*project.folder.glob("*.c"), project.folder / "port" / "host" / "host.c"]
        sources.append(project.folder / "programs" / f"{program}.c")
        command = [*compiler, "-std=c99", "-O2", "-Wall", "-Wextra", *self.flags]
        command += [f"-I{project.folder}", f"-I{project.folder / 'port'}"]
        command += [*map(str, sources), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            reason = next((line for line in done.stderr.splitlines() if "error" in line), "")
            raise InputError(f"{project.folder}: '{program}' cannot be compiled here: {reason}")
        return target

    def run(self, program: Path, folder: Path) -> None:
        """Run a program on this computer."""
        done = subprocess.run(
            [program], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["without a word"])[-1]
            raise InputError(f"{program.name} ended with code {done.returncode}: {reason}")


def host_compiler() -> list[str]:
    """The command of a C compiler for this computer.

    Raises:
        InputError: none is installed.
    """
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    return toolchain.compiler("zig")


def machine(name: str, chosen: Toolchain | None = None) -> Machine:
    """The machine of a board's name, or 'host'.

    Args:
        chosen: the toolchain; None takes gcc where it is installed, else zig.

    Raises:
        InputError: no such board, or none of its tools are installed.
    """
    return Host() if name == "host" else emulated_board(name, chosen)


def emulated_board(
    name: str, chosen: Toolchain | None = None, defines: tuple[str, ...] = ()
) -> EmulatedBoard:
    """A board under QEMU where that is installed, else under unicorn.

    Raises:
        InputError: as `machine`.
    """
    found = board(name)
    tools = chosen or (toolchain.installed() or ["zig"])[0]
    emulators = emulator.installed(found)
    if not emulators:
        raise InputError(
            f"board {name}: no emulator of it is installed; get one by "
            + ("'apt-get install qemu-system-arm'" if found.in_qemu else "'pip install unicorn'")
            + "."
        )
    return EmulatedBoard(found, tools, emulators[0], defines)
