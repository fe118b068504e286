"""Recipes: everything that defines a training, typed, frozen and readable as YAML."""

from __future__ import annotations

import re
import reprlib
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from baseline.published_weights import PUBLISHED
from deploy.errors import InputError, suggestion
from deploy.frontend import FrontEnd
from deploy.model_file import read_front_end

RECIPE_FOLDER = Path(__file__).parent / "recipes"

SYNTHETIC = "synthetic"
"""Stands for `synthetic_responses` in the place of a folder of impulse responses."""

Precision = Literal["fp32", "fp16", "int8"]

FLOAT_SYSTEM_OF_PRECISION = {"fp32": "torch-fp32", "fp16": "torch-fp16"}
"""The system that is submitted at each precision but int8."""


QuantizationMethod = Literal["ptq", "qat", "tuned"]

INT8_SYSTEM_OF_METHOD: dict[QuantizationMethod, str] = {
    "ptq": "tflite-int8",
    "qat": "tflite-int8-qat",
    "tuned": "onnx-int8-tuned",
}
"""The int8 system of each method that is submitted."""


class RecipeLoader(yaml.SafeLoader):
    """The safe loader that also takes 1e-3 for a number, as YAML 1.2 does."""


RecipeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def _plain(name: str) -> str:
    """A name that, as part of a path, stays in its folder."""
    if not name.isprintable() or re.search(r"[/\\]", name) or name.startswith(".") or not name:
        raise ValueError(
            f"found {name!r}, expected a name without slashes, not beginning with a dot"
        )
    return name


def _folder_or_synthetic(value: str | None) -> str | None:
    """A folder's whole path, because the recipe is read again from another folder."""
    if value is None or value == SYNTHETIC:
        return value
    if not value:
        raise ValueError("found an empty text, expected a folder, 'synthetic' or null")
    return str(Path(value).expanduser().resolve())


def _published_or_file(value: str | None) -> str | None:
    if value is None or value in PUBLISHED:
        return value
    if not value:
        raise ValueError(
            "found an empty text, expected a file, a name of published weights or null"
        )
    return str(Path(value).expanduser().resolve())


