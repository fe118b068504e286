"""A run's scores as `quantize.evaluation` wrote them, typed and checked."""

from __future__ import annotations

import reprlib
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from baseline.challenge import DEVICE_GROUPS, DEVICES
from baseline.run import Run
from deploy.errors import InputError


class Share(BaseModel):
    """Some of the test clips: how many, and which fraction of them is right, if there is one."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)

    accuracy: float | None = Field(ge=0, le=1)
    clips: int = Field(ge=0)


class Scores(BaseModel):
    """What results are made from, out of all that `baseline.metrics.evaluate` counts."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)

    clips: int = Field(ge=1)
    macro_accuracy: float = Field(ge=0, le=1)
    scenes: dict[str, Share]
    devices: dict[str, Share]
    groups: dict[str, Share]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for found, wanted in ((self.devices, DEVICES), (self.groups, DEVICE_GROUPS)):
            if missing := [name for name in wanted if name not in found]:
                raise ValueError(f"'{missing[0]}' is missing")
        return self

    @property
    def counts(self) -> dict[str, int]:
        """Test clips of each scene and device, by which one can tell test lists apart."""
        return {name: row.clips for name, row in (self.scenes | self.devices).items()}


AnyScores = TypeVar("AnyScores", bound=Scores)


def read_scores(run: Run, system: str) -> Scores:
    """The scores of a run as a system.

    Raises:
        InputError: missing or damaged.
    """
    return read_scores_as(Scores, run, system)


def read_scores_as(form: type[AnyScores], run: Run, system: str) -> AnyScores:
    """The same in a form that asks for more.

    Raises:
        InputError: missing or damaged.
    """
    try:
        return form.model_validate(run.evaluation(system))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"]) or "scores"
        has_value = problem["type"] not in ("missing", "value_error")
        found = f", found {reprlib.repr(problem['input'])}" if has_value else ""
        raise InputError(
            f"{run.evaluation_file(system)}: {where}: {problem['msg']}{found}; "
            f"run: tinyscene evaluate {run.folder}"
        ) from error
