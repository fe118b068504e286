"""Boards, compilers and emulators, tried on a stand-in for a generated network."""

from __future__ import annotations

import importlib.util
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deploy.errors import InputError
from deploy.mcu import emulator, toolchain
from deploy.mcu.boards import BOARDS, Board, board, write_board_files
from deploy.mcu.elf import segments, sizes, symbol_sizes
from deploy.mcu.semihosting import CLOSE, EXIT_EXTENDED, OPEN, READ, WRITE, Semihosting

C_FILES = Path(toolchain.__file__).parent / "c"
ROWS, COLUMNS, OUTPUTS = 4, 5, 4
RECORDS = 3
COUNTED_LOOPS = 9_000_000
INSTRUCTIONS_OF_A_LOOP = 2

MODEL_H = """\
#ifndef MODEL_H
#define MODEL_H
#include <stdint.h>
#define MODEL_INPUT_ROWS 4
#define MODEL_INPUT_COLUMNS 5
#define MODEL_INPUT_CHANNELS 1
#define MODEL_INPUT_BYTES 20
#define MODEL_OUTPUT_SIZE 4
#define MODEL_LAYERS 2
#if !defined(MODEL_ARENA_BYTES)
#define MODEL_ARENA_BYTES 64
#endif
extern uint8_t model_arena[MODEL_ARENA_BYTES];
void model_run(const int8_t input[MODEL_INPUT_BYTES], int8_t output[MODEL_OUTPUT_SIZE]);
void model_layer_begin(int layer);
void model_layer_end(int layer);
#endif
"""

