"""weights.h: the constants of the layers, in the order of each kernel file."""

from __future__ import annotations

from collections.abc import Callable

from deploy.mcu import network as net
from deploy.mcu import weight_orders
from deploy.mcu.c_text import c_array
from deploy.mcu.plan import Plan, Rows
from deploy.mcu.weight_orders import Constants

Order = Callable[[net.Convolution | net.Depthwise, Rows], Constants]

ORDERS: dict[str, Order] = {
    "KERNEL_MVE": weight_orders.mve,
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
            "#endif",
        ]
    )


def _arrays(plan: Plan, order: Order) -> str:
    texts = []
    for step in plan.steps:
        if isinstance(step.layer, net.Convolution | net.Depthwise):
            constants = order(step.layer, plan.rows[step.inputs[0]])
            name = f"layer_{step.layer.index}"
            texts.append(c_array(f"{name}_weights", constants.weights))
            texts.append(c_array(f"{name}_scales", constants.numbers))
    return "\n".join(texts)
