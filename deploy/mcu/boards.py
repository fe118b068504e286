"""The boards that a generated project can be built for, and the files that describe them in C."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from deploy.errors import InputError, suggestion
from deploy.files import write_text

KIB = 1024
EMULATED_INSTRUCTIONS_PER_SECOND = 15_625_000
"""An instruction takes 64 ns under `qemu-system-arm -icount shift=6`."""


@dataclass(frozen=True)
class Memory:
    """A range of addresses: its first, and how many bytes there are."""

    origin: int
    bytes: int


@dataclass(frozen=True)
class Board:
    """A microcontroller.

    Attributes:
        name: as the user writes it; also QEMU's name of the machine, where QEMU has it.
        core: the processor in words.
        flags: of gcc, for the processor.
        zig_processor: what zig wants after -mcpu=.
        in_qemu: whether QEMU emulates it.
        unicorn_processor: the end of unicorn's UC_CPU_ARM_ constant, or None where it has none.
        flash: where program and weights go.
        ram: where variables and the stack go.
        timer_hz: rate of SysTick in QEMU, or None where the board is not in QEMU.
    """

    name: str
    core: str
    flags: tuple[str, ...]
    zig_processor: str
    in_qemu: bool
    unicorn_processor: str | None
    flash: Memory
    ram: Memory
    timer_hz: int | None

    @property
    def hard_float(self) -> bool:
        """Whether the processor has registers for floating point."""
        return "-mfloat-abi=hard" in self.flags


BOARDS = (
    Board(
        name="mps2-an386",
        core="Cortex-M4",
        flags=("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
        zig_processor="cortex_m4+vfp4d16sp",
        in_qemu=True,
        unicorn_processor="CORTEX_M4",
        flash=Memory(0x0000_0000, 4096 * KIB),
        ram=Memory(0x2000_0000, 4096 * KIB),
        timer_hz=25_000_000,
    ),
    Board(
        name="mps2-an500",
        core="Cortex-M7",
        flags=("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"),
        zig_processor="cortex_m7+fp_armv8d16",
        in_qemu=True,
        unicorn_processor="CORTEX_M7",
        flash=Memory(0x0000_0000, 4096 * KIB),
        ram=Memory(0x2000_0000, 4096 * KIB),
        timer_hz=25_000_000,
    ),
    Board(
        name="mps2-an505",
        core="Cortex-M33",
        flags=("-mcpu=cortex-m33", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
        zig_processor="cortex_m33+dsp+fp_armv8d16sp",
        in_qemu=True,
        unicorn_processor="CORTEX_M33",
        flash=Memory(0x1000_0000, 4096 * KIB),
        ram=Memory(0x3800_0000, 4096 * KIB),
        timer_hz=20_000_000,
    ),
    Board(
        name="mps3-an547",
        core="Cortex-M55 with vectors (MVE)",
        flags=("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"),
        zig_processor="cortex_m55+dsp+mve_fp+fp_armv8d16+fullfp16+lob",
        in_qemu=True,
        unicorn_processor=None,
        flash=Memory(0x0000_0000, 512 * KIB),
        ram=Memory(0x2000_0000, 512 * KIB),
        timer_hz=32_000_000,
    ),
    Board(
        name="netduinoplus2",
        core="Cortex-M4, STM32F405",
        flags=("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
        zig_processor="cortex_m4+vfp4d16sp",
        in_qemu=True,
        unicorn_processor="CORTEX_M4",
        flash=Memory(0x0800_0000, 1024 * KIB),
        ram=Memory(0x2000_0000, 128 * KIB),
        timer_hz=168_000_000,
    ),
    Board(
        name="cortex-m0plus",
        core="Cortex-M0+ with the memory of an RP2040",
        flags=("-mcpu=cortex-m0plus", "-mthumb", "-mfloat-abi=soft"),
        zig_processor="cortex_m0plus",
        in_qemu=False,
        unicorn_processor="CORTEX_M0",
        flash=Memory(0x1000_0000, 2048 * KIB),
        ram=Memory(0x2000_0000, 264 * KIB),
        timer_hz=None,
    ),
)


def board(name: str) -> Board:
    """The board of that name.

    Raises:
        InputError: there is none.
    """
    for known in BOARDS:
        if known.name == name:
            return known
    names = [known.name for known in BOARDS]
    raise InputError(
        f"'{name}' is not a board; expected one of {', '.join(names)}{suggestion(name, names)}"
    )


def board_files() -> dict[str, str]:
    """Texts of port/<board>/board.h, board.ld and flags of each board, by their place."""
    texts = {}
    for known in BOARDS:
        folder = f"port/{known.name}"
        texts[f"{folder}/board.h"] = board_header(known)
        texts[f"{folder}/board.ld"] = linker_script(known)
        texts[f"{folder}/flags"] = " ".join(known.flags) + "\n"
    return texts


def write_board_files(project: Path) -> None:
    """Write the files of all boards into a generated project.

    Raises:
        InputError: a file cannot be written.
    """
    for name, text in board_files().items():
        write_text(project / name, text)


def board_header(known: Board) -> str:
    """The text of board.h: the ratio of timer ticks to emulated instructions."""
    ratio = Fraction(EMULATED_INSTRUCTIONS_PER_SECOND, known.timer_hz) if known.timer_hz else None
    instructions, ticks = ratio.as_integer_ratio() if ratio else (0, 1)
    why = f"{known.timer_hz:,} Hz, 64 ns an instruction" if known.timer_hz else "nothing counts"
    return (
        f"/* {known.name}: {known.core}. */\n"
        "#ifndef BOARD_H\n"
        "#define BOARD_H\n"
        "\n"
        f"/* So many ticks of SysTick take as long as so many instructions: {why}. */\n"
        f"#define BOARD_TICKS {ticks}u\n"
        f"#define BOARD_INSTRUCTIONS {instructions}u\n"
        "\n"
        "#endif\n"
    )


def linker_script(known: Board) -> str:
    """The text of board.ld: the memory that there really is."""
    return (
        f"/* {known.name}: {known.core}. */\n"
        "MEMORY\n"
        "{\n"
        f"    FLASH (rx) : {_range(known.flash)}\n"
        f"    RAM (rwx) : {_range(known.ram)}\n"
        "}\n"
        "\n"
        "INCLUDE port/cortex_m/sections.ld\n"
    )


def _range(memory: Memory) -> str:
    return f"ORIGIN = 0x{memory.origin:08X}, LENGTH = {memory.bytes // KIB}K"
