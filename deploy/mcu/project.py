"""Writing a generated project: a folder of C that needs nothing else."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deploy.errors import InputError, suggestion
from deploy.files import make_folder, read_json, write_json
from deploy.mcu.boards import write_board_files
from deploy.mcu.emit_model import model_header, model_source
from deploy.mcu.emit_weights import weights_header
from deploy.mcu.front_end_tables import front_end_header, map_columns, scratch_bytes
from deploy.mcu.golden import golden_inputs, golden_waves
from deploy.mcu.network import Network
from deploy.mcu.plan import Plan, make_plan
from deploy.mcu.project_readme import project_readme
from deploy.mcu.reader import read_network
from deploy.mcu.reference import EngineMissingError, reference_outputs
from deploy.model_file import ModelInfo, info_file, read_info

C_FILES = Path(__file__).parent / "c"
"""What each project gets as it is."""

FRONT_END_FILES = ("frontend.c", "frontend.h", "scene.c", "scene.h", "programs/waves.c")
"""Of C_FILES, what a network without a front end does not get."""

DESCRIPTION = "project.json"
"""The file by which a folder is known as a generated project."""

MODEL = "golden/model.tflite"
INPUTS = "golden/inputs.bin"
OUTPUTS = "golden/outputs.bin"
WAVES = "golden/waves.bin"

TARGETS = {
    "cortex-m4": "mps2-an386",
    "cortex-m7": "mps2-an500",
    "cortex-m33": "mps2-an505",
    "cortex-m55": "mps3-an547",
    "cortex-m0plus": "cortex-m0plus",
    "generic": "host",
}
"""Processors that a project can be made for, with the board that it is built for by default."""


@dataclass(frozen=True)
class Project:
    """A generated project, opened."""

    folder: Path
    target: str
    rounding: str
    has_front_end: bool

    @property
    def model(self) -> Path:
        """The network it was made of."""
        return self.folder / MODEL

    @property
    def board(self) -> str:
        """The board of its target, or 'host'."""
        return TARGETS[self.target]


def write_project(model: Path, folder: Path, *, target: str, rounding: str) -> Plan:
    """Compile a full-int8 .tflite file, with the front end of the JSON beside it, into C.

    Args:
        target: a name of `TARGETS`.
        rounding: 'exact', as TFLite rounds, or 'fast', at most one off in each layer.

    Raises:
        InputError: a network or a front end that cannot become C, or a folder of something else.
    """
    if target not in TARGETS:
        raise InputError(f"--target {target}: is unknown{suggestion(target, TARGETS)}")
    _expect_own_folder(folder)
    network = read_network(model)
    info = read_info(model) if info_file(model).is_file() else None
    plan = make_plan(network)
    texts = _emitted(plan, info, fast_rounding=rounding == "fast")
    texts["README.md"] = project_readme(plan, info, target, rounding)
    make_folder(folder.parent)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        whole = Path(temporary) / folder.name
        _copy_c_files(whole, with_front_end=info is not None)
        for name, text in texts.items():
            (whole / name).write_text(text, encoding="utf-8", newline="\n")
        write_board_files(whole)
        _set_board(whole, TARGETS[target])
        _write_golden(whole, model, network, info)
        write_json(whole / DESCRIPTION, _description(model, plan, info, target, rounding))
        _move(whole, folder)
    return plan


def open_project(folder: Path) -> Project:
    """Open a generated project.

    Raises:
        InputError: the folder is not one, or not a whole one.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise InputError(f"{folder}: is no generated project; run: tinyscene mcu MODEL --out DIR")
    content = read_json(path)
    try:
        project = Project(
            folder, content["target"], content["rounding"], content["front_end"] is not None
        )
        known = project.target in TARGETS
    except (KeyError, TypeError):
        known = False
    missing = [name for name in (MODEL, INPUTS, OUTPUTS) if not (folder / name).is_file()]
    if not known or missing:
        raise InputError(f"{folder}: is not a whole project; generate it again.")
    return project


def _expect_own_folder(folder: Path) -> None:
    """An earlier project may be replaced, nothing else."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, expected a folder to write; choose another.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / DESCRIPTION).is_file():
        raise InputError(f"{folder}: holds other files; choose an empty folder.")


def _emitted(plan: Plan, info: ModelInfo | None, *, fast_rounding: bool) -> dict[str, str]:
    """The files that depend on the network, by name."""
    scratch = scratch_bytes(info.front_end) if info else 0
    texts = {
        "model.h": model_header(plan, fast_rounding=fast_rounding, scratch_bytes=scratch),
        "model.c": model_source(plan),
        "weights.h": weights_header(plan),
    }
    if info:
        texts["frontend_tables.h"] = _front_end_tables(plan.network, info)
    return texts


def _front_end_tables(network: Network, info: ModelInfo) -> str:
    source, output = network.tensors[network.input], network.tensors[network.output]
    if len(info.labels) != output.size:
        raise InputError(
            f"the file beside the model has {len(info.labels)} labels, expected one for each of "
            f"{output.size} outputs; keep the JSON that was written with the model."
        )
    columns = map_columns(info.front_end, (1, source.rows, source.columns, source.channels))
    return front_end_header(info.front_end, source.scale, source.zero_point, columns, info.labels)


def _copy_c_files(folder: Path, *, with_front_end: bool) -> None:
    shutil.copytree(C_FILES, folder)
    if not with_front_end:
        for name in FRONT_END_FILES:
            (folder / name).unlink()


def _set_board(folder: Path, board: str) -> None:
    for name in ("Makefile", "CMakeLists.txt"):
        path = folder / name
        path.write_text(path.read_text().replace("@BOARD@", board))


def _write_golden(folder: Path, model: Path, network: Network, info: ModelInfo | None) -> None:
    """Inputs, and what others make of them."""
    (folder / "golden").mkdir()
    shutil.copy(model, folder / MODEL)
    inputs = golden_inputs(network)
    (folder / INPUTS).write_bytes(inputs.tobytes())
    outputs = _golden_outputs(model, network, inputs)
    (folder / OUTPUTS).write_bytes(outputs.tobytes())
    if info:
        shutil.copy(info_file(model), folder / f"{MODEL}.json")
        waves = golden_waves(info.front_end)
        (folder / WAVES).write_bytes(waves.astype(np.int16).tobytes())


def _golden_outputs(model: Path, network: Network, inputs: np.ndarray) -> np.ndarray:
    """TFLM's, or those of LiteRT's reference kernels where TFLM is not installed or refuses."""
    try:
        return reference_outputs("TFLM", model, network, inputs)
    except (EngineMissingError, InputError):
        return reference_outputs("LiteRT", model, network, inputs)


def _description(
    model: Path, plan: Plan, info: ModelInfo | None, target: str, rounding: str
) -> dict[str, Any]:
    return {
        "model": model.name,
        "model_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "target": target,
        "rounding": rounding,
        "front_end": info.front_end.name if info else None,
        "arena_bytes": plan.arena_bytes,
    }


def _move(whole: Path, folder: Path) -> None:
    """Put the project in its place; an earlier one goes away only when this one is complete."""
    earlier = whole.with_name("earlier")
    if folder.exists():
        os.replace(folder, earlier)
    os.replace(whole, folder)
