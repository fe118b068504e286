"""team.yaml: the parts of a submission's metadata that only people know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from deploy.errors import InputError, suggestion
from submission.label import label_problems, make_label
from submission.metadata_model import (
    Abbreviation,
    Author,
    Authors,
    Description,
    ExternalDataset,
)
from submission.rules.catalogue import RULES
from submission.safe_yaml import KeyPath, read_yaml
from submission.schema import UNKNOWN, Section, Tags, Text, failure, problems
from submission.team_form import PLACEHOLDER


def _known_tags(tags: dict[str, Tags]) -> dict[str, Tags]:
    for name in tags:
        if name not in Description.model_fields:
            hint = suggestion(name, Description.model_fields)
            raise failure(UNKNOWN, f"found the unknown key '{name}'{hint}")
    return tags


class SystemWords(Section):
    """What a team says of one system."""

    name: Text
    """Full name."""
    abbreviation: Abbreviation
    external_datasets: list[ExternalDataset] | None = None
    source_code: Text | None = None
    """Address."""
    description: Annotated[dict[str, Tags], AfterValidator(_known_tags)] = Field(
        default_factory=dict
    )
    """General tags to write instead of those that the recipe gives."""


@dataclass(frozen=True)
class TeamSystem:
    """A system with its label and its authors."""

    label: str
    authors: tuple[Author, ...]
    words: SystemWords


class TeamOfOne(SystemWords):
    """Who submits one system, and what its runs do not tell about it.

    Either `label`, or `lastname`, `institute` and `index` that it is made from.
    """

    label: Text | None = None
    lastname: Text | None = None
    institute: Text | None = None
    """Its abbreviation, as in the label."""
    index: Annotated[int, Field(ge=1)] | None = None
    authors: Authors

    @model_validator(mode="after")
    def _one_label(self) -> TeamOfOne:
        parts = (self.lastname, self.institute, self.index)
        given = sum(part is not None for part in parts)
        if given not in (0, len(parts)) or (given == 0) == (self.label is None):
            found = f"found {'a' if self.label else 'no'} label and {given} of its parts"
            expected = "expected either label, or all of lastname, institute and index"
            raise failure("S104", f"{found}, {expected}")
        _require_label(self.system_label)
        return self

    @property
    def system_label(self) -> str:
        """The label of the system."""
        if self.label is not None:
            return self.label
        return make_label(self.lastname or "", self.institute or "", self.index or 0)

    def systems_of(self, recipes: Sequence[str]) -> list[TeamSystem]:
        """The system of the one recipe of this name.

        Raises:
            InputError: runs of several recipes.
        """
        if len(recipes) > 1:
            raise InputError(
                f"team: describes one system, found runs of the recipes {', '.join(recipes)}; "
                "describe each under `systems`, as: tinyscene package init RUN..."
            )
        return [TeamSystem(self.system_label, tuple(self.authors), self)]


class OneOfSeveral(SystemWords):
    """One of several systems."""

    recipe: Text
    """Name of the recipe that its runs were trained by."""
    index: Annotated[int, Field(ge=1)] | None = None
    """Last part of its label; by default its place in the list."""


class TeamOfSeveral(Section):
    """Who submits several systems, and what their runs do not tell about them."""

    lastname: Text
    institute: Text
    """Its abbreviation, as in the labels."""
    authors: Authors
    systems: Annotated[list[OneOfSeveral], Field(min_length=1)]

    @model_validator(mode="after")
    def _different_systems(self) -> TeamOfSeveral:
        for key, values in (("recipe", self._recipes), ("label", self._labels)):
            for value in values:
                if values.count(value) > 1:
                    raise failure("S104", f"found the {key} '{value}' twice, expected it once")
        for label in self._labels:
            _require_label(label)
        return self

    @property
    def _recipes(self) -> list[str]:
        return [system.recipe for system in self.systems]

    @property
    def _labels(self) -> list[str]:
        indices = [system.index or place for place, system in enumerate(self.systems, start=1)]
        return [make_label(self.lastname, self.institute, index) for index in indices]

    def systems_of(self, recipes: Sequence[str]) -> list[TeamSystem]:
        """The systems of the recipes of these names, in their order.

        Raises:
            InputError: a recipe without a system, or a system without runs.
        """
        for name in recipes:
            if name not in self._recipes:
                hint = suggestion(name, self._recipes)
                raise InputError(f"team: describes no system of recipe '{name}'{hint or '.'}")
        for name in self._recipes:
            if name not in recipes:
                raise InputError(
                    f"team: describes a system of recipe '{name}', found no runs of it; add its "
                    "runs, or take it out of `systems`."
                )
        places = [self._recipes.index(name) for name in recipes]
        authors = tuple(self.authors)
        return [TeamSystem(self._labels[n], authors, self.systems[n]) for n in places]


Team = TeamOfOne | TeamOfSeveral


def _require_label(label: str) -> None:
    for code, message in label_problems(label):
        if RULES[code].severity == "fault":
            raise failure(code, message.removesuffix("."))


def _placeholder(values: object, path: KeyPath = ()) -> KeyPath:
    """Where the first placeholder stands; empty if there is none."""
    if isinstance(values, dict | list):
        items = values.items() if isinstance(values, dict) else enumerate(values)
        return next(
            (where for key, value in items if (where := _placeholder(value, (*path, str(key))))), ()
        )
    return path if values == PLACEHOLDER else ()


def load_team(path: Path) -> Team:
    """Read a team.yaml.

    Raises:
        InputError: missing, not YAML, with Python tags, an unknown key (naming the nearest valid
            one), a wrong value or a placeholder.
    """
    try:
        document = read_yaml(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path.") from error
    for flaw in document.flaws:
        where = f"{path}:{flaw.line}" if flaw.line else str(path)
        raise InputError(f"{where}: {flaw.message}")
    if key := _placeholder(document.values):
        raise InputError(
            f"{path}:{document.line(key)}: key '{'.'.join(key)}': found {PLACEHOLDER}, expected "
            "your own words; fill it in."
        )
    several = isinstance(document.values, dict) and "systems" in document.values
    model = TeamOfSeveral if several else TeamOfOne
    for problem in problems(model, document.values):
        raise InputError(f"{path}:{document.line(problem.path)}: {problem.message}")
    return model.model_validate(document.values)
