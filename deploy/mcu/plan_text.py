"""The memory plan in words and numbers."""

from __future__ import annotations

from deploy.mcu.plan import Plan, Rows
from deploy.table import format_table

HEADER = ("tensor", "rows x columns x channels", "rows held", "bytes", "at")


def plan_table(plan: Plan) -> str:
    """A line for each buffer of the arena, in the order of the network."""
    lines = [_line(rows) for rows in plan.rows.values()]
    for tensor, offset in plan.sums.items():
        channels = plan.network.tensors[tensor].channels
        lines.append(
            (f"{tensor} sums", f"{channels} int32", "-", f"{4 * channels:,}", f"{offset:,}")
        )
    for zero_point, offset in plan.blanks.items():
        size = plan.blank_bytes(zero_point)
        lines.append(
            (f"outside {zero_point}", "1 row of the zero point", "-", f"{size:,}", f"{offset:,}")
        )
    whole = sum(rows.tensor.size for rows in plan.rows.values())
    return (
        f"{format_table(HEADER, lines)}\n\n"
        f"arena {plan.arena_bytes:,} bytes; the same tensors held whole have {whole:,}"
    )


def _line(rows: Rows) -> tuple[str, ...]:
    tensor = rows.tensor
    held = "all" if rows.depth == tensor.rows else str(rows.depth)
    return (
        str(tensor.index),
        f"{tensor.rows} x {tensor.columns} x {tensor.channels}",
        held,
        f"{rows.bytes:,}",
        f"{rows.offset:,}",
    )
