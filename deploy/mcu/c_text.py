"""Writing C: arrays and names."""

from __future__ import annotations

import textwrap

import numpy as np

C_TYPES = {np.dtype(name): f"{name}_t" for name in ("int8", "int16", "int32", "uint16", "uint32")}


def c_array(name: str, values: np.ndarray) -> str:
    """A static constant array of integers, of as many lines as it takes."""
    numbers = ", ".join(map(str, values.reshape(-1).tolist()))
    lines = textwrap.fill(numbers, 100, initial_indent="    ", subsequent_indent="    ")
    return f"static const {C_TYPES[values.dtype]} {name}[{values.size}] = {{\n{lines}\n}};\n"


def c_comment(text: str) -> str:
    """Text that cannot end the comment it stands in."""
    return "".join(c if c.isprintable() else "?" for c in text).replace("*/", "* /")
