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
        for name, part in _parts(step.layer):
            constants = order(part, plan.rows[step.inputs[0]])
            texts.append(c_array(f"{name}_weights", constants.weights))
            texts.append(c_array(f"{name}_scales", constants.numbers))
    return "\n".join(texts)


def _parts(layer: net.Layer | None) -> list[tuple[str, net.Convolution | net.Depthwise]]:
    """What a kernel computes at a time of a layer with weights, by its name in C."""
    if isinstance(layer, net.Convolution):
        return [(part_name(layer, group), part) for group, part in enumerate(layer.parts())]
    return [(f"layer_{layer.index}", layer)] if isinstance(layer, net.Depthwise) else []


def part_name(layer: net.Convolution, group: int) -> str:
    """The C name of a group's constants, or, where there is but one group, of the layer's."""
    return f"layer_{layer.index}" + (f"_group_{group}" if layer.groups > 1 else "")
