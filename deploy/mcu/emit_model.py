"""model.h and model.c: the network's interface, its memory and its schedule."""

from __future__ import annotations

from collections.abc import Iterable

from deploy.mcu import network as net
from deploy.mcu.c_text import c_comment
from deploy.mcu.emit_layers import ring, ring_name, step_function, step_name
from deploy.mcu.loops import Loop, as_loops
from deploy.mcu.plan import Plan
from deploy.mcu.steps import Step

SLACK_BYTES = 16
"""KERNEL_SLACK of kernels.h: what a kernel may read past the end of a buffer."""

HEADER = """\
/*
 * An int8 network: {rows} x {columns} x {channels} values in, {outputs} values out.
 *
 * A value stands for (value - zero point) * scale. Nothing here uses floating point, the heap or
 * the C library, except memcpy and memset; everything is in one static arena.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#define MODEL_INPUT_ROWS {rows} /* mels */
#define MODEL_INPUT_COLUMNS {columns} /* frames */
#define MODEL_INPUT_CHANNELS {channels}
#define MODEL_INPUT_BYTES {input_bytes}
#define MODEL_INPUT_SCALE {input_scale}
#define MODEL_INPUT_ZERO_POINT ({input_zero_point})
#define MODEL_OUTPUT_SIZE {outputs}
#define MODEL_OUTPUT_SCALE {output_scale}
#define MODEL_OUTPUT_ZERO_POINT ({output_zero_point})
#define MODEL_LAYERS {layers}
#define MODEL_LARGEST_DEPTH {depth} /* values that one output of a convolution sums up */
#define MODEL_FAST_ROUNDING {fast} /* 0: as TFLite rounds; 1: halves upwards, which is quicker */

/* Working memory. Between two runs it holds nothing, and may be used for something else. */
#define MODEL_ARENA_BYTES {arena}
union model_memory {{
    int8_t bytes[MODEL_ARENA_BYTES];
    int32_t sums[MODEL_ARENA_BYTES / 4];
    float floats[MODEL_ARENA_BYTES / 4];
    uint64_t aligned;
}};

#if defined(__cplusplus)
extern "C" {{
#endif

extern union model_memory model_arena;

/* Writes one row of the input, [columns][channels], to `values`. */
typedef void (*model_row_source)(int row, int8_t *values);

/* Runs the network; asks for each row of the input once, in rising order. */
void model_run_rows(model_row_source source, int8_t output[MODEL_OUTPUT_SIZE]);

/* Runs the network on an input of [rows][columns][channels]. */
void model_run(const int8_t input[MODEL_INPUT_BYTES], int8_t output[MODEL_OUTPUT_SIZE]);

#if defined(MODEL_PROFILE)
/* Called around each row of each layer; you write them. */
void model_layer_begin(int layer);
void model_layer_end(int layer);
/* By layer. */
extern const char *const model_layer_names[MODEL_LAYERS];
extern const uint32_t model_layer_macs[MODEL_LAYERS];
#endif

#if defined(__cplusplus)
}}
#endif

#endif
"""

START = """\
/* The network of model.h: its memory, its layers row by row, and the order of the rows. */
#include "model.h"

#include <string.h>

#include "kernels.h"
#include "weights.h"

#if !defined(MODEL_PROFILE)
#define model_layer_begin(layer) ((void)0)
#define model_layer_end(layer) ((void)0)
#endif

union model_memory model_arena;

/* The rows of a tensor that are still needed. */
struct ring {
    int8_t *memory;
    const int8_t *blank; /* a row outside of the tensor */
    uint16_t row_bytes;
    uint16_t depth; /* rows in memory */
    uint16_t rows;  /* of the tensor */
};

static uint16_t turn[STEPS]; /* how often each step has been taken */
static model_row_source source_row;
static int8_t *output_values;

static inline int8_t *ring_row(const struct ring *ring, int row)
{
    return ring->memory + row % ring->depth * ring->row_bytes;
}

/* Rows first, first + 1, ... of a tensor, each from byte `skipped` on. */
static inline void take_window(const struct ring *ring, int first, int rows, int skipped,
                               const int8_t **window)
{
    for (int i = 0; i < rows; i++) {
        const int row = first + i;
        const int8_t *start = row < 0 || row >= ring->rows ? ring->blank : ring_row(ring, row);
        window[i] = start + skipped;
    }
}
"""

TAKE_ROWS = """\

/* As take_window, without the rows that lie outside; returns how many there are. */
static inline int take_rows(const struct ring *ring, int first, int rows, int skipped,
                            const int8_t **window)
{
    int count = 0;
    for (int row = first; row < first + rows; row++) {
        if (row >= 0 && row < ring->rows) {
            window[count++] = ring_row(ring, row) + skipped;
        }
    }
    return count;
}
"""

TAKE_GROUP = """\

/* Each column of a window of [rows][columns][channels] by itself, from channel `first` on. */
static inline void take_group(const int8_t *const *window, int rows, int columns, int channels,
                              int first, const int8_t **places)
{
    for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
            *places++ = window[row] + column * channels + first;
        }
    }
}
"""

