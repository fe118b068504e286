"""From a generated project to a program for a board, with gcc or with zig."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from deploy.errors import InputError
from deploy.files import make_folder
from deploy.mcu.boards import Board

Toolchain = Literal["gcc", "zig"]

GCC = "arm-none-eabi-gcc"
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-ffunction-sections", "-fdata-sections")
LINKER_FLAGS = ("-nostartfiles", "-Wl,--gc-sections")
ZIG_FLAGS = (
    "-fhosted",  # zig forbids the compiler to know memcpy, which costs half the speed
    "-fomit-frame-pointer",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-g0",
)
ERROR = re.compile(r"error:|Error:|undefined reference")
OVERFLOWS = (
    re.compile(r"region `(?P<region>\w+)' overflowed by (?P<bytes>\d+) bytes"),
    re.compile(r"will not fit in region '(?P<region>\w+)': overflowed by (?P<bytes>\d+) bytes"),
)


def compiler(toolchain: Toolchain) -> list[str]:
    """The command that a compilation starts with.

    Args:
        toolchain: 'gcc', arm-none-eabi-gcc on the PATH, or 'zig', the package ziglang.

    Raises:
        InputError: it is not installed.
    """
    if toolchain == "gcc":
        found = shutil.which(GCC)
        if found is None:
            raise InputError(
                f"{GCC} was not found, which builds for microcontrollers; get it by 'apt-get "
                "install gcc-arm-none-eabi libnewlib-arm-none-eabi', or build with zig."
            )
        return [found]
    if importlib.util.find_spec("ziglang") is None:
        raise InputError(
            "the package ziglang was not found, which builds for microcontrollers; get it by "
            "\"pip install 'tinyscene[mcu]'\", or build with gcc."
        )
    return [sys.executable, "-m", "ziglang", "cc"]


def installed() -> list[Toolchain]:
    """The toolchains that are there, the one with the quicker programs first."""
    found: list[Toolchain] = []
    if shutil.which(GCC):
        found.append("gcc")
    if importlib.util.find_spec("ziglang"):
        found.append("zig")
    return found


def build(
    project: Path,
    board: Board,
    program: str,
    toolchain: Toolchain,
    folder: Path,
    defines: Sequence[str] = (),
    optimisation: str = "-O2",
) -> Path:
    """Compile a program of a generated project.

    Args:
        project: the generated project.
        board: what to build for.
        program: a file of `project`/programs without its ending, for example 'network'.
        toolchain: what to build with.
        folder: where the result goes; made if need be.
        defines: names for the preprocessor, with or without '=value'.
        optimisation: the compiler's flag.

    Returns:
        The ELF file, `folder`/<program>-<board>.elf.

    Raises:
        InputError: no such project or compiler, an error in the C code, or a board that is too
            small.
    """
    command = compiler(toolchain)
    elf = make_folder(folder).resolve() / f"{program}-{board.name}.elf"
    sources = _sources(project, program)
    script = _linker_script(project, board, toolchain, elf)
    command += _target(board, toolchain)
    command += [*FLAGS, optimisation, *(f"-D{name}" for name in defines)]
    command += ["-I.", "-Iport", f"-Iport/{board.name}", *sources]
    command += [*LINKER_FLAGS, "-T", str(script), "-o", str(elf)]
    result = subprocess.run(
        command,
        cwd=project,
        env={**os.environ, "LC_ALL": "C"},  # messages in English
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode != 0:
        raise InputError(_failure(result.stderr, project, program, board))
    return elf


def _sources(project: Path, program: str) -> list[str]:
    main = project / "programs" / f"{program}.c"
    if not main.is_file():
        raise InputError(f"{main}: does not exist; generate the project again.")
    shared = [*project.glob("*.c"), *(project / "port" / "cortex_m").glob("*.c")]
    return [path.relative_to(project).as_posix() for path in [*sorted(shared), main]]


def _target(board: Board, toolchain: Toolchain) -> list[str]:
    if toolchain == "gcc":
        return list(board.flags)
    abi = "eabihf" if board.hard_float else "eabi"
    target = ["-target", f"thumb-freestanding-{abi}", f"-mcpu={board.zig_processor}"]
    return [*target, *ZIG_FLAGS, "-isystem", "port/zig"]


def _linker_script(project: Path, board: Board, toolchain: Toolchain, elf: Path) -> Path:
    """The board's script as the linker wants it; zig's linker does not find what is included."""
    script = project / "port" / board.name / "board.ld"
    if not script.is_file():
        raise InputError(f"{script}: does not exist; generate the project again.")
    if toolchain == "gcc":
        return script.relative_to(project)
    text = re.sub(
        r"^INCLUDE (.+)$",
        lambda name: (project / name[1]).read_text(),
        script.read_text(),
        flags=re.M,
    )
    whole = elf.with_suffix(".ld")
    whole.write_text(text)
    return whole


def _failure(messages: str, project: Path, program: str, board: Board) -> str:
    overflow = _overflow(messages)
    if overflow is not None:
        region, missing = overflow
        limit = {"FLASH": board.flash, "RAM": board.ram}[region].bytes
        memory = {"FLASH": "flash", "RAM": "RAM"}[region]
        return (
            f"board {board.name}: {memory} is too small by {missing:,} bytes for '{program}': "
            f"{limit + missing:,} needed, {limit:,} there; choose a larger board or a smaller "
            "network."
        )
    lines = messages.splitlines() or ["the compiler said nothing"]
    first = next((line for line in lines if ERROR.search(line)), lines[-1])
    return f"{project}: '{program}' cannot be compiled for {board.name}: {first.strip()}"


def _overflow(messages: str) -> tuple[str, int] | None:
    """Region and bytes of the largest overflow that the linker reports."""
    found = [match for pattern in OVERFLOWS for match in pattern.finditer(messages)]
    if not found:
        return None
    worst = max(found, key=lambda match: int(match["bytes"]))
    return worst["region"], int(worst["bytes"])
