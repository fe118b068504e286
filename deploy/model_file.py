"""A model file and the JSON file beside it that says how to use it.

`tflite-int8.tflite` is accompanied by `tflite-int8.tflite.json`: labels and front-end numbers.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from deploy.errors import InputError
from deploy.files import read_json, write_json
from deploy.frontend import FrontEnd, MaskDomain, Triangles

KINDS = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
"""Types of a JSON value that stand for a field's type."""

WORDS = {"Triangles": get_args(Triangles), "MaskDomain": get_args(MaskDomain)}
"""Values of the fields that are one of a few words."""

MAX_SETTING = 100_000
"""Above any number of a front end; a file with a larger one is damaged."""

LOWEST = {"int": 1, "float": 0}
LOWEST_OF = {
    "mean": -MAX_SETTING,
    "deviation": 1e-3,
    "log_offset": float(np.finfo(np.float32).tiny),  # the log-mel is computed in float32
}
"""Of a field whose values begin elsewhere than those of its type."""

MAX_WEIGHTS = 2**24
"""Of a mel filterbank, for the same reason; the 2024 baseline's has 2**20."""

MAX_SPECTRUM = 2**24
"""Of the transforms of a second, in samples; the 2024 baseline's have 2**18."""

LONGEST_SHOWN = 60
"""Characters of a wrong value that an error shows."""


@dataclass(frozen=True)
class ModelInfo:
    """What a model needs around it: its classes in order and its front end."""

    labels: tuple[str, ...]
    front_end: FrontEnd
    trained_parameters: int | None = None
    """Parameters of the network as it was trained, before batch norm was folded away."""
    trained_macs: int | None = None
    """MACs of the network as it was trained, as the challenge's organisers count them."""


def info_file(model: Path) -> Path:
    """The JSON file beside a model file."""
    return model.with_name(model.name + ".json")


def write_info(model: Path, info: ModelInfo) -> None:
    """Write the file beside a model."""
    write_json(info_file(model), asdict(info))


def read_info(model: Path) -> ModelInfo:
    """Read the file beside a model.

    Raises:
        InputError: missing or incomplete.
    """
    path = info_file(model)
    if not path.is_file():
        raise InputError(
            f"{path}: is missing; keep it beside {model.name}, it holds labels and front end."
        )
    content = read_json(path)
    try:
        return ModelInfo(
            _labels(content["labels"]),
            read_front_end(content["front_end"]),
            _optional_count(content, "trained_parameters"),
            _optional_count(content, "trained_macs"),
        )
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path}: does not describe labels and a front end ({error}); export the model again."
        ) from error


def _labels(values: Any) -> tuple[str, ...]:
    """Labels to be printed, written to CSV and to C: of printable letters, each once."""
    if not isinstance(values, list) or not values:
        raise TypeError(f"labels are {_shown(values)}, expected a list of words")
    for index, label in enumerate(values):
        if not _is_name(label):
            raise TypeError(f"label {index} is {_shown(label)}, expected a word that can be read")
        if label in values[:index]:
            raise TypeError(f"label {index} is {_shown(label)}, which is there twice")
    return tuple(values)


def _is_name(value: Any) -> bool:
    """Text without control characters, for it goes to terminals, and without half letters."""
    return isinstance(value, str) and value.isprintable() and bool(value.strip())


def _shown(value: Any) -> str:
    """A value as ASCII, cut where it is long."""
    text = ascii(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def read_front_end(values: dict[str, Any]) -> FrontEnd:
    """A front end from its numbers by name.

    Raises:
        KeyError: a number is missing.
        TypeError: a number is not one, or they contradict each other.
    """
    for field in fields(FrontEnd):
        if field.default is MISSING or field.name in values:
            _check(field, values[field.name])
    front_end = FrontEnd(**values)
    fits = 1 < front_end.win_length <= front_end.n_fft <= 2 * front_end.rate_hz
    fits &= front_end.f_min_hz < front_end.f_max_hz <= front_end.rate_hz / 2
    fits &= front_end.n_mels <= front_end.n_fft // 2
    fits &= front_end.pre_emphasis <= 1
    if not fits or front_end.n_mels * front_end.n_fft > MAX_WEIGHTS:
        raise TypeError("its numbers contradict each other")
    if front_end.frames(front_end.rate_hz) * front_end.n_fft > MAX_SPECTRUM:
        raise TypeError(f"hop_length is {front_end.hop_length}, which is too short for n_fft")
    return front_end


def _check(field: Field[Any], value: Any) -> None:
    kind = str(field.type)
    if kind in WORDS:
        if value not in WORDS[kind]:
            raise TypeError(f"{field.name} is {_shown(value)}, expected {' or '.join(WORDS[kind])}")
    elif type(value) not in KINDS[kind]:
        raise TypeError(f"{field.name} is {_shown(value)}, expected {kind}")
    elif kind == "str" and not _is_name(value):
        raise TypeError(f"{field.name} is {_shown(value)}, expected a word that can be read")
    elif kind in LOWEST:
        lowest = LOWEST_OF.get(field.name, LOWEST[kind])
        if not lowest <= value <= MAX_SETTING:
            raise TypeError(f"{field.name} is {value!r}, expected from {lowest} to {MAX_SETTING}")


def _optional_count(content: dict[str, Any], key: str) -> int | None:
    """A count that files written by earlier versions do not have."""
    count = content.get(key)
    if count is None or (type(count) is int and count >= 0):
        return count
    raise TypeError(f"{key} is {count!r}, expected a whole number")
