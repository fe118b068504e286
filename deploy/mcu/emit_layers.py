"""The C of each layer: its numbers as a struct, and a function that computes its next row."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from deploy.mcu import network as net
from deploy.mcu.c_text import c_comment
from deploy.mcu.emit_weights import part_name
from deploy.mcu.plan import Plan, Rows
from deploy.mcu.steps import Step

MOST_FAST_BITS = 22
"""Of the factors of a fast sum: with more, a zero point times 2**bits would overflow."""


def step_name(step: Step) -> str:
    """The function that computes the step's next row."""
    return "input_row" if step.layer is None else f"layer_{step.layer.index}"


def ring(plan: Plan, rows: Rows) -> str:
    """The C of a tensor's memory."""
    readers = [step for step in plan.steps if rows.tensor.index in step.inputs]
    blank = "0"
    if any(map(Step.reads_outside, readers)):
        blank = f"model_arena.bytes + {plan.blanks[rows.tensor.zero_point]}"
    return (
        f"/* {_shape(rows.tensor)} '{c_comment(rows.tensor.name)}' */\n"
        f"static const struct ring {ring_name(rows.tensor.index)} = {{\n"
        f"    .memory = model_arena.bytes + {rows.offset}, .blank = {blank},\n"
        f"    .row_bytes = {rows.row_bytes}, .depth = {rows.depth}, .rows = {rows.tensor.rows},\n"
        "};\n"
    )


def ring_name(tensor: int) -> str:
    """The C name of a tensor's memory."""
    return f"tensor_{tensor}"


def step_function(plan: Plan, step: Step) -> str:
    """The C of one step: constants and a function without arguments."""
    if step.layer is None:
        return _input_function(plan, step)
    numbers, body = EMITTERS[type(step.layer)](plan, step, step.layer)
    layer = step.layer
    sources = " and ".join(_shape(plan.network.tensors[index]) for index in step.inputs)
    return (
        f"/* {layer.kind}: {sources} -> {_shape(plan.network.tensors[layer.output])} */\n"
        f"{numbers}"
        f"static void layer_{layer.index}(void)\n{{\n"
        f"    const int row = turn[{plan.steps.index(step)}]++;\n"
        f"    model_layer_begin({layer.index});\n"
        f"{_indented(body)}"
        f"    model_layer_end({layer.index});\n}}\n"
    )


def _input_function(plan: Plan, step: Step) -> str:
    return (
        "/* The input, from outside. */\n"
        "static void input_row(void)\n{\n"
        f"    const int row = turn[{plan.steps.index(step)}]++;\n"
        f"    source_row(row, {_target(plan, step)});\n}}\n"
    )


def _convolution(plan: Plan, step: Step, layer: net.Convolution) -> tuple[str, str]:
    if layer.groups > 1:
        return _grouped_convolution(plan, step, layer)
    source = plan.rows[step.inputs[0]]
    name = f"layer_{layer.index}"
    run = layer.window.columns * source.tensor.channels
    numbers = (
        f"static const struct kernel_convolution {name}_numbers = {{\n"
        f"{_output(plan, layer, name)}"
        f"    .weights = {name}_weights, .depth = {layer.window.rows * run},\n"
        f"    .rows = {layer.window.rows}, .run = {run}, "
        f".step = {layer.window.column_stride * source.tensor.channels},\n}};\n"
    )
    call = f"kernel_convolution(&{name}_numbers, window, {_target(plan, step)});\n"
    return numbers, _window(plan, step) + call