def _front_end(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    try:
        if unknown := sorted(set(value) - {field.name for field in fields(FrontEnd)}):
            raise TypeError(f"'{unknown[0]}' is unknown")
        return read_front_end(value)
    except KeyError as error:
        raise ValueError(f"{error} is missing") from error
    except TypeError as error:
        raise ValueError(str(error)) from error


SCHEDULES = ("warmup_steps", "warmup_share", "ramp")
"""Settings of a training that say how its learning rate changes, and exclude each other."""


class Section(BaseModel):
    """A group of settings: unknown keys are refused and values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Augmentation(Section):
    """What is done to each training batch; zero or null switches a step off."""

    roll_seconds: float = Field(0.1, ge=0, le=1)
    frequency_mask_mels: int = Field(48, ge=0)
    mixstyle_probability: float = Field(0.4, ge=0, le=1)
    mixstyle_alpha: float = Field(0.3, gt=0)
    time_mask_frames: int = Field(0, ge=0)
    impulse_responses: Annotated[str | None, AfterValidator(_folder_or_synthetic)] = None
    """Folder of device impulse responses as `read_responses` reads it, or `synthetic`."""
    impulse_response_probability: float = Field(0.4, ge=0, le=1)
    impulse_response_devices: tuple[str, ...] = Field(("a",), min_length=1, strict=False)
    """Devices whose clips may be heard through a response."""
    pitch_semitones: int = Field(0, ge=0, le=12)
    """Farthest pitch shift either way."""
    lowest_mel_range_hz: int = Field(1, ge=1)
    """For each batch the mels begin up to one Hz less than this higher; see `shift_mel_range`."""
    highest_mel_range_hz: int = Field(1, ge=1)
    """Half of it either way, the mels end elsewhere; 1000 in PaSST on scenes."""
    mixup_alpha: float = Field(0.0, ge=0)
    """Of mixup's Beta distribution; 0.3 in CP-JKU's systems."""

    @property
    def measured_responses(self) -> str | None:
        """Folder of the responses that clips are heard through; invented ones are no data."""
        heard = self.impulse_response_probability > 0 and self.impulse_responses != SYNTHETIC
        return self.impulse_responses if heard else None


class Ramp(Section):
    """A learning rate that changes once an epoch; see `baseline.schedule.ramp_factor`."""

    warmup_epochs: int = Field(ge=0)
    down_from_epoch: int = Field(ge=0)
    """Counted from 0."""
    down_epochs: int = Field(ge=1)
    last_factor: float = Field(gt=0, le=1)
    """What remains of the learning rate."""


class Training(Section):
    """Steps of an optimiser; the learning rate follows a ramp, or a warm-up and a cosine."""

    epochs: int = Field(150, ge=1)
    batch_size: int = Field(256, ge=2)
    learning_rate: float = Field(5e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    optimizer: Literal["adamw", "adam"] = "adamw"
    """Adam adds the weight decay to the gradient, as the CP-JKU systems of 2022 and 2023 did."""
    arithmetic: Literal["fp32", "bf16"] = "fp32"
    """Of the network; weights and loss are fp32 with either."""
    validate_every: int = Field(10, ge=1)
    """Epochs between two looks at the test split, for the learning curve only."""
    warmup_steps: int | None = Field(None, ge=0)
    warmup_share: float | None = Field(None, ge=0, lt=1)
    """Warm-up as a share of all steps, where a number of steps would outlast a small split."""
    ramp: Ramp | None = None
    """Instead of a linear warm-up and a cosine down to zero, which change with every step."""

    @model_validator(mode="after")
    def _one_schedule(self) -> Training:
        if [getattr(self, name) is None for name in SCHEDULES].count(False) != 1:
            raise ValueError(f"give exactly one of {', '.join(SCHEDULES)}")
        return self

    def warmup(self, total_steps: int) -> int:
        """Warm-up steps out of `total_steps`."""
        if self.warmup_steps is not None:
            return self.warmup_steps
        return round((self.warmup_share or 0.0) * total_steps)


class FineTuning(Training):
    """A short training that keeps close to where it starts."""

    epochs: int = Field(5, ge=1)
    batch_size: int = Field(64, ge=2)
    learning_rate: float = Field(3e-5, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    warmup_share: float | None = Field(0.0, ge=0, lt=1)
    frozen_epochs: int = Field(2, ge=1)
    """Last epochs, in which the ranges of the activations stay as they are."""


class Distillation(Section):
    """How a student weighs its teachers: see `baseline.distillation.student_loss`.

    CP-JKU of 2023: temperature 2, label weight 0.02, teacher weight 0.98 * 2^2; of 2022:
    temperature 1, label weight 1, teacher weight 50.
    """

    temperature: float = Field(2.0, gt=0, le=100)
    label_weight: float = Field(0.02, ge=0)
    teacher_weight: float = Field(3.92, gt=0)


class Quantization(Section):
    """How the int8 files are made."""

    method: QuantizationMethod = "ptq"
    """Whose int8 files are submitted where the precision is int8."""
    calibration_clips: int = Field(200, ge=10)
    observer: Literal["minmax", "percentile", "mse"] = "minmax"
    """How the range of an activation is chosen; see `quantize.ranges.Observer`."""
    percentile: float = Field(99.99, gt=50, le=100)
    """What the percentile observer keeps, on either side."""
    qat: FineTuning = FineTuning()
    """Quantisation-aware training, which starts from the trained float network."""
    qat_target: Literal["float_network", "training"] = "float_network"
    """What it learns: what the float network says, or again what that was trained on, so labels
    and teachers."""
    held_out_clips: int = Field(200, ge=10)
    """Training clips that neural-compressor measures a drop in accuracy on."""
    tolerable_drop: float = Field(0.005, ge=0, lt=1)
    """Drop in accuracy on them at which its search may end, as a share of one."""


class Recipe(Section):
    """One system: network, front end, training and the precision it is submitted at."""

    name: Annotated[str, AfterValidator(_plain)]
    """Part of the run folder's name."""
    network: str = "baseline2024"
    network_options: dict[str, Any] = {}
    """Keyword arguments of the network's builder, such as its width; checked where it is made."""
    initial_weights: Annotated[str | None, AfterValidator(_published_or_file)] = None
    """What the training starts from: a file, or a name of `tinyscene weights`; null: random."""
    front_end: Annotated[str | FrontEnd, BeforeValidator(_front_end)] = "dcase2024"
    """A registered front end's name, or the numbers of one of your own."""
    precision: Precision = "fp16"
    train: Training
    augment: Augmentation = Augmentation()
    distill: Distillation | None = None
    """Learning from teachers' logits, which are given when the training starts."""
    quantize: Quantization = Quantization()

    @property
    def submitted_system(self) -> str:
        """Name of the evaluated system that is submitted, such as `torch-fp16`."""
        if self.precision == "int8":
            return INT8_SYSTEM_OF_METHOD[self.quantize.method]
        return FLOAT_SYSTEM_OF_PRECISION[self.precision]


def recipe_names() -> list[str]:
    """Names of the recipes that come with TinyScene."""
    return sorted(path.stem for path in RECIPE_FOLDER.glob("*.yaml"))


def load_recipe(name_or_path: str, overrides: list[str] | None = None) -> Recipe:
    """Load a recipe by name or from a YAML file, with overrides such as `train.epochs=3`.

    Raises:
        InputError: unknown recipe, unknown key (naming the nearest valid one) or wrong value.
    """
    path = _recipe_path(name_or_path)
    values = _read_yaml(path)
    for override in overrides or []:
        _apply(values, override)
    values.setdefault("name", path.stem)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        place = _override_of(where, overrides or []) or path
        raise InputError(f"{place}: {_first_problem(error)}") from error


def save_recipe(recipe: Recipe) -> str:
    """The resolved recipe as YAML text."""
    return yaml.safe_dump(recipe.model_dump(), sort_keys=False)


def _recipe_path(name_or_path: str) -> Path:
    bundled = RECIPE_FOLDER / f"{name_or_path}.yaml"
    if name_or_path in recipe_names():
        return bundled
    path = Path(name_or_path)
    if path.is_file():
        return path
    raise InputError(
        f"recipe '{name_or_path}' is neither a file nor one of {', '.join(recipe_names())}"
        f"{suggestion(name_or_path, recipe_names())}"
    )


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = _parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is not a readable YAML recipe ({error}).") from error
    if not isinstance(values, dict):
        found = "nothing" if values is None else f"a {type(values).__name__}"
        raise InputError(f"{path}: expected a mapping of settings, found {found}.")
    return values


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise InputError(f"--set {override}: expected key=value, for example train.epochs=3.")
    *sections, last = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {override}: '{section}' is a value, not a section.")
    try:
        value = _parse_yaml(text)
    except ValueError as error:
        raise InputError(f"--set {override}: the value is not valid YAML ({error}).") from error
    if last in SCHEDULES:
        values.update({name: None for name in SCHEDULES if name in values})
    values[last] = value


def _parse_yaml(text: str) -> Any:
    """The values of a YAML text without tags of other languages.

    Raises:
        ValueError: not such a text; the message is one line.
    """
    try:
        return yaml.load(text, RecipeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"line {line}: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2024-13-45
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        valid = _valid_keys(problem["loc"][:-1])
        return f"unknown key '{where}'{suggestion(str(problem['loc'][-1]), valid)}"
    if problem["type"] == "value_error":  # one of our own validators
        return f"key '{where}': {problem['ctx']['error']}."
    found = "" if problem["type"] == "missing" else f", found {reprlib.repr(problem['input'])}"
    return f"key '{where}': {problem['msg']}{found}."


def _override_of(key: str, overrides: list[str]) -> str | None:
    """The last override that sets a key, something in it or something around it."""
    for override in reversed(overrides):
        overridden = override.partition("=")[0]
        if f"{key}.".startswith(f"{overridden}.") or f"{overridden}.".startswith(f"{key}."):
            return f"--set {override}"
    return None


def _valid_keys(location: tuple[int | str, ...]) -> list[str]:
    section: Any = Recipe
    for part in location:
        section = section.model_fields[part].annotation
    return list(section.model_fields)