COPY_VALUES = """\

/* Copies values of a tensor held whole, as if its rows of `row_count` values stood side by side. */
static void copy_values(const struct ring *ring, int skipped, int row_count, int first, int count,
                        int8_t *values)
{
    while (count > 0) {
        const int place = first % row_count;
        const int here = row_count - place < count ? row_count - place : count;
        memcpy(values, ring_row(ring, first / row_count) + skipped + place, (size_t)here);
        values += here;
        first += here;
        count -= here;
    }
}
"""

END = """\
void model_run_rows(model_row_source source, int8_t output[MODEL_OUTPUT_SIZE])
{{
    source_row = source;
    output_values = output;
    memset(turn, 0, sizeof turn);
{margins}
{schedule}}}

static const int8_t *input_values;

static void copy_input_row(int row, int8_t *values)
{{
    const int bytes = MODEL_INPUT_COLUMNS * MODEL_INPUT_CHANNELS;
    memcpy(values, input_values + row * bytes, (size_t)bytes);
}}

void model_run(const int8_t input[MODEL_INPUT_BYTES], int8_t output[MODEL_OUTPUT_SIZE])
{{
    input_values = input;
    model_run_rows(copy_input_row, output);
}}

#if defined(MODEL_PROFILE)
const char *const model_layer_names[MODEL_LAYERS] = {{
{names}}};
const uint32_t model_layer_macs[MODEL_LAYERS] = {{{macs}}};
#endif
"""


def model_header(plan: Plan, *, fast_rounding: bool, scratch_bytes: int = 0) -> str:
    """The text of model.h.

    Args:
        scratch_bytes: what others want to use of the arena between two runs.
    """
    source = plan.network.tensors[plan.network.input]
    output = plan.network.tensors[plan.network.output]
    return HEADER.format(
        rows=source.rows,
        columns=source.columns,
        channels=source.channels,
        input_bytes=source.size,
        input_scale=f"{source.scale!r}f",
        input_zero_point=source.zero_point,
        outputs=output.size,
        output_scale=f"{output.scale!r}f",
        output_zero_point=output.zero_point,
        layers=_layer_count(plan),
        depth=_largest_depth(plan),
        fast=int(fast_rounding),
        arena=max(plan.arena_bytes + SLACK_BYTES, scratch_bytes),
    )


def model_source(plan: Plan) -> str:
    """The text of model.c."""
    layers = {type(step.layer) for step in plan.steps}
    used = sorted(set(plan.schedule))
    parts = [
        START.replace("STEPS", str(len(plan.steps))),
        TAKE_ROWS if any(map(_leaves_margin_out, plan.steps)) else "",
        TAKE_GROUP if any(map(_is_grouped, plan.steps)) else "",
        COPY_VALUES if net.Reshape in layers else "",
        "\n",
        *(ring(plan, rows) for index, rows in plan.rows.items() if index in plan.touched),
        "\n",
        "\n".join(step_function(plan, plan.steps[position]) for position in used),
        "\n",
        END.format(
            margins="".join(_fill_margins(plan)),
            schedule="".join(_lines(plan, as_loops(plan.schedule), depth=1)),
            names="".join(_name_lines(plan)),
            macs=", ".join(map(str, _macs(plan))),
        ),
    ]
    return "".join(parts)


def _leaves_margin_out(step: Step) -> bool:
    return isinstance(step.layer, net.Pool) and not step.layer.margin_counts


def _is_grouped(step: Step) -> bool:
    return isinstance(step.layer, net.Convolution) and step.layer.groups > 1


def _fill_margins(plan: Plan) -> Iterable[str]:
    """What lies outside of tensors is written once, for their rows never touch it."""
    for zero_point, offset in plan.blanks.items():
        size = plan.blank_bytes(zero_point)
        yield f"    memset(model_arena.bytes + {offset}, {zero_point}, {size});\n"
    for index, rows in plan.rows.items():
        if index in plan.touched and (rows.left or rows.right):
            name = ring_name(index)
            yield f"    memset({name}.memory, {rows.tensor.zero_point}, {rows.bytes});\n"


def _lines(plan: Plan, loops: Iterable[int | Loop], depth: int) -> Iterable[str]:
    margin = "    " * depth
    for entry in loops:
        if isinstance(entry, Loop):
            name = f"i{depth}"
            yield f"{margin}for (int {name} = 0; {name} < {entry.times}; {name}++) {{\n"
            yield from _lines(plan, entry.body, depth + 1)
            yield f"{margin}}}\n"
        else:
            yield f"{margin}{step_name(plan.steps[entry])}();\n"


def _layer_count(plan: Plan) -> int:
    return max(layer.index for layer in plan.network.layers) + 1


def _largest_depth(plan: Plan) -> int:
    depths = (
        layer.weights[0].size for layer in plan.network.layers if isinstance(layer, net.Convolution)
    )
    return max(depths, default=1)


def _name_lines(plan: Plan) -> Iterable[str]:
    kinds = {layer.index: c_comment(layer.kind) for layer in plan.network.layers}
    return (f'    "{index} {kinds[index]}",\n' for index in range(_layer_count(plan)))


def _macs(plan: Plan) -> Iterable[int]:
    macs = {layer.index: net.macs(plan.network, layer) for layer in plan.network.layers}
    return (macs[index] for index in range(_layer_count(plan)))
