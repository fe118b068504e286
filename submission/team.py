"""team.yaml: the parts of a submission's metadata that only people know."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from deploy.errors import InputError, suggestion
from submission.faults import RULES
from submission.label import label_problems, make_label
from submission.metadata_model import Abbreviation, Authors, Description, ExternalDataset
from submission.safe_yaml import read_yaml
from submission.schema import UNKNOWN, Section, Tags, Text, failure, problems


def _known_tags(tags: dict[str, Tags]) -> dict[str, Tags]:
    for name in tags:
        if name not in Description.model_fields:
            hint = suggestion(name, Description.model_fields)
            raise failure(UNKNOWN, f"found the unknown key '{name}'{hint}")
    return tags


class Team(Section):
    """Who submits a system, and what the runs do not tell about it.

    Either `label`, or `lastname`, `institute` and `index` that it is made from.
    """

    label: Text | None = None
    lastname: Text | None = None
    institute: Text | None = None
    """Its abbreviation, as in the label."""
    index: Annotated[int, Field(ge=1)] | None = None
    name: Text
    """Full name of the system."""
    abbreviation: Abbreviation
    authors: Authors
    external_datasets: list[ExternalDataset] | None = None
    source_code: Text | None = None
    """Address."""
    description: Annotated[dict[str, Tags], AfterValidator(_known_tags)] = Field(
        default_factory=dict
    )
    """General tags to write instead of those that the recipe gives."""

    @model_validator(mode="after")
    def _one_label(self) -> Team:
        parts = (self.lastname, self.institute, self.index)
        given = sum(part is not None for part in parts)
        if given not in (0, len(parts)) or (given == 0) == (self.label is None):
            found = f"found {'a' if self.label else 'no'} label and {given} of its parts"
            expected = "expected either label, or all of lastname, institute and index"
            raise failure("S104", f"{found}, {expected}")
        for code, message in label_problems(self.system_label):
            if RULES[code][0] == "fault":
                raise failure(code, message.removesuffix("."))
        return self

    @property
    def system_label(self) -> str:
        """The label of the submitted system."""
        if self.label is not None:
            return self.label
        return make_label(self.lastname or "", self.institute or "", self.index or 0)


def load_team(path: Path) -> Team:
    """Read a team.yaml.

    Raises:
        InputError: missing, not YAML, with Python tags, an unknown key (naming the nearest valid
            one) or a wrong value.
    """
    try:
        document = read_yaml(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path.") from error
    for flaw in document.flaws:
        where = f"{path}:{flaw.line}" if flaw.line else str(path)
        raise InputError(f"{where}: {flaw.message}")
    for problem in problems(Team, document.values):
        raise InputError(f"{path}:{document.line(problem.path)}: {problem.message}")
    return Team.model_validate(document.values)
