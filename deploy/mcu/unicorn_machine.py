"""A board made of unicorn's processor and two pieces of memory."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from deploy.mcu.boards import Board
from deploy.mcu.elf import segments
from deploy.mcu.semihosting import FAULT, STACK_OVERFLOW, Semihosting

SYSTEM_CONTROL, SYSTEM_CONTROL_BYTES = 0xE000_E000, 0x1000
BREAKPOINT = 7
BREAKPOINT_BYTES = 2
THUMB = 1


def run_machine(elf: Path, board: Board, folder: Path, timeout_s: float) -> int | None:
    """Run a program, without timer or interrupts.

    Args:
        elf: a program built for `board`.
        board: one that unicorn has a processor for.
        folder: the only place where the program can read and write files.
        timeout_s: seconds after which it is stopped.

    Returns:
        The program's exit code; port.h's code of a fault where one stopped it; None where it was
        still running.
    """
    from unicorn import UC_HOOK_INTR, arm_const
    from unicorn.unicorn import UcError

    machine = _machine(elf, board)
    semihosting = Semihosting(
        folder, lambda address, count: bytes(machine.mem_read(address, count)), machine.mem_write
    )
    faults: list[int] = []

    def interrupt(_: Any, number: int, __: Any) -> None:
        if number != BREAKPOINT:
            faults.append(number)
            machine.emu_stop()
            return
        operation = machine.reg_read(arm_const.UC_ARM_REG_R0)
        result = semihosting.call(operation, machine.reg_read(arm_const.UC_ARM_REG_R1))
        machine.reg_write(arm_const.UC_ARM_REG_R0, result & 0xFFFF_FFFF)
        behind = machine.reg_read(arm_const.UC_ARM_REG_PC) + BREAKPOINT_BYTES
        machine.reg_write(arm_const.UC_ARM_REG_PC, behind | THUMB)
        if semihosting.exit_code is not None:
            machine.emu_stop()

    machine.hook_add(UC_HOOK_INTR, interrupt)
    stack, start = struct.unpack("<2I", machine.mem_read(board.flash.origin, 8))
    machine.reg_write(arm_const.UC_ARM_REG_SP, stack)
    try:
        machine.emu_start(start | THUMB, 0, timeout=int(timeout_s * 1e6))
    except UcError as error:
        faults.append(error.errno)
    finally:
        semihosting.close()
    if faults:
        in_stack = machine.reg_read(arm_const.UC_ARM_REG_SP) >= board.ram.origin
        return FAULT if in_stack else STACK_OVERFLOW
    return semihosting.exit_code


def _machine(elf: Path, board: Board) -> Any:
    """The processor with its memory, the program loaded."""
    import unicorn
    from unicorn import arm_const
    from unicorn.unicorn import Uc

    machine = Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    machine.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_{board.unicorn_processor}"))
    readable = unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC
    machine.mem_map(board.flash.origin, board.flash.bytes, readable)
    machine.mem_map(board.ram.origin, board.ram.bytes, readable | unicorn.UC_PROT_WRITE)
    machine.mmio_map(SYSTEM_CONTROL, SYSTEM_CONTROL_BYTES, _read_zero, None, _ignore, None)
    for address, content in segments(elf):
        machine.mem_write(address, content)
    return machine


def _read_zero(*_: Any) -> int:
    return 0


def _ignore(*_: Any) -> None:
    pass