def _grouped_convolution(plan: Plan, step: Step, layer: net.Convolution) -> tuple[str, str]:
    """A kernel's call for each group, to which each column of the window is a row of its own.

    Only a column's channels of a group stand side by side.
    """
    source, window = plan.rows[step.inputs[0]].tensor, layer.window
    name, places = f"layer_{layer.index}", window.rows * window.columns
    run = layer.weights.shape[-1]
    parts = "".join(
        f"{{\n{_output(plan, part, part_name(layer, group))}"
        f"    .weights = {part_name(layer, group)}_weights, .depth = {places * run},\n"
        f"    .rows = {places}, .run = {run}, "
        f".step = {window.column_stride * source.channels},\n}},\n"
        for group, part in enumerate(layer.parts())
    )
    numbers = f"static const struct kernel_convolution {name}_numbers[{layer.groups}] = {{\n"
    apart = len(layer.weights) // layer.groups * _output_strides(plan, layer)[0]
    return f"{numbers}{parts}}};\n", (
        f"{_window(plan, step)}"
        f"const int8_t *places[{places}];\n"
        f"int8_t *const values = {_target(plan, step)};\n"
        f"for (int group = 0; group < {layer.groups}; group++) {{\n"
        f"    take_group(window, {window.rows}, {window.columns}, {source.channels}, "
        f"group * {run}, places);\n"
        f"    kernel_convolution(&{name}_numbers[group], places, values + group * {apart});\n"
        "}\n"
    )


def _depthwise(plan: Plan, step: Step, layer: net.Depthwise) -> tuple[str, str]:
    source = plan.rows[step.inputs[0]]
    name = f"layer_{layer.index}"
    channel, column = _strides(source)
    numbers = (
        f"static const struct kernel_depthwise {name}_numbers = {{\n"
        f"{_output(plan, layer, name)}"
        f"    .weights = {name}_weights, .rows = {layer.window.rows}, "
        f".columns = {layer.window.columns},\n"
        f"    .multiplier = {layer.multiplier}, .step = {layer.window.column_stride * column},\n"
        f"    .in_channel_stride = {channel}, .in_column_stride = {column},\n}};\n"
    )
    call = f"kernel_depthwise(&{name}_numbers, window, {_target(plan, step)});\n"
    return numbers, _window(plan, step) + call


def _average_pool(plan: Plan, step: Step, layer: net.AveragePool) -> tuple[str, str]:
    return _pool(plan, step, layer, "kernel_average_pool")


def _max_pool(plan: Plan, step: Step, layer: net.MaxPool) -> tuple[str, str]:
    return _pool(plan, step, layer, "kernel_max_pool")


def _pool(plan: Plan, step: Step, layer: net.Pool, kernel: str) -> tuple[str, str]:
    source = plan.rows[step.inputs[0]].tensor
    output = plan.network.tensors[layer.output]
    window = layer.window
    name = f"layer_{layer.index}"
    numbers = (
        f"static const struct kernel_pool {name}_numbers = {{\n"
        f"    .columns = {window.columns}, .column_stride = {window.column_stride},\n"
        f"    .in_columns = {source.columns}, .left = {window.left},\n"
        f"    .channels = {source.channels}, .out_columns = {output.columns},\n"
        f"    .margin_counts = {str(layer.margin_counts).lower()},\n"
        f"{_limits(layer)}}};\n"
    )
    body = _window(plan, step)
    count = "count" if not layer.margin_counts else str(window.rows)
    return numbers, body + (f"{kernel}(&{name}_numbers, window, {count}, {_target(plan, step)});\n")


def _pad(plan: Plan, step: Step, layer: net.Pad) -> tuple[str, str]:
    source = plan.rows[step.inputs[0]]
    window = layer.window
    channels = source.tensor.channels
    return "", (
        f"int8_t *const values = {_target(plan, step)};\n"
        f"const int from = row - {window.top};\n"
        f"memset(values, {source.tensor.zero_point}, "
        f"{plan.network.tensors[layer.output].columns * channels});\n"
        f"if (from >= 0 && from < {source.tensor.rows}) {{\n"
        f"    memcpy(values + {window.left * channels}, {_source_row(source, 'from')}, "
        f"{source.tensor.columns * channels});\n"
        "}\n"
    )


