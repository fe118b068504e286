"""team.yaml to fill in: what it says is what is loaded, and nothing is left open unseen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import tinyscene
from deploy.errors import InputError
from submission.team import load_team
from submission.team_form import PLACEHOLDER, Answers, ask, team_form

ANSWERS = Answers("Doe", "Jo", "jo.doe@example.org", "TINY")


def filled(text: str) -> str:
    return text.replace(PLACEHOLDER, "some")


def write(folder: Path, text: str) -> Path:
    path = folder / "team.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_one_system_once_filled_in(tmp_path: Path) -> None:
    (system,) = load_team(write(tmp_path, filled(team_form(ANSWERS)))).systems_of(["any"])
    assert system.label == "Doe_TINY_task1_1"
    assert system.authors[0].email == "jo.doe@example.org"
    assert system.words.name == "some"


def test_several_systems_once_filled_in(tmp_path: Path) -> None:
    team = load_team(write(tmp_path, filled(team_form(ANSWERS, ["small", "student"]))))
    found = team.systems_of(["student", "small"])
    assert [system.label for system in found] == ["Doe_TINY_task1_2", "Doe_TINY_task1_1"]


@pytest.mark.parametrize("recipes", [(), ("small", "student")])
def test_what_is_not_filled_in_is_named_with_its_line(
    recipes: tuple[str, ...], tmp_path: Path
) -> None:
    text = team_form(ANSWERS, recipes)
    while PLACEHOLDER in re.sub("#.*", "", text):
        with pytest.raises(InputError, match="found FILL-IN, expected your own words") as error:
            load_team(write(tmp_path, text))
        line = int(str(error.value).split(":")[1])
        lines = text.splitlines(keepends=True)
        assert PLACEHOLDER in lines[line - 1]
        lines[line - 1] = filled(lines[line - 1])
        text = "".join(lines)
    assert load_team(write(tmp_path, text))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
def test_any_answer_is_said_as_it_was_given(answer: str) -> None:
    answers = ask(lambda question: answer)
    values = yaml.safe_load(team_form(answers))
    assert values["authors"][0]["firstname"] == answer.strip()
    assert values["lastname"] == answer.strip()


def test_the_command_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert tinyscene.main(["package", "init"]) == 0
    before = Path("team.yaml").read_text()
    assert before.count(PLACEHOLDER) > 5
    assert tinyscene.main(["package", "init"]) == 2
    assert Path("team.yaml").read_text() == before
