"""Files that the report shows, typed and checked: scores, complexity, agreement, boards."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from baseline.challenge import SCENES
from deploy.errors import InputError
from deploy.files import read_json
from deploy.mcu.report import Cost
from submission.results.scores import Scores

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Checked = TypeVar("Checked")


class Record(BaseModel):
    """A part of a file; what it does not name is passed over."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class DetailedScores(Scores):
    """Scores with the confusion matrix."""

    log_loss: float = Field(ge=0)
    agreement_with_float: Share | None = None
    confusion: list[list[Count]]
    """Clips by true scene (row) and predicted scene (column)."""

    @model_validator(mode="after")
    def _square(self) -> Self:
        sides = [len(self.confusion), *(len(row) for row in self.confusion)]
        if set(sides) != {len(SCENES)}:
            raise ValueError(f"'confusion' is not {len(SCENES)} rows of {len(SCENES)} counts")
        return self


class Layer(Record):
    """A row of the layer table, as `baseline.complexity.Layer`."""

    name: str
    kind: str
    output_shape: list[Count]
    parameters: Count
    macs: Count


class Complexity(Record):
    """What `baseline.complexity.Complexity.to_dict` keeps in a run."""

    network: str
    parameters: Count
    macs: Count
    weight_macs: Count | None
    precision: str
    bytes: Count
    peak_activation_bytes: Count | None
    layers: list[Layer]


class Engine(Record):
    """A system by itself in the agreement report."""

    macro_accuracy: Share
    agreement_with_float: Share
    largest_logit_difference: float
    drop_points: float


class Agreement(Record):
    """What `quantize.agreement.report.report` found on the same clips for every system."""

    clips: Count
    engines: dict[str, Engine]


def read_complexity(path: Path) -> Complexity:
    """A run's complexity.json.

    Raises:
        InputError: missing or damaged.
    """
    return _read(path, TypeAdapter(Complexity), "train again.")


def read_agreement(path: Path) -> Agreement:
    """A run's agreement.json.

    Raises:
        InputError: missing or damaged.
    """
    return _read(path, TypeAdapter(Agreement), "run: tinyscene quantize RUN --report")


def read_cost(path: Path) -> Cost:
    """A file that `tinyscene mcu report FOLDER --json` printed.

    Raises:
        InputError: missing, damaged or something else.
    """
    return _read(path, TypeAdapter(Cost), "run: tinyscene mcu report FOLDER --json > FILE")


def _read(path: Path, form: TypeAdapter[Checked], remedy: str) -> Checked:
    content: Any = read_json(path)
    try:
        return form.validate_python(content)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        found = reprlib.repr(problem["input"]) if problem["type"] != "missing" else "nothing"
        raise InputError(
            f"{path}: {f'key {where!r}' if where else 'content'}: found {found}, expected another "
            f"value ({problem['msg'].rstrip('.')}); {remedy}"
        ) from error
