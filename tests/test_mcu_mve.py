"""The vector kernels of Cortex-M55, layer by layer, on random shapes, numbers and memory layouts.

Each case calls one kernel on an emulated board. The whole memory that it writes to is compared with
what numpy computes, so that a value too many is found as well as a wrong one.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from deploy.mcu import emulator, toolchain, weight_orders
from deploy.mcu import network as net
from deploy.mcu.boards import board, write_board_files
from deploy.mcu.c_text import c_array
from deploy.mcu.fixed_point import multiplier_and_shift, multipliers_and_shifts, rescale
from deploy.mcu.plan import Rows

C_FILES = Path(toolchain.__file__).parent / "c"
BOARD = board("mps3-an547")
LARGEST_DEPTH = 320
UNTOUCHED = 0x5A
SLACK = 16

MODEL_H = """\
#define MODEL_LARGEST_DEPTH {depth}
#define MODEL_FAST_ROUNDING {fast:d}
"""

PROGRAM = """\
#include "kernels.h"
#include "port.h"
#include <string.h>

static int8_t values[MOST_BYTES];

CASES
int main(void)
{
    const int file = port_open("outputs.bin", 'w');
CALLS
    port_close(file);
    port_exit(PORT_DONE);
}
"""

CALL = """\
    memset(values, UNTOUCHED, sizeof values);
    case_INDEX(values + START);
    port_write(file, values, BYTES);