# Sums and a product in floating point, so that registers of it are used; a division of 64 bits, so
# that the compiler's own library is; a variable with a first value, and one that begins at 0.
MODEL_C = """\
#include "model.h"
#include <string.h>

#if !defined(MODEL_PROFILE)
#define model_layer_begin(layer) ((void)0)
#define model_layer_end(layer) ((void)0)
#endif

uint8_t model_arena[MODEL_ARENA_BYTES];
volatile int runs_so_far;
volatile int seven = 7;
volatile float half = 0.5f;
volatile uint64_t large = 1000000007000000049u;

#if defined(TABLE_BYTES)
const uint8_t table[TABLE_BYTES] = {1};
#else
const uint8_t table[1] = {1};
#endif

#if defined(LOOPS)
static void count_loops(int loops)
{
    __asm__ volatile(".syntax unified\\n"
                     ".balign 4\\n"
                     "1: subs %0, %0, #1\\n"
                     "bne 1b"
                     : "+l"(loops)::"cc");
}
#endif

__attribute__((noinline)) static int misbehave(int depth)
{
#if defined(TRAP)
    __builtin_trap();
#elif defined(BAD_ADDRESS)
    *(volatile uint32_t *)0x90000000u = 1;
#elif defined(DEEP)
    volatile char frame[512];
    frame[depth % 512] = 1;
    return frame[depth % 512] + misbehave(depth + 1) + frame[0];
#elif defined(ENDLESS)
    while (seven == 7) {
    }
#endif
    return depth;
}

void model_run(const int8_t input[MODEL_INPUT_BYTES], int8_t output[MODEL_OUTPUT_SIZE])
{
    (void)misbehave(seven);
    memcpy(model_arena, input, MODEL_INPUT_BYTES);
    model_layer_begin(0);
#if defined(LOOPS)
    if (runs_so_far == 0) {
        count_loops(LOOPS);
    }
#endif
    model_layer_end(0);
    model_layer_begin(1);
    int sum = 0;
    float sum_of_halves = 0;
    for (int i = 0; i < MODEL_INPUT_BYTES; i++) {
        sum += (int8_t)model_arena[i];
        sum_of_halves += half * (float)input[i];
    }
    output[0] = (int8_t)(sum & 127);
    output[1] = (int8_t)((int)(sum_of_halves * 2.0f) & 127);
    output[2] = (int8_t)(seven + runs_so_far + table[(unsigned)runs_so_far % sizeof table]);
    runs_so_far++;
    output[3] = (int8_t)(large / (1000000007u + (uint64_t)runs_so_far));
    model_layer_end(1);
}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stand_in")
    for name in ("port", "programs"):
        shutil.copytree(C_FILES / name, folder / name)
    (folder / "programs" / "waves.c").unlink(missing_ok=True)
    for name in ("Makefile", "CMakeLists.txt"):
        text = (C_FILES / name).read_text().replace("@BOARD@", "mps2-an386")
        (folder / name).write_text(text)
    (folder / "model.h").write_text(MODEL_H)
    (folder / "model.c").write_text(MODEL_C)
    write_board_files(folder)
    (folder / "golden").mkdir()
    (folder / "golden" / "inputs.bin").write_bytes(inputs().tobytes())
    (folder / "golden" / "outputs.bin").write_bytes(expected_outputs().tobytes())
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inputs.bin").write_bytes(inputs().tobytes())
    return tmp_path


Firmware = Callable[..., Path]


@pytest.fixture(scope="module")
def firmware(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    """A function that builds a program of the stand-in once for each way of building it."""
    built: dict[tuple, Path] = {}

    def build(board: Board, compiler: toolchain.Toolchain, program: str, *defines: str) -> Path:
        key = (board.name, compiler, program, defines)
        if key not in built:
            target = tmp_path_factory.mktemp("built")
            built[key] = toolchain.build(project, board, program, compiler, target, defines)
        return built[key]

    return build


def inputs() -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(-128, 128, (RECORDS, ROWS * COLUMNS)).astype(np.int8)


def expected_outputs() -> np.ndarray:
    sums = inputs().astype(int).sum(axis=1)
    runs = np.arange(RECORDS)
    quotients = 1_000_000_007_000_000_049 // (1_000_000_008 + runs)
    both = sums & 127
    return np.stack([both, both, 7 + runs + 1, quotients], axis=1).astype(np.int8)


def skip_without(compiler: str, machine: str) -> None:
    if compiler == "gcc" and not shutil.which(toolchain.GCC):
        pytest.skip(f"no {toolchain.GCC} on this computer")
    if compiler == "zig" and not importlib.util.find_spec("ziglang"):
        pytest.skip("no ziglang in this environment")
    if machine == "qemu" and not shutil.which(emulator.QEMU):
        pytest.skip(f"no {emulator.QEMU} on this computer")
    if machine == "unicorn" and not importlib.util.find_spec("unicorn"):
        pytest.skip("no unicorn in this environment")


def combinations() -> list:
    """Each board with each compiler and each emulator that has it."""
    return [
        pytest.param(board, compiler, machine, id=f"{board.name}-{compiler}-{machine}")
        for board in BOARDS
        for compiler in ("gcc", "zig")
        for machine, has in (("qemu", board.in_qemu), ("unicorn", board.unicorn_processor))
        if has
    ]


ON_A_BOARD = pytest.mark.parametrize(
    ("compiler", "machine"),
    [("gcc", "qemu"), ("zig", "qemu"), ("gcc", "unicorn"), ("zig", "unicorn")],
)
M4 = board("mps2-an386")


@pytest.mark.parametrize(("board", "compiler", "machine"), combinations())
def test_outputs_and_counts(
    board: Board, compiler: str, machine: str, firmware: Firmware, folder: Path
) -> None:
    skip_without(compiler, machine)
    elf = firmware(board, compiler, "network", f"LOOPS={COUNTED_LOOPS}")
    result = emulator.run(elf, board, folder, machine)
    outputs = np.fromfile(folder / "outputs.bin", np.int8).reshape(RECORDS, OUTPUTS)
    np.testing.assert_array_equal(outputs, expected_outputs())
    (count,) = struct.unpack("<Q", (folder / "counts.bin").read_bytes())
    assert result.counted == (machine == "qemu")
    if not result.counted:
        assert count == 0
        return
    beside_the_loop = count - INSTRUCTIONS_OF_A_LOOP * COUNTED_LOOPS
    assert 100 < beside_the_loop < 2000
    emulator.run(elf, board, folder, machine)
    assert (folder / "counts.bin").read_bytes() == struct.pack("<Q", count)


@pytest.mark.parametrize("name", ["mps2-an386", "netduinoplus2"])
def test_instructions_by_layer(name: str, firmware: Firmware, folder: Path) -> None:
    skip_without("gcc", "qemu")
    elf = firmware(board(name), "gcc", "profile", f"LOOPS={COUNTED_LOOPS}", "MODEL_PROFILE")
    emulator.run(elf, board(name), folder, "qemu")
    loop, sums = np.fromfile(folder / "layers.bin", np.uint64).astype(int)
    assert 0 <= loop - INSTRUCTIONS_OF_A_LOOP * COUNTED_LOOPS < 300
    assert 100 < sums < 2000


@ON_A_BOARD
@pytest.mark.parametrize(
    ("define", "reason"),
    [
        ("TRAP", "stopped by a fault"),
        ("BAD_ADDRESS", "stopped by a fault"),
        ("DEEP", "needs more stack"),
        ("ENDLESS", "did not end within 0.5 s"),
    ],
)
def test_firmware_that_does_not_end_well(
    define: str, reason: str, compiler: str, machine: str, firmware: Firmware, folder: Path
) -> None:
    skip_without(compiler, machine)
    elf = firmware(M4, compiler, "network", define)
    with pytest.raises(InputError, match=reason):
        emulator.run(elf, M4, folder, machine, timeout_s=0.5 if define == "ENDLESS" else 20)


@ON_A_BOARD
def test_files_that_are_missing_or_short(
    compiler: str, machine: str, firmware: Firmware, folder: Path
) -> None:
    skip_without(compiler, machine)
    elf = firmware(M4, compiler, "network", f"LOOPS={COUNTED_LOOPS}")
    (folder / "inputs.bin").write_bytes(bytes(ROWS * COLUMNS + 1))
    with pytest.raises(InputError, match="ends within a record"):
        emulator.run(elf, M4, folder, machine)
    (folder / "inputs.bin").unlink()
    with pytest.raises(InputError, match=r"inputs\.bin"):
        emulator.run(elf, M4, folder, machine)


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
def test_arena_too_large_for_a_board(
    compiler: toolchain.Toolchain, firmware: Firmware, project: Path, tmp_path: Path
) -> None:
    skip_without(compiler, "")
    small = board("netduinoplus2")
    ram = sizes(firmware(small, compiler, "network", "MODEL_ARENA_BYTES=100000")).ram
    missing = ram + 50_000 - small.ram.bytes
    with pytest.raises(InputError, match=f"RAM is too small by {missing:,} bytes") as caught:
        firmware(small, compiler, "network", "MODEL_ARENA_BYTES=150000")
    assert f"{ram + 50_000:,} needed, {small.ram.bytes:,} there" in str(caught.value)
    assert not list(tmp_path.iterdir())
    firmware(small, compiler, "network", f"MODEL_ARENA_BYTES={100_000 + small.ram.bytes - ram}")


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
def test_weights_too_large_for_a_board(compiler: toolchain.Toolchain, firmware: Firmware) -> None:
    skip_without(compiler, "")
    with pytest.raises(InputError, match="board mps3-an547: flash is too small by"):
        firmware(board("mps3-an547"), compiler, "network", "TABLE_BYTES=600000")


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
def test_sizes(compiler: toolchain.Toolchain, firmware: Firmware) -> None:
    """Against binutils."""
    skip_without("gcc", "")
    skip_without(compiler, "")
    elf = firmware(M4, compiler, "network", "MODEL_ARENA_BYTES=100000", "TABLE_BYTES=5000")
    report = subprocess.run(
        ["arm-none-eabi-size", elf], capture_output=True, text=True, check=True
    ).stdout
    text, data, bss = (int(word) for word in report.splitlines()[1].split()[:3])
    found = sizes(elf)
    assert (found.flash, found.ram, found.stack) == (text + data, data + bss, 4096)
    symbols = symbol_sizes(elf)
    assert symbols["model_arena"] == 100_000
    assert symbols["table"] == 5_000
    assert 50 < symbols["model_run"] < 1000
    (start, content) = min(segments(elf))
    assert start == M4.flash.origin
    assert struct.unpack_from("<I", content) == (M4.ram.origin + found.stack,)


def test_stack_size_can_be_chosen(firmware: Firmware) -> None:
    compiler = next(iter(toolchain.installed()), None) or pytest.skip("no compiler")
    assert sizes(firmware(M4, compiler, "network", "STACK_BYTES=8192")).stack == 8192


def test_sizes_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no ELF")
    with pytest.raises(ValueError, match="not a 32-bit"):
        sizes(tmp_path / "text")


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
def test_compile_error_is_one_sentence(
    compiler: toolchain.Toolchain, project: Path, tmp_path: Path
) -> None:
    skip_without(compiler, "")
    broken = shutil.copytree(project, tmp_path / "broken")
    (broken / "model.c").write_text('#include "model.h"\nint broken(void) { return nothing; }\n')
    with pytest.raises(InputError, match=r"model\.c:2:.*error.*nothing") as caught:
        toolchain.build(broken, M4, "network", compiler, tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_program(project: Path, tmp_path: Path) -> None:
    compiler = next(iter(toolchain.installed()), None) or pytest.skip("no compiler")
    with pytest.raises(InputError, match=r"other\.c: does not exist"):
        toolchain.build(project, M4, "other", compiler, tmp_path)


def test_missing_tools(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ziglang", None)
    monkeypatch.setitem(sys.modules, "unicorn", None)
    assert toolchain.installed() == []
    assert emulator.installed(M4) == []
    with pytest.raises(InputError, match=r"'apt-get install gcc-arm-none-eabi"):
        toolchain.build(project, M4, "network", "gcc", tmp_path)
    with pytest.raises(InputError, match=r"pip install 'tinyscene\[mcu\]'"):
        toolchain.build(project, M4, "network", "zig", tmp_path)
    with pytest.raises(InputError, match="'apt-get install qemu-system-arm'"):
        emulator.run(tmp_path / "some.elf", M4, tmp_path, "qemu")
    with pytest.raises(InputError, match=r"pip install 'tinyscene\[mcu\]'"):
        emulator.run(tmp_path / "some.elf", M4, tmp_path, "unicorn")


def test_boards_that_an_emulator_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mps3-an547 under QEMU"):
        emulator.run(tmp_path / "some.elf", board("mps3-an547"), tmp_path, "unicorn")
    with pytest.raises(InputError, match="run it under unicorn"):
        emulator.run(tmp_path / "some.elf", board("cortex-m0plus"), tmp_path, "qemu")


def test_damaged_program_in_qemu(tmp_path: Path) -> None:
    skip_without("", "qemu")
    (tmp_path / "damaged.elf").write_bytes(b"\x7fELF\x01\x01 and nothing more")
    with pytest.raises(InputError, match=r"damaged\.elf"):
        emulator.run(tmp_path / "damaged.elf", M4, tmp_path, "qemu", timeout_s=10)


def test_unknown_board() -> None:
    with pytest.raises(InputError, match=r"did you mean 'mps2-an386'\?") as caught:
        board("mps2-386")
    assert all(known.name in str(caught.value) for known in BOARDS)


@pytest.mark.parametrize("name", ["host", "mps2-an386", "netduinoplus2"])
def test_make(name: str, project: Path) -> None:
    if not shutil.which("make") or not shutil.which("cc"):
        pytest.skip("no make or no cc on this computer")
    if name != "host":
        skip_without("gcc", "qemu")
    made = run_in(project, "make", f"BOARD={name}", "run")
    assert f"{name}: all outputs as expected" in made.stdout
    assert "warning" not in made.stderr
    run_in(project, "make", f"BOARD={name}", "all")


@pytest.mark.parametrize("name", ["host", "mps2-an505"])
def test_cmake(name: str, project: Path, folder: Path) -> None:
    if not shutil.which("cmake") or not shutil.which("make") or not shutil.which("cc"):
        pytest.skip("no cmake, make or cc on this computer")
    if name != "host":
        skip_without("gcc", "qemu")
    build = folder / "cmake"
    run_in(folder, "cmake", "-S", str(project), "-B", str(build), f"-DBOARD={name}")
    run_in(folder, "cmake", "--build", str(build), "--target", "network", "profile")
    if name == "host":
        run_in(folder, str(build / "network"))
    else:
        emulator.run(build / "network", board(name), folder, "qemu")
    assert (folder / "outputs.bin").read_bytes() == expected_outputs().tobytes()


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result


class Memory:
    """64 kB for a program that is not there."""

    def __init__(self) -> None:
        self.content = bytearray(1 << 16)

    def read(self, address: int, count: int) -> bytes:
        return bytes(self.content[address : address + count])

    def write(self, address: int, content: bytes) -> None:
        self.content[address : address + len(content)] = content


class Program:
    """Makes calls as port/cortex_m/semihosting.c does."""

    def __init__(self, folder: Path) -> None:
        self.memory = Memory()
        self.semihosting = Semihosting(folder, self.memory.read, self.memory.write)

    def call(self, operation: int, *arguments: int) -> int:
        self.memory.write(0, struct.pack(f"<{len(arguments)}I", *arguments))
        return self.semihosting.call(operation, 0)

    def open(self, name: str, mode: int) -> int:
        self.memory.write(100, name.encode())
        return self.call(OPEN, 100, mode, len(name.encode()))


def test_calls_read_and_write(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"abcdef")
    program = Program(tmp_path)
    source, target = program.open("in", 1), program.open("out", 5)
    assert program.call(READ, source, 1000, 4) == 0
    assert program.memory.read(1000, 6) == b"abcd\0\0"
    assert program.call(READ, source, 1000, 4) == 2
    assert program.call(READ, source, 1000, 4) == 4
    assert program.call(WRITE, target, 1000, 3) == 0
    assert program.call(CLOSE, target) == 0
    assert (tmp_path / "out").read_bytes() == b"efc"
    assert program.call(CLOSE, target) == -1
    assert program.semihosting.exit_code is None
    program.call(EXIT_EXTENDED, 0x20026, 5)
    assert program.semihosting.exit_code == 5
    program.semihosting.close()


def test_calls_reach_no_other_folder(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").write_text("outside")
    (inside / "link").symlink_to(tmp_path / "secret")
    program = Program(inside)
    for name in ("../secret", str(tmp_path / "secret"), "link", "missing", "", "a\0b"):
        assert program.open(name, 1) == -1, name
    assert program.open("../new", 5) == -1
    assert not (tmp_path / "new").exists()
    assert program.open("new", 4) == -1
    assert program.call(0x12, 0, 0, 0) == -1
