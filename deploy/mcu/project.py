"""Writing a generated project: a folder of C that needs nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deploy.errors import InputError, suggestion
from deploy.files import file_digest, read_json
from deploy.folders import replacing_folder
from deploy.mcu.boards import board_files
from deploy.mcu.emit_model import model_header, model_source
from deploy.mcu.emit_weights import weights_header
from deploy.mcu.front_end_tables import front_end_header, map_columns, scratch_bytes
from deploy.mcu.golden import golden_inputs, golden_waves
from deploy.mcu.network import Network
from deploy.mcu.own_folder import replaceable
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
    place = replaceable(folder, _files_written)
    network = read_network(model)
    info = read_info(model) if info_file(model).is_file() else None
    plan = make_plan(network)
    texts = _emitted(plan, info, fast_rounding=rounding == "fast")
    texts["README.md"] = project_readme(plan, info, target, rounding)
    files = _c_files(TARGETS[target], with_front_end=info is not None)
    files |= {name: text.encode() for name, text in (texts | board_files()).items()}
    files |= _golden(model, network, info)
    description = _description(model, plan, info, target, rounding)
    description["files"] = sorted([*files, DESCRIPTION])
    files[DESCRIPTION] = (json.dumps(description, indent=2) + "\n").encode()
    with replacing_folder(place) as whole:
        for name, content in files.items():
            (whole / name).parent.mkdir(parents=True, exist_ok=True)
            (whole / name).write_bytes(content)
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
    if not _is_description(content):
        raise InputError(f"{path}: describes no generated project; generate it again.")
    for name in content["files"]:
        if not (folder / name).is_file() or not (folder / name).stat().st_size:
            raise InputError(f"{folder / name}: is missing or empty; generate the project again.")
    return Project(folder, content["target"], content["rounding"], content["front_end"] is not None)


def read_records(path: Path, dtype: type[np.int8 | np.int16], size: int) -> np.ndarray:
    """The records (records, size) of a golden file.

    Raises:
        InputError: it does not hold whole records.
    """
    record_bytes = size * np.dtype(dtype).itemsize
    content = path.read_bytes()
    if not content or len(content) % record_bytes:
        raise InputError(
            f"{path}: found {len(content):,} bytes, expected whole records of {record_bytes:,}; "
            "generate the project again."
        )
    return np.frombuffer(content, dtype).reshape(-1, size)


def _files_written(folder: Path) -> list[str]:
    """The files that the project in a folder was written with; none where there is no project."""
    try:
        content = read_json(folder / DESCRIPTION)
    except InputError:
        return []
    return list(content["files"]) if _is_description(content) else []


def _is_description(content: Any) -> bool:
    """Whether the content of a JSON file is what `write_project` writes."""
    return (
        isinstance(content, dict)
        and content.get("target") in tuple(TARGETS)
        and content.get("rounding") in ("exact", "fast")
        and isinstance(content.get("front_end", 0), str | None)
        and isinstance(content.get("files"), list)
        and all(isinstance(name, str) for name in content["files"])
        and {DESCRIPTION, MODEL, INPUTS, OUTPUTS} <= set(content["files"])
        and (content["front_end"] is None or WAVES in content["files"])
    )


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


def _c_files(board: str, *, with_front_end: bool) -> dict[str, bytes]:
    """The files that do not depend on the network, by their place."""
    left_out = () if with_front_end else FRONT_END_FILES
    files = {
        path.relative_to(C_FILES).as_posix(): path.read_bytes()
        for path in C_FILES.rglob("*")
        if path.is_file()
    }
    for name in ("Makefile", "CMakeLists.txt"):
        files[name] = files[name].replace(b"@BOARD@", board.encode())
    return {name: content for name, content in files.items() if name not in left_out}


def _golden(model: Path, network: Network, info: ModelInfo | None) -> dict[str, bytes]:
    """Inputs, and what others make of them, by their place."""
    inputs = golden_inputs(network)
    files = {
        MODEL: model.read_bytes(),
        INPUTS: inputs.tobytes(),
        OUTPUTS: _golden_outputs(model, network, inputs).tobytes(),
    }
    if info:
        files[f"{MODEL}.json"] = info_file(model).read_bytes()
        files[WAVES] = golden_waves(info.front_end).astype(np.int16).tobytes()
    return files


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
        "model_sha256": file_digest(model),
        "target": target,
        "rounding": rounding,
        "front_end": info.front_end.name if info else None,
        "arena_bytes": plan.arena_bytes,
    }