"""


@dataclass(frozen=True)
class Case:
    """A call of a kernel."""

    text: str
    """C of the constants."""
    call: str
    start: int
    """The byte of the memory that is handed over as the first."""
    expected: np.ndarray
    """int8 (bytes,): the memory afterwards."""


class Cases:
    """Draws cases; `fast` is how their numbers are rounded."""

    def __init__(self, seed: int, *, fast: bool) -> None:
        self.random = np.random.default_rng(seed)
        self.fast = fast

    def pick(self, *choices: int) -> int:
        return int(self.random.choice(choices))

    def between(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def int8(self, *shape: int) -> np.ndarray:
        """Of any spread, so that sums are large or small."""
        most = self.pick(1, 3, 20, 127, 127, 127)
        return self.random.integers(-most - 1, most + 1, shape).astype(np.int8)

    def convolution(self) -> Case:
        window = (self.pick(1, 1, 1, 2, 3, 5), self.pick(1, 1, 2, 3, 5))
        most = LARGEST_DEPTH // window[0] // window[1]
        if self.random.random() < 0.3:
            window, most = (1, 1), 150
        source = self.between(1, min(most, 150 if window == (1, 1) else 24))
        channels, columns = self.between(1, 70), self.between(1, 40)
        stride = self.between(1, 3)
        rows = self.int8(window[0], (columns - 1) * stride + window[1], source)
        weights = self.int8(channels, *window, source)
        patches = np.lib.stride_tricks.sliding_window_view(rows, window[1], axis=1)[:, ::stride]
        sums = np.einsum("rchk,orkh->co", patches.astype(int), weights)
        zero_point = self.between(-128, 127)
        layer = self._layer(net.Convolution, weights, sums, zero_point)
        run = window[1] * source
        struct = f".depth = {window[0] * run}, .rows = {window[0]}, .run = {run}, "
        struct += f".step = {stride * source}"
        held = _rows(zero_point, source, planar=False)
        planar = self.random.random() < 0.5
        return self._weighted("convolution", layer, held, rows, sums, struct, planar=planar)

    def depthwise(self) -> Case:
        window = (self.between(1, 5), self.between(1, 5))
        if self.random.random() < 0.5:
            window = (3, 3)
        source, columns, stride = self.between(1, 40), self.between(1, 40), self.between(1, 3)
        multiplier = self.pick(1, 1, 2, 3)
        if self.random.random() < 0.2:
            source, columns = self.between(1, 5), self.between(41, 150)
        width = (columns - 1) * stride + window[1]
        rows = self.int8(window[0], width, source)
        weights = self.int8(source * multiplier, *window)
        patches = np.lib.stride_tricks.sliding_window_view(rows, window[1], axis=1)[:, ::stride]
        patches = patches.repeat(multiplier, axis=2).astype(int)
        sums = np.einsum("rchk,hrk->ch", patches, weights)
        zero_point = self.between(-128, 127)
        layer = self._layer(net.Depthwise, weights, sums, zero_point, multiplier=multiplier)
        planar = self.random.random() < 0.8
        channel, column = (width, 1) if planar else (1, source)
        struct = f".rows = {window[0]}, .columns = {window[1]}, .multiplier = {multiplier}, "
        struct += f".step = {stride * column}, .in_channel_stride = {channel}, "
        struct += f".in_column_stride = {column}"
        held = _rows(zero_point, source, planar=planar)
        memory = rows.swapaxes(1, 2) if planar else rows
        return self._weighted("depthwise", layer, held, memory, sums, struct, planar=False)

    def add(self) -> Case:
        count = self.between(1, 70)
        inputs = self.random.integers(-128, 128, (2, count + SLACK)).astype(np.int8)
        zeros = self.random.integers(-128, 128, 3)
        minimum, maximum = self._limits(int(zeros[2]))
        limits = f".minimum = {minimum}, .maximum = {maximum}"
        if self.fast:
            shift = self.between(1, 20)
            factors = self.random.integers(1, 2**shift, 2)
            constant = self.between(-(2**26), 2**26)
            sums = (inputs.astype(np.int64) * factors[:, None]).sum(axis=0) + constant >> shift
            struct = f".factors = {{{factors[0]}, {factors[1]}}}, .constant = {constant}, "
            struct += f".shift = {shift}, {limits}"
        else:
            scales = 2.0 ** self.random.uniform(-6, 0, 2)
            pairs = [multiplier_and_shift(scale) for scale in scales / scales.max() / 2]
            pairs.append(multiplier_and_shift(2 ** float(self.random.uniform(-22, -17))))
            parts = [
                rescale((values - int(zero)) << 20, np.array(multiplier), np.array(shift))
                for values, zero, (multiplier, shift) in zip(
                    inputs.astype(np.int64), zeros, pairs, strict=False
                )
            ]
            sums = rescale(parts[0] + parts[1], *map(np.array, pairs[2])) + zeros[2]
            struct = f".zero_points = {{{zeros[0]}, {zeros[1]}}}, .zero_point = {zeros[2]}, "
            struct += f".multipliers = {{{', '.join(str(pair[0]) for pair in pairs)}}}, "
            struct += f".shifts = {{{', '.join(str(-pair[1]) for pair in pairs)}}}, {limits}"
        memory = np.full(count + 2 * SLACK, UNTOUCHED, np.int8)
        memory[SLACK : SLACK + count] = np.clip(sums, minimum, maximum)[:count]
        text = c_array("rows_INDEX", inputs)
        text += f"static const struct kernel_add layer_INDEX = {{{struct}}};\n"
        second = f"rows_INDEX + {count + SLACK}"
        call = f"kernel_add(&layer_INDEX, rows_INDEX, {second}, values, {count})"
        return Case(text, call, SLACK, memory)

    def average_pool(self) -> Case:
        rows, columns = self.between(1, 5), self.between(1, 5)
        if self.random.random() < 0.1:
            rows, columns = 60, 50
        channels, out_columns, stride = self.between(1, 21), self.between(1, 6), self.between(1, 3)
        margin = self.between(0, columns - 1)
        counts = bool(self.random.random() < 0.5)
        width = (out_columns - 1) * stride + columns
        values = self.int8(rows, width, channels)
        means = np.empty((out_columns, channels), int)
        for column in range(out_columns):
            start, end = column * stride, column * stride + columns
            if not counts:
                start, end = max(start, margin), min(end, width)
            sums = values[:, start:end].astype(int).sum(axis=(0, 1))
            area = rows * (end - start)
            means[column] = np.sign(sums) * ((abs(sums) + area // 2) // area)
        minimum, maximum = self._limits(-20)
        memory = np.full(means.size + 2 * SLACK, UNTOUCHED, np.int8)
        memory[SLACK : SLACK + means.size] = np.clip(means, minimum, maximum).reshape(-1)
        text = _row_arrays(values) + (
            "static const struct kernel_pool layer_INDEX = {\n"
            f"    .columns = {columns}, .column_stride = {stride}, .left = {margin},\n"
            f"    .in_columns = {width - margin}, .out_columns = {out_columns},\n"
            f"    .channels = {channels}, .margin_counts = {str(counts).lower()}, "
            f".minimum = {minimum}, .maximum = {maximum},\n}};\n"
        )
        call = f"kernel_average_pool(&layer_INDEX, window_INDEX, {rows}, values)"
        return Case(text, call, SLACK, memory)

    def _layer(
        self,
        kind: type,
        weights: np.ndarray,
        sums: np.ndarray,
        zero_point: int,
        **more: int,
    ) -> net.Convolution | net.Depthwise:
        """Its factors are such that values spread well, are halves now and then, or extreme."""
        channels = len(weights)
        spread = float(sums.std()) + 1.0
        largest = 2**28 if self.random.random() < 0.1 else 2 * spread
        folded = zero_point * weights.reshape(channels, -1).astype(int).sum(axis=1)
        bias = self.random.uniform(-largest, largest, channels).astype(int) + folded
        factors = 40 / max(spread, largest) * 2 ** self.random.uniform(-1, 1, channels)
        if self.random.random() < 0.3:  # to the left
            factors *= 2.0 ** self.between(1, 12)
        if self.random.random() < 0.4:
            factors = 2 ** np.floor(np.log2(factors))
        factors[self.random.random(channels) < 0.03] = 0
        factors[self.random.random(channels) < 0.03] = 2**-31
        multiplier, shift = multipliers_and_shifts(factors)
        to = self.pick(-128, -128, 127, self.between(-127, 126))
        rescaling = net.Rescaling(multiplier, shift, to, *self._limits(to))
        head = (0, "", (0,), 1, net.Window(1, 1, 1, 1, 0, 0, 0, 0))
        layer: net.Convolution | net.Depthwise
        layer = kind(*head, weights, bias.astype(np.int32), rescaling, **more)
        return layer

    def _limits(self, zero_point: int) -> tuple[int, int]:
        """Of no activation, ReLU or ReLU6."""
        six = min(zero_point + 60, 127)
        return [(-128, 127), (-128, 127), (zero_point, 127), (zero_point, six)][self.between(0, 3)]

    def _weighted(
        self,
        kernel: str,
        layer: net.Convolution | net.Depthwise,
        source: Rows,
        rows: np.ndarray,
        sums: np.ndarray,
        struct: str,
        *,
        planar: bool,
    ) -> Case:
        """Sums are (columns, channels), without bias and zero point."""
        columns, channels = sums.shape
        scales = layer.rescaling
        sums = sums + weight_orders.folded_bias(layer, source.tensor.zero_point)
        values = self._rescaled(sums, scales.multiplier, scales.shift) + scales.zero_point
        values = np.clip(values, scales.minimum, scales.maximum)
        margin = self.between(0, 3)
        memory = np.full((columns + 2 * margin, channels), UNTOUCHED, np.int8)
        memory[margin : margin + columns] = values
        strides = (columns + 2 * margin, 1) if planar else (1, channels)
        expected = np.full(memory.size + 2 * SLACK, UNTOUCHED, np.int8)
        expected[SLACK:-SLACK] = (memory.T if planar else memory).reshape(-1)
        constants = weight_orders.mve(layer, source)
        text = c_array("weights_INDEX", constants.weights)
        text += c_array("scales_INDEX", constants.numbers)
        text += _row_arrays(rows)
        text += (
            f"static const struct kernel_{kernel} layer_INDEX = {{\n"
            "    .output = {\n"
            f"        .numbers = scales_INDEX, .zero_point = {scales.zero_point},\n"
            f"        .minimum = {scales.minimum}, .maximum = {scales.maximum},\n"
            f"        .channels = {channels}, .columns = {columns},\n"
            f"        .channel_stride = {strides[0]}, .column_stride = {strides[1]},\n    }},\n"
            f"    .weights = weights_INDEX, {struct},\n}};\n"
        )
        call = f"kernel_{kernel}(&layer_INDEX, window_INDEX, values)"
        return Case(text, call, SLACK + margin * strides[1], expected)

    def _rescaled(self, sums: np.ndarray, multiplier: np.ndarray, shift: np.ndarray) -> np.ndarray:
        if not self.fast:
            return rescale(sums, multiplier, shift)
        left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
        high = ((sums.astype(np.int64) << left) * multiplier.astype(np.int64) + 2**30) >> 31
        return (high + (np.int64(1) << right >> 1)) >> right


def _rows(zero_point: int, channels: int, *, planar: bool) -> Rows:
    return Rows(net.Tensor(0, "", 1, 1, channels, 1.0, zero_point), 1, 0, 0, planar)


def _row_arrays(rows: np.ndarray) -> str:
    """Each row by itself, with what may be read past it."""
    flat = rows.reshape(len(rows), -1)
    padded = np.pad(flat, [(0, 0), (0, SLACK)], constant_values=77)
    pointers = ", ".join(f"rows_INDEX + {i * padded.shape[1]}" for i in range(len(rows)))
    return c_array("rows_INDEX", padded) + (
        f"static const int8_t *const window_INDEX[] = {{{pointers}}};\n"
    )


def program(cases: list[Case]) -> str:
    """The C of a program that writes what each case gives."""
    texts, calls = [], []
    for index, case in enumerate(cases):
        text = f"{case.text}static void case_INDEX(int8_t *values)\n{{\n    {case.call};\n}}\n"
        texts.append(text.replace("INDEX", str(index)))
        call = CALL.replace("INDEX", str(index)).replace("START", str(case.start))
        calls.append(call.replace("BYTES", str(case.expected.size)))
    most = max(case.expected.size for case in cases)
    text = PROGRAM.replace("CASES", "\n".join(texts)).replace("CALLS", "".join(calls))
    return text.replace("MOST_BYTES", str(most)).replace("UNTOUCHED", str(UNTOUCHED))


def run(
    cases: list[Case],
    folder: Path,
    *,
    fast: bool,
    tools: toolchain.Toolchain = "gcc",
    optimisation: str = "-O2",
) -> bytes:
    """What the cases leave in memory, one after the other."""
    project = folder / "project"
    shutil.copytree(C_FILES / "port", project / "port")
    for name in ("kernels.h", "kernels.c", "kernels_mve.c"):
        shutil.copy(C_FILES / name, project)
    write_board_files(project)
    (project / "model.h").write_text(MODEL_H.format(depth=LARGEST_DEPTH, fast=fast))
    (project / "programs").mkdir()
    (project / "programs" / "cases.c").write_text(program(cases))
    elf = toolchain.build(project, BOARD, "cases", tools, folder, [], optimisation)
    emulator.run(elf, BOARD, folder, "qemu")
    return (folder / "outputs.bin").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif("qemu" not in emulator.installed(BOARD), reason="needs qemu-system-arm")
@pytest.mark.parametrize("tools", ["gcc", "zig"])
@pytest.mark.parametrize("fast", [False, True], ids=["exact", "fast"])
@pytest.mark.parametrize("kind", ["convolution", "depthwise", "add", "average_pool"])
def test_vector_kernels_compute_what_numpy_does(
    kind: str, fast: bool, tools: toolchain.Toolchain, tmp_path: Path
) -> None:
    if tools not in toolchain.installed():
        pytest.skip(f"needs {tools}")
    draw = Cases(seed=2, fast=fast)
    cases = [getattr(draw, kind)() for _ in range(24)]
    found = np.frombuffer(run(cases, tmp_path, fast=fast, tools=tools), np.int8)
    expected = np.concatenate([case.expected for case in cases])
    np.testing.assert_array_equal(found, expected)