def _add(plan: Plan, step: Step, layer: net.Add) -> tuple[str, str]:
    tensors = plan.network.tensors
    output = tensors[layer.output]
    zero_points = ", ".join(str(tensors[index].zero_point) for index in step.inputs)
    name = f"layer_{layer.index}"
    numbers = (
        f"static const struct kernel_add {name}_numbers = {{\n"
        "#if MODEL_FAST_ROUNDING\n"
        f"{_fast_sum([tensors[index] for index in step.inputs], output)}"
        "#else\n"
        f"    .zero_points = {{{zero_points}}}, .multipliers = {{{_list(layer.multipliers)}}},\n"
        f"    .shifts = {{{_list(-shift for shift in layer.shifts)}}}, "
        f".zero_point = {output.zero_point},\n"
        "#endif\n"
        f"{_limits(layer)}}};\n"
    )
    first, second = (_source_row(plan.rows[index], "row") for index in step.inputs)
    return numbers, (
        f"kernel_add(&{name}_numbers, {first}, {second}, {_target(plan, step)}, "
        f"{output.columns * output.channels});\n"
    )


def _mean(plan: Plan, step: Step, layer: net.Mean) -> tuple[str, str]:
    source = plan.rows[step.inputs[0]]
    tensor = source.tensor
    name = f"layer_{layer.index}"
    numbers = _rescaling(name, tensor, plan.network.tensors[layer.output], layer)
    return numbers, (
        f"int32_t *const sums = model_arena.sums + {plan.sums[layer.output] // 4};\n"
        "if (row == 0) {\n"
        f"    memset(sums, 0, {tensor.channels} * sizeof *sums);\n"
        "}\n"
        f"kernel_sum_row({_source_row(source, 'row')}, {tensor.columns}, {tensor.channels}, "
        f"{tensor.zero_point}, sums);\n"
        f"if (row == {tensor.rows - 1}) {{\n"
        f"    kernel_mean(&{name}_numbers, sums, {_target(plan, step, row='0')}, "
        f"{tensor.channels});\n"
        "}\n"
    )


def _requantize(plan: Plan, step: Step, layer: net.Requantize) -> tuple[str, str]:
    source = plan.rows[step.inputs[0]]
    name = f"layer_{layer.index}"
    numbers = _rescaling(name, source.tensor, plan.network.tensors[layer.output], layer)
    return numbers, (
        f"kernel_rescale_row(&{name}_numbers, {_source_row(source, 'row')}, "
        f"{_target(plan, step)}, {source.tensor.columns * source.tensor.channels});\n"
    )


def _reshape(plan: Plan, step: Step, layer: net.Reshape) -> tuple[str, str]:
    source = plan.rows[step.inputs[0]]
    output = plan.network.tensors[layer.output]
    columns, channels = source.tensor.columns, source.tensor.channels
    count = output.columns * output.channels
    return "", (
        f"copy_values(&{ring_name(source.tensor.index)}, {source.left * channels}, "
        f"{columns * channels}, row * {count}, {count}, {_target(plan, step)});\n"
    )


def _softmax(plan: Plan, step: Step, layer: net.Softmax) -> tuple[str, str]:
    source = plan.rows[step.inputs[0]]
    name = f"layer_{layer.index}"
    numbers = (
        f"static const struct kernel_softmax {name}_numbers = {{\n"
        f"    .multiplier = {layer.multiplier}, .left_shift = {layer.left_shift},\n"
        f"    .smallest_difference = {layer.smallest_difference},\n}};\n"
    )
    return numbers, (
        f"kernel_softmax(&{name}_numbers, {_source_row(source, 'row')}, {_target(plan, step)}, "
        f"{source.tensor.columns}, {source.tensor.channels});\n"
    )


EMITTERS: dict[type, Callable[[Plan, Step, Any], tuple[str, str]]] = {
    net.Convolution: _convolution,
    net.Depthwise: _depthwise,
    net.AveragePool: _average_pool,
    net.MaxPool: _max_pool,
    net.Pad: _pad,
    net.Add: _add,
    net.Mean: _mean,
    net.Requantize: _requantize,
    net.Reshape: _reshape,
    net.Softmax: _softmax,
}


