"""`tinyscene mcu test`: a generated project, built and run, against the kernels of others."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.errors import InputError
from deploy.files import write_bytes
from deploy.interpreters import quantize
from deploy.mcu.machines import Machine
from deploy.mcu.network import Network, Tensor
from deploy.mcu.project import INPUTS, OUTPUTS, WAVES, Project, read_records
from deploy.mcu.reader import read_network
from deploy.mcu.reference import ENGINES, EngineMissingError, reference_outputs
from deploy.model_file import ModelInfo, read_info

MOST_OFF = 4
"""Levels that a logit may be off, after all layers, where a layer may be off by one."""

LEAST_MAP_SHARE = 0.999
"""Of the map's values, how many must lie within one level of Python's."""


@dataclass(frozen=True)
class Check:
    """One comparison and how it ended."""

    name: str
    passed: bool
    found: str


def verify(project: Project, machine: Machine) -> list[Check]:
    """Build the programs, run them on the golden inputs, and compare.

    Raises:
        InputError: no compiler or emulator, a program that does not build or does not end.
    """
    network = read_network(project.model)
    size = network.tensors[network.input].size
    inputs = read_records(project.folder / INPUTS, np.int8, size)
    with tempfile.TemporaryDirectory() as folder:
        outputs = run_network(project, machine, inputs, Path(folder, "network"))
        checks = _compare_engines(project, network, inputs, outputs)
        if project.has_front_end:
            checks += _check_scene(project, machine, network, Path(folder, "waves"))
    return checks


def run_network(project: Project, machine: Machine, inputs: np.ndarray, folder: Path) -> np.ndarray:
    """The outputs (records, values) of the built network for int8 inputs (records, values)."""
    program = machine.build(project, "network", folder)
    write_bytes(folder / "inputs.bin", inputs.astype(np.int8).tobytes())
    machine.run(program, folder)
    return _records(folder / "outputs.bin", np.int8, len(inputs))


def run_waves(
    project: Project, machine: Machine, waves: np.ndarray, folder: Path
) -> tuple[np.ndarray, np.ndarray]:
    """int8 maps (waves, mels * columns) and logits (waves, classes) of int16 waves of a second."""
    program = machine.build(project, "waves", folder)
    write_bytes(folder / "waves.bin", waves.astype(np.int16).tobytes())
    write_bytes(folder / "want_maps", b"")
    machine.run(program, folder)
    maps = _records(folder / "maps.bin", np.int8, len(waves))
    return maps, _records(folder / "outputs.bin", np.int8, len(waves))


def _records(path: Path, dtype: type, count: int) -> np.ndarray:
    values: np.ndarray = np.fromfile(path, dtype)
    if count == 0 or len(values) == 0 or len(values) % count:
        raise InputError(f"{path.name}: the program wrote {len(values)} values for {count} inputs.")
    return values.reshape(count, -1)


def _compare_engines(
    project: Project, network: Network, inputs: np.ndarray, outputs: np.ndarray
) -> list[Check]:
    path = project.folder / OUTPUTS
    golden = read_records(path, np.int8, outputs.shape[1])
    if len(golden) != len(outputs):
        raise InputError(
            f"{path}: found {len(golden)} records, expected {len(outputs)}, one for each input; "
            "generate the project again."
        )
    limit = 0 if project.rounding == "exact" else MOST_OFF
    checks = [_compare("golden outputs", outputs, golden, limit)]
    for engine in ENGINES:
        try:
            expected = reference_outputs(engine, project.model, network, inputs)
        except EngineMissingError:
            checks.append(Check(engine, True, "not compared, for it is not installed"))
            continue
        allowed = MOST_OFF if engine == "LiteRT" and _is_fully_connected(network) else limit
        checks.append(_compare(engine, outputs, expected, allowed))
    return checks


def _is_fully_connected(network: Network) -> bool:
    """Whether there is a layer that LiteRT and TFLM themselves do not agree about.

    LiteRT's reference kernel of FULLY_CONNECTED rounds once, TFLM's twice, as all their others do.
    """
    return any(layer.kind == "FULLY_CONNECTED" for layer in network.layers)


def _compare(name: str, outputs: np.ndarray, expected: np.ndarray, limit: int) -> Check:
    off = np.abs(outputs.astype(int) - expected)
    found = f"{len(outputs)} inputs, largest difference {off.max()} levels (at most {limit})"
    return Check(name, bool(off.max() <= limit), found)


def _check_scene(project: Project, machine: Machine, network: Network, folder: Path) -> list[Check]:
    info = read_info(project.model)
    waves = read_records(project.folder / WAVES, np.int16, info.front_end.rate_hz)
    maps, logits = run_waves(project, machine, waves, folder)
    expected = python_maps(info, network.tensors[network.input], waves)
    heard = reference_outputs("LiteRT", project.model, network, maps)
    limit = 0 if project.rounding == "exact" and not _is_fully_connected(network) else MOST_OFF
    return [_compare_maps(maps, expected), _compare("wave to logits", logits, heard, limit)]


def python_maps(info: ModelInfo, source: Tensor, waves: np.ndarray) -> np.ndarray:
    """The network's int8 input (waves, values) as Python computes it from int16 waves."""
    log_mel = info.front_end.log_mel(waves.astype(np.float32) / 2**15)
    numbers = {"dtype": np.int8, "quantization": (source.scale, source.zero_point)}
    return quantize(log_mel, numbers).reshape(len(waves), -1)


def _compare_maps(maps: np.ndarray, expected: np.ndarray) -> Check:
    off = np.abs(maps.astype(int) - expected)
    share = float((off <= 1).mean())
    found = (
        f"{100 * (off == 0).mean():.2f} % of the values equal, "
        f"{100 * share:.2f} % within one level (at least {100 * LEAST_MAP_SHARE:.1f} %)"
    )
    return Check("log-mel map against Python's", share >= LEAST_MAP_SHARE, found)
