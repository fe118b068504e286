"""Running a program of a generated project on an emulated board."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deploy.errors import InputError
from deploy.mcu.boards import Board
from deploy.mcu.semihosting import FAULT, INTERRUPT, NO_FILE, SHORT_FILE, STACK_OVERFLOW

Emulator = Literal["qemu", "unicorn"]

QEMU = "qemu-system-arm"
QEMU_OPTIONS = (
    *("-nographic", "-monitor", "none", "-serial", "null"),
    *("-semihosting-config", "enable=on,target=native"),
    *("-icount", "shift=6"),
)

FAILURES = {
    NO_FILE: "cannot open or write one of its files; put inputs.bin into the folder it runs in",
    SHORT_FILE: "found a file that ends within a record; its length must be a multiple of one",
    FAULT: "was stopped by a fault: an instruction or an address that the board does not have; "
    "if you changed no C code, report this as a defect of the generator",
    STACK_OVERFLOW: "needs more stack; define STACK_BYTES for port/cortex_m/startup.c",
    INTERRUPT: "was stopped by an interrupt that nothing handles",
}


@dataclass(frozen=True)
class Run:
    """A program that ended well.

    Attributes:
        emulator: what it ran on.
        seconds: how long the emulation took on this computer.
        counted: whether the files of counts that it wrote hold instructions, or only zeros.
    """

    emulator: Emulator
    seconds: float
    counted: bool


def run(elf: Path, board: Board, folder: Path, emulator: Emulator, timeout_s: float = 60.0) -> Run:
    """Run a program until it ends by itself.

    Args:
        elf: a program built for `board`.
        board: what to emulate.
        folder: where the program reads and writes its files. Under unicorn it can reach no others;
            under QEMU it could.
        emulator: 'qemu', which counts instructions, or 'unicorn', which does not.
        timeout_s: seconds after which it is taken to hang.

    Returns:
        How it went; what the program wrote lies in `folder`.

    Raises:
        InputError: no such emulator, or not for this board; a program that hangs, faults or ends
            with another exit code than 0.
    """
    start = time.perf_counter()
    if emulator == "qemu":
        code = _run_in_qemu(elf, board, folder, timeout_s)
    else:
        code = _run_in_unicorn(elf, board, folder, timeout_s)
    if code is None:
        raise InputError(
            f"{elf.name}: did not end within {timeout_s:g} s on {board.name} under {emulator}; "
            "look for an endless loop in the C code, or allow more time."
        )
    if code != 0:
        reason = FAILURES.get(code, f"ended with exit code {code}; expected 0")
        raise InputError(f"{elf.name}: on {board.name} under {emulator} it {reason}.")
    return Run(emulator, time.perf_counter() - start, counted=emulator == "qemu")


def installed(board: Board) -> list[Emulator]:
    """The emulators that are there for this board, the one that counts instructions first."""
    found: list[Emulator] = []
    if board.in_qemu and shutil.which(QEMU):
        found.append("qemu")
    if board.unicorn_processor and importlib.util.find_spec("unicorn"):
        found.append("unicorn")
    return found


def _run_in_qemu(elf: Path, board: Board, folder: Path, timeout_s: float) -> int | None:
    """The exit code, or None for a program that hangs."""
    if not board.in_qemu:
        raise InputError(f"QEMU has no board like {board.name}; run it under unicorn.")
    program = shutil.which(QEMU)
    if program is None:
        raise InputError(
            f"{QEMU} was not found, which emulates {board.name}; get it by 'apt-get install "
            f"qemu-system-arm'{', or use unicorn' if board.unicorn_processor else ''}."
        )
    command = [program, "-M", board.name, *QEMU_OPTIONS, "-kernel", str(elf.resolve())]
    try:
        result = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return None
    if result.returncode < 0 or (result.returncode and result.stderr.startswith(QEMU)):
        last = (result.stderr.strip().splitlines() or ["no message"])[0]
        raise InputError(f"{elf.name}: QEMU gave up on {board.name}: {last}")
    return result.returncode


def _run_in_unicorn(elf: Path, board: Board, folder: Path, timeout_s: float) -> int | None:
    """The exit code, or None for a program that hangs."""
    if board.unicorn_processor is None:
        raise InputError(f"unicorn has no {board.core}; run {board.name} under QEMU.")
    if importlib.util.find_spec("unicorn") is None:
        raise InputError(
            f"the package unicorn was not found, which emulates {board.name}; get it by "
            f"\"pip install 'tinyscene[mcu]'\"{', or use QEMU' if board.in_qemu else ''}."
        )
    from deploy.mcu.unicorn_machine import run_machine

    return run_machine(elf, board, folder, timeout_s)
