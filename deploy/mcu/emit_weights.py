"""weights.h: the constants of the layers, in the order of each kernel file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deploy.mcu import network as net
from deploy.mcu import weight_orders
from deploy.mcu.c_text import c_array
from deploy.mcu.plan import Plan, Rows
from deploy.mcu.steps import SLIDING, Step
from deploy.mcu.weight_orders import Constants

Order = Callable[[net.Convolution | net.Depthwise, Rows], Constants]

ORDERS: dict[str, Order] = {
    "KERNEL_MVE": weight_orders.portable,
    "KERNEL_DSP": weight_orders.dsp,
    "KERNEL_PORTABLE": weight_orders.portable,
}
"""By the macro that chooses the kernel file."""


def weights_header(plan: Plan) -> str:
    """The text of weights.h."""
    sections = [
        f"#if defined({macro})\n\n{_arrays(plan, order)}\n#endif /* {macro} */\n"
        for macro, order in ORDERS.items()
    ]
    return "\n".join(
        [
            "/* Weights, biases and scales of the layers; the kernels' files tell their order. */",
            "#ifndef WEIGHTS_H\n#define WEIGHTS_H\n",
            '#include "kernels.h"\n',
            *sections,
            *_blank_rows(plan),
            "#endif",
        ]
    )


def blank_name(zero_point: int) -> str:
    """Name of the row that stands outside of a tensor with that zero point."""
    return f"blank_{'minus_' if zero_point < 0 else ''}{abs(zero_point)}"


def reads_blank(step: Step) -> bool:
    """Whether a step's window takes in rows that are not there."""
    if isinstance(step.layer, net.AveragePool) and not step.layer.margin_counts:
        return False
    return isinstance(step.layer, SLIDING) and (step.window.top > 0 or step.window.bottom > 0)


def _arrays(plan: Plan, order: Order) -> str:
    texts = []
    for step in plan.steps:
        if isinstance(step.layer, net.Convolution | net.Depthwise):
            constants = order(step.layer, plan.rows[step.inputs[0]])
            name = f"layer_{step.layer.index}"
            texts.append(c_array(f"{name}_weights", constants.weights))
            texts.append(c_array(f"{name}_scales", constants.numbers))
    return "\n".join(texts)


def _blank_rows(plan: Plan) -> list[str]:
    sizes: dict[int, int] = {}
    for step in filter(reads_blank, plan.steps):
        rows = plan.rows[step.inputs[0]]
        zero_point = rows.tensor.zero_point
        sizes[zero_point] = max(sizes.get(zero_point, 0), rows.row_bytes)
    return [
        f"/* A row outside of a tensor whose zero point is {zero_point}. */\n"
        + c_array(blank_name(zero_point), np.full(size, zero_point, np.int8))
        for zero_point, size in sizes.items()
    ]
