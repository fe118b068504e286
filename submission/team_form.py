"""A commented team.yaml to fill in, for one system or for several."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import yaml

PLACEHOLDER = "FILL-IN"
"""Stands where nobody answered; `submission.team.load_team` refuses it."""

Ask = Callable[[str], str]
"""Asks a question and returns the answer."""


@dataclass(frozen=True)
class Answers:
    """What a team says of itself before it edits the file."""

    lastname: str = PLACEHOLDER
    firstname: str = PLACEHOLDER
    email: str = PLACEHOLDER
    institute: str = PLACEHOLDER
    """Abbreviation."""


QUESTIONS = {
    "lastname": "Last name of the corresponding author",
    "firstname": "First name",
    "email": "E-mail",
    "institute": "Institute, abbreviated as in the label (such as TINY)",
}

HEAD = """\
# What only people know of a submission; everything else is filled in from the runs.
# Every FILL-IN must be replaced; `null` stands for what is not known or does not apply.

# The label of a system is lastname_institute_task1_index, in letters, digits and hyphens.
lastname: {lastname}
institute: {institute}
"""

AUTHORS = """
# In the order of publication; exactly one is the corresponding author.
authors:
  - lastname: {lastname}
    firstname: {firstname}
    email: {email}
    corresponding: true
    affiliation:
      abbreviation: {institute}
      institute: FILL-IN            # its full name
      department: null
      location: null                # city, country
"""

SYSTEM = """\
name: FILL-IN                       # full name of the system
abbreviation: FILL-IN               # at most 10 characters
source_code: null                   # address of the code, if public
# Data or models beyond the challenge's that were trained with. Each as:
#   - {name: MicIRP, url: "https://...", total_audio_length: 1.5}     # minutes, or null
external_datasets: null
# Tags to write instead of those that the recipe gives, such as {pipeline: "train, prune"}.
description: {}
"""


def ask(answer: Ask) -> Answers:
    """Ask a person on a terminal; an empty answer leaves the placeholder."""
    given = {key: answer(f"{question}: ").strip() for key, question in QUESTIONS.items()}
    return Answers(**{key: value for key, value in given.items() if value})


def team_form(answers: Answers, recipes: Sequence[str] = ()) -> str:
    """The text of a team.yaml: a system for each recipe, or one of any recipe."""
    quoted = {key: _scalar(value) for key, value in asdict(answers).items()}
    head, authors = HEAD.format(**quoted), AUTHORS.format(**quoted)
    if len(recipes) < 2:
        return f"{head}index: 1\n{authors}\n{SYSTEM}"
    systems = "".join(_listed(recipe) for recipe in recipes)
    return f"{head}{authors}\n# In the order of their indices.\nsystems:\n{systems}"


def _listed(recipe: str) -> str:
    lines = [f"recipe: {_scalar(recipe)}", *SYSTEM.splitlines()]
    marks = ["- ", *["  "] * (len(lines) - 1)]
    return "".join(f"  {mark}{line}\n" for mark, line in zip(marks, lines, strict=True))


def _scalar(text: str) -> str:
    if text == PLACEHOLDER:
        return text
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=sys.maxsize).strip()
