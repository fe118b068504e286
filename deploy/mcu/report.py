"""`tinyscene mcu report`: flash, RAM, and instructions in all and per layer, under emulation."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deploy.files import write_bytes
from deploy.mcu.elf import sizes
from deploy.mcu.machines import EmulatedBoard
from deploy.mcu.network import macs
from deploy.mcu.project import INPUTS, WAVES, Project, read_records
from deploy.mcu.reader import read_network
from deploy.model_file import read_info
from deploy.table import format_table


@dataclass(frozen=True)
class LayerCost:
    """Instructions of one operator in one inference."""

    index: int
    kind: str
    instructions: int
    macs: int


@dataclass(frozen=True)
class Cost:
    """What a project takes of a board; instructions are None where nothing counts them."""

    board: str
    toolchain: str
    rounding: str
    flash_bytes: int
    """Of a program with network and, where there is one, front end; the test program included."""
    ram_bytes: int
    """Of the same, with its stack."""
    network_instructions: int | None
    front_end_instructions: int | None
    """For the columns of one second."""
    macs: int
    layers: tuple[LayerCost, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it, saying what it is."""
        return {"kind": "instructions under emulation, not cycles of silicon", **asdict(self)}


def measure(project: Project, machine: EmulatedBoard) -> Cost:
    """Build and run a project on an emulated board.

    Raises:
        InputError: no compiler or emulator, or a program that does not build or does not end.
    """
    network = read_network(project.model)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        size = network.tensors[network.input].size
        inputs = read_records(project.folder / INPUTS, np.int8, size)
        write_bytes(folder / "inputs.bin", inputs[0].tobytes())
        program = machine.build(project, "network", folder)
        machine.run(program, folder)
        (network_count,) = _counts(folder / "counts.bin")
        front_end_count = None
        if project.has_front_end:
            rate_hz = read_info(project.model).front_end.rate_hz
            waves = read_records(project.folder / WAVES, np.int16, rate_hz)
            write_bytes(folder / "waves.bin", waves.tobytes())
            program = machine.build(project, "waves", folder)
            machine.run(program, folder)
            front_end_count = _counts(folder / "counts.bin")[0]
        taken = sizes(program)
        layers = _layer_counts(project, machine, folder)
    return Cost(
        board=machine.board.name,
        toolchain=machine.toolchain,
        rounding=project.rounding,
        flash_bytes=taken.flash,
        ram_bytes=taken.ram,
        network_instructions=network_count or None,
        front_end_instructions=front_end_count or None,
        macs=sum(macs(network, layer) for layer in network.layers),
        layers=tuple(
            LayerCost(layer.index, layer.kind, layers[layer.index], macs(network, layer))
            for layer in network.layers
        ),
    )


def _counts(path: Path) -> list[int]:
    return [int(count) for count in np.fromfile(path, "<u8")]


def _layer_counts(project: Project, machine: EmulatedBoard, folder: Path) -> list[int]:
    profiler = replace(machine, defines=(*machine.defines, "MODEL_PROFILE"))
    profiler.run(profiler.build(project, "profile", folder), folder)
    return _counts(folder / "layers.bin")


def format_cost(cost: Cost) -> str:
    """The cost as tables, saying what they are."""
    counted = cost.network_instructions
    lines = [
        f"{cost.board}, {cost.toolchain} -O2, {cost.rounding} rounding",
        f"flash {cost.flash_bytes:,} bytes, RAM {cost.ram_bytes:,} bytes with the stack",
    ]
    if counted is None:
        return "\n".join([*lines, "instructions: not counted here; QEMU counts them."])
    lines.append(
        f"network {counted:,} instructions, {counted / cost.macs:.2f} a MAC"
        if cost.macs
        else f"network {counted:,} instructions"
    )
    if cost.front_end_instructions:
        lines.append(f"front end {cost.front_end_instructions:,} instructions a second of sound")
    rows = [
        (layer.index, layer.kind, f"{layer.instructions:,}", f"{layer.macs:,}", _per_mac(layer))
        for layer in cost.layers
        if layer.instructions
    ]
    table = format_table(("layer", "operator", "instructions", "MACs", "per MAC"), rows)
    end = "Instructions under emulation, not cycles of silicon."
    return "\n".join([*lines, "", table, "", end])


def _per_mac(layer: LayerCost) -> str:
    return f"{layer.instructions / layer.macs:.2f}" if layer.macs else "-"
