"""How a network runs in little memory: row by row, each tensor keeping only the rows still needed.

The last row is asked for, which asks for the rows it is made of, and so on up to the input. What
comes of it is a schedule, and from the schedule the rows that each tensor must hold at a time.
Where a layer needs all of its input, as a reshape does, that tensor is held whole; a network of
such layers gets a plan of whole tensors and their lifetimes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from deploy.mcu import network as net
from deploy.mcu.memory import place
from deploy.mcu.steps import Step, steps_of

SUM_BYTES = 4
"""Of an int32 in which a mean sums up a channel."""


@dataclass(frozen=True)
class Rows:
    """The memory of one tensor: a ring of rows, with room for the margins that its readers see."""

    tensor: net.Tensor
    depth: int
    """Rows held at a time."""
    left: int
    right: int
    """Columns of the zero point on either side of each row."""
    planar: bool
    """Whether a row is [channels][columns], as depthwise kernels like it, or the reverse."""
    offset: int = 0
    """First byte in the arena."""

    @property
    def columns(self) -> int:
        """Columns of a row in memory."""
        return self.left + self.tensor.columns + self.right

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in memory."""
        return self.columns * self.tensor.channels

    @property
    def bytes(self) -> int:
        """Bytes of the ring."""
        return self.row_bytes * self.depth


@dataclass(frozen=True)
class Plan:
    """The schedule of a network and the memory it needs."""

    network: net.Network
    steps: tuple[Step, ...]
    schedule: tuple[int, ...]
    """Positions in `steps`, in the order in which their turns come."""
    rows: dict[int, Rows]
    """By tensor; the network's output is not among them, for it goes to the caller."""
    sums: dict[int, int]
    """First byte in the arena of a mean's sums, by the tensor that it gives."""
    blanks: dict[int, int]
    """First byte in the arena of the row outside of tensors, by their zero point."""
    arena_bytes: int

    @property
    def touched(self) -> set[int]:
        """Tensors that scheduled steps read or write: none before a window of margin alone."""
        steps = [self.steps[position] for position in set(self.schedule)]
        return {tensor for step in steps for tensor in (*step.inputs, step.output)}

    def blank_bytes(self, zero_point: int) -> int:
        """Bytes of that row, as long as the longest that it stands for."""
        return _blank_sizes(self.steps, self.rows)[zero_point]


@dataclass
class _Use:
    """When each row of a tensor is written and last read, as places in the schedule."""

    written: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)

    def depth(self) -> int:
        """Rows that must have a place at a time: none may be overwritten before its last use."""
        rows_by_then = np.searchsorted(self.written, self.last, side="right")
        return int((rows_by_then - np.arange(len(self.written))).max(initial=1))

    def alive(self, length: int) -> np.ndarray:
        """bool (length,): when any row is needed."""
        change = np.zeros(length + 1, int)
        np.add.at(change, np.array(self.written, int), 1)
        np.add.at(change, np.array(self.last, int) + 1, -1)
        return change.cumsum()[:-1] > 0


def make_plan(network: net.Network) -> Plan:
    """The plan of a network."""
    steps = steps_of(network)
    schedule = _schedule(network, steps)
    uses = _uses(steps, schedule)
    rows = {
        step.output: _rows(network, steps, step, uses[step.output].depth())
        for step in steps
        if step.output != network.output
    }
    alive = {index: _alive(held, uses[index], len(schedule)) for index, held in rows.items()}
    sizes: dict[tuple[str, int], int] = {("rows", index): rows[index].bytes for index in rows}
    times = {("rows", index): alive[index] for index in rows}
    for position, step in enumerate(steps):
        if isinstance(step.layer, net.Mean):
            sizes["sums", step.output] = SUM_BYTES * network.tensors[step.output].channels
            times["sums", step.output] = _span(schedule, position)
    for zero_point, size in _blank_sizes(steps, rows).items():
        sizes["blank", zero_point] = size
        times["blank", zero_point] = np.ones(len(schedule), bool)
    offsets, arena_bytes = place(sizes, times)
    return Plan(
        network,
        steps,
        schedule,
        {index: replace(rows[index], offset=offsets["rows", index]) for index in rows},
        {index: offset for (kind, index), offset in offsets.items() if kind == "sums"},
        {zero: offset for (kind, zero), offset in offsets.items() if kind == "blank"},
        arena_bytes,
    )


def _schedule(network: net.Network, steps: tuple[Step, ...]) -> tuple[int, ...]:
    """Depth first: a turn comes as soon as what it reads is there, and not before it is asked."""
    producer = {step.output: position for position, step in enumerate(steps)}
    done = [0] * len(steps)
    schedule: list[int] = []
    for row in range(network.tensors[network.output].rows):
        asked = [(producer[network.output], row)]
        while asked:
            position, row = asked[-1]
            step = steps[position]
            if done[position] >= step.turns_for(row):
                asked.pop()
                continue
            rows = step.reads(done[position])
            missing = [
                (producer[source], rows[-1])
                for source in step.inputs
                if rows and done[producer[source]] < steps[producer[source]].turns_for(rows[-1])
            ]
            if missing:
                asked.append(missing[0])
            else:
                schedule.append(position)
                done[position] += 1
    return tuple(schedule)


def _uses(steps: tuple[Step, ...], schedule: tuple[int, ...]) -> dict[int, _Use]:
    uses = {step.output: _Use() for step in steps}
    turns = [0] * len(steps)
    for time, position in enumerate(schedule):
        step = steps[position]
        for source in step.inputs:
            for row in step.reads(turns[position]):
                uses[source].last[row] = time
        turns[position] += 1
        if turns[position] == step.turns_for(len(uses[step.output].written)):
            uses[step.output].written.append(time)
            uses[step.output].last.append(time)
    return uses


def _rows(network: net.Network, steps: tuple[Step, ...], writer: Step, depth: int) -> Rows:
    readers = [step for step in steps if writer.output in step.inputs]
    planar = isinstance(writer.layer, net.Convolution) and all(
        isinstance(step.layer, net.Depthwise) for step in readers
    )
    return Rows(
        network.tensors[writer.output],
        depth,
        left=max((step.window.left for step in readers), default=0),
        right=max((step.window.right for step in readers), default=0),
        planar=planar,
    )


def _alive(rows: Rows, use: _Use, length: int) -> np.ndarray:
    """When its memory is needed: with margins from the start, for they are written only then."""
    alive = use.alive(length)
    if rows.left or rows.right:
        alive[: max(use.last, default=-1) + 1] = True
    return alive


def _blank_sizes(steps: tuple[Step, ...], rows: dict[int, Rows]) -> dict[int, int]:
    sizes: dict[int, int] = {}
    for step in filter(Step.reads_outside, steps):
        held = rows[step.inputs[0]]
        zero_point = held.tensor.zero_point
        sizes[zero_point] = max(sizes.get(zero_point, 0), held.row_bytes)
    return sizes


def _span(schedule: tuple[int, ...], position: int) -> np.ndarray:
    """bool (times,): from the first to the last turn of a step."""
    turns = np.flatnonzero(np.array(schedule) == position)
    times = np.arange(len(schedule))
    return (times >= turns[0]) & (times <= turns[-1])