def _fast_sum(inputs: list[net.Tensor], output: net.Tensor) -> str:
    """Factors, constant and shift of (a * fa + b * fb + constant) >> shift."""
    scales = [tensor.scale / output.scale for tensor in inputs]
    shift = min(max(20 - math.ceil(math.log2(max(scales))), 0), MOST_FAST_BITS)
    factors = [round(scale * 2**shift) for scale in scales]
    constant = (output.zero_point << shift) + (1 << shift >> 1)
    constant -= sum(
        tensor.zero_point * factor for tensor, factor in zip(inputs, factors, strict=True)
    )
    return f"    .factors = {{{_list(factors)}}}, .constant = {constant}, .shift = {shift},\n"


def _rescaling(
    name: str, source: net.Tensor, output: net.Tensor, layer: net.Mean | net.Requantize
) -> str:
    return (
        f"static const struct kernel_rescaling {name}_numbers = {{\n"
        f"    .from = {source.zero_point}, .to = {output.zero_point},\n"
        f"    .multiplier = {layer.multiplier}, .shift = {layer.shift},\n}};\n"
    )


def _output(plan: Plan, layer: net.Convolution | net.Depthwise, name: str) -> str:
    """The kernel_output of a layer, or of a group of its channels."""
    rescaling = layer.rescaling
    tensor = plan.network.tensors[layer.output]
    channel, column = _output_strides(plan, layer)
    return (
        "    .output = {\n"
        f"        .numbers = {name}_scales, .zero_point = {rescaling.zero_point},\n"
        f"        .minimum = {rescaling.minimum}, .maximum = {rescaling.maximum},\n"
        f"        .channels = {len(layer.bias)}, .columns = {tensor.columns},\n"
        f"        .channel_stride = {channel}, .column_stride = {column},\n    }},\n"
    )


def _limits(layer: net.Add | net.Pool) -> str:
    return f"    .minimum = {layer.minimum}, .maximum = {layer.maximum},\n"


def _output_strides(plan: Plan, layer: net.Layer) -> tuple[int, int]:
    """As `_strides`, of what a layer writes."""
    rows = plan.rows.get(layer.output)
    return _strides(rows) if rows else (1, plan.network.tensors[layer.output].channels)


def _strides(rows: Rows) -> tuple[int, int]:
    """Bytes from a channel to the next and from a column to the next."""
    return (rows.columns, 1) if rows.planar else (1, rows.tensor.channels)


def _window(plan: Plan, step: Step) -> str:
    """Pointers to the rows of the window, from the window's first column on."""
    rows = plan.rows[step.inputs[0]]
    window = step.window
    first = _offset_of_row("row", window)
    skipped = (rows.left - window.left) * _strides(rows)[1]
    name = ring_name(rows.tensor.index)
    if isinstance(step.layer, net.Pool) and not step.layer.margin_counts:
        take = f"const int count = take_rows(&{name}, {first}, {window.rows}, {skipped}, window);\n"
    else:
        take = f"take_window(&{name}, {first}, {window.rows}, {skipped}, window);\n"
    return f"const int8_t *window[{window.rows}];\n{take}"


def _offset_of_row(row: str, window: net.Window) -> str:
    scaled = row if window.row_stride == 1 else f"{row} * {window.row_stride}"
    return scaled if window.top == 0 else f"{scaled} - {window.top}"


def _source_row(rows: Rows, row: str) -> str:
    """A pointer to the first column of a row."""
    return _moved(
        f"ring_row(&{ring_name(rows.tensor.index)}, {row})", rows.left * _strides(rows)[1]
    )


def _target(plan: Plan, step: Step, row: str = "row") -> str:
    """A pointer to where the first column of a row goes."""
    if step.output not in plan.rows:
        tensor = plan.network.tensors[step.output]
        return f"output_values + {row} * {tensor.columns * tensor.channels}"
    return _source_row(plan.rows[step.output], row)


def _moved(pointer: str, by: int) -> str:
    return f"{pointer} + {by}" if by else pointer


def _shape(tensor: net.Tensor) -> str:
    return f"{tensor.rows} x {tensor.columns} x {tensor.channels}"


def _list(values: Any) -> str:
    return ", ".join(map(str, values))


def _indented(body: str) -> str:
    return "".join(f"    {line}\n" for line in body.splitlines())
