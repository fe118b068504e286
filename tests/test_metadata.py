"""meta.yaml from runs and team.yaml, read again by PyYAML; and YAML that is not to be trusted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from baseline.challenge import DEVICES, SCENES
from baseline.recipe import Augmentation, Recipe, load_recipe
from baseline.run import Run
from deploy.errors import InputError
from deploy.files import read_json, write_json, write_text
from submission.description import AUGMENTATION_TAGS, description_tags
from submission.metadata import build_metadata, to_yaml
from submission.safe_yaml import read_yaml
from submission.team import Team, TeamSystem, load_team
from tests.synthetic_runs import LABEL, MACS, PARAMETERS, TEAM, write_team

pytest_plugins = ["tests.package_fixtures"]


def only_system(team: Team) -> TeamSystem:
    return team.systems_of(["any"])[0]


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return load_team(write_team(tmp_path / "team.yaml"))


def test_metadata_has_the_challenges_keys_in_its_order(team: Team, runs: list[Run]) -> None:
    values = yaml.safe_load(to_yaml(build_metadata(only_system(team), runs)))
    assert list(values) == ["submission", "system", "results"]
    assert list(values["submission"]) == ["label", "name", "abbreviation", "authors"]
    system = values["system"]
    assert list(system) == ["description", "complexity", "external_datasets", "source_code"]
    assert list(system["description"]) == [
        "input_sampling_rate",
        "acoustic_features",
        "data_augmentation",
        "machine_learning_method",
        "external_data_usage",
        "complexity_management",
        "pipeline",
        "framework",
        "split_adaptations",
        "system_adaptations",
    ]
    results = values["results"]["development_dataset"]
    assert list(results) == ["split_5", "split_10", "split_25", "split_50", "split_100"]
    for split in results.values():
        assert list(split) == ["overall", "class_wise", "device_wise"]
        assert list(split["class_wise"]) == list(SCENES)
        assert list(split["device_wise"]) == list(DEVICES)
        assert list(split["overall"]) == ["accuracy", "logloss"]


def test_metadata_says_what_the_runs_and_the_team_say(team: Team, runs: list[Run]) -> None:
    values = yaml.safe_load(to_yaml(build_metadata(only_system(team), runs)))
    assert values["submission"]["label"] == LABEL
    assert values["submission"]["authors"][1]["lastname"] == "Müller"
    assert values["system"]["complexity"] == {
        "total_model_size": 122_296,
        "total_parameters": PARAMETERS,
        "macs": MACS,
    }
    scores = runs[2].evaluation("torch-fp16")
    found = values["results"]["development_dataset"]["split_25"]
    assert found["overall"]["accuracy"] == pytest.approx(100 * scores["macro_accuracy"], abs=0.005)
    assert found["overall"]["logloss"] == pytest.approx(scores["log_loss"], abs=5e-5)
    tram, s4 = scores["scenes"]["tram"], scores["devices"]["s4"]
    assert found["class_wise"]["tram"]["accuracy"] == pytest.approx(
        100 * tram["accuracy"], abs=0.005
    )
    assert found["device_wise"]["s4"]["logloss"] == pytest.approx(s4["log_loss"], abs=5e-5)


def test_the_text_is_what_pyyaml_reads(team: Team, runs: list[Run]) -> None:
    metadata = build_metadata(only_system(team), runs)
    text = to_yaml(metadata)
    assert yaml.safe_load(text) == metadata.model_dump() == read_yaml(text.encode()).values
    assert "&" not in text
    assert "source_code: null" in text


def test_tags_follow_from_the_recipe(team: Team) -> None:
    tags = description_tags(load_recipe("baseline2024"), team)
    assert tags == {
        "input_sampling_rate": "32kHz",
        "acoustic_features": "log-mel energies",
        "data_augmentation": "time rolling, frequency masking, freq-mixstyle",
        "machine_learning_method": "RF-regularized CNN",
        "external_data_usage": None,
        "complexity_management": "precision_16, network design",
        "pipeline": "training, conversion to 16 bit",
        "framework": "pytorch",
        "split_adaptations": None,
        "system_adaptations": None,
    }
    zero = set(AUGMENTATION_TAGS) - {"impulse_responses"}
    off = ["augment.impulse_responses=null", *(f"augment.{setting}=0" for setting in zero)]
    plain = description_tags(load_recipe("baseline2024", [*off, "precision=int8"]), team)
    assert plain["data_augmentation"] is None
    shifted = description_tags(load_recipe("small", ["augment.highest_mel_range_hz=9"]), team)
    assert shifted["data_augmentation"].endswith("mel range shifting")
    never = ["augment.impulse_responses=synthetic", "augment.impulse_response_probability=0"]
    quiet = description_tags(load_recipe("baseline2024", never), team)
    assert "dir augmentation" not in quiet["data_augmentation"]
    assert plain["complexity_management"] == "weight quantization, network design"


def test_every_step_of_the_augmentation_has_a_tag() -> None:
    parameters_of_steps = {
        "mixstyle_alpha",
        "impulse_response_probability",
        "impulse_response_devices",
        "lowest_mel_range_hz",
        "highest_mel_range_hz",
    }
    assert set(AUGMENTATION_TAGS) == set(Augmentation.model_fields) - parameters_of_steps


def test_the_team_may_say_it_better(tmp_path: Path, runs: list[Run]) -> None:
    external = {"name": "MicIRP", "url": None, "total_audio_length": 1.5}
    path = write_team(
        tmp_path / "team.yaml",
        external_datasets=[external],
        source_code="https://example.org/code",
        description={"pipeline": ["train", "prune"], "framework": None},
    )
    values = build_metadata(only_system(load_team(path)), runs).model_dump()
    system = values["system"]
    assert system["external_datasets"] == [external]
    assert system["source_code"] == "https://example.org/code"
    assert system["description"]["pipeline"] == ["train", "prune"]
    assert system["description"]["framework"] is None
    assert system["description"]["external_data_usage"] == "dataset"


def test_scores_without_clips_are_null(team: Team, runs: list[Run]) -> None:
    path = runs[0].evaluation_file("torch-fp16")
    scores = read_json(path)
    scores["devices"]["s6"] = {"accuracy": None, "log_loss": None, "clips": 0}
    write_json(path, scores)
    values = build_metadata(only_system(team), runs).model_dump()
    found = values["results"]["development_dataset"]["split_5"]["device_wise"]["s6"]
    assert found == {"accuracy": None, "logloss": None}


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("complexity", {"bytes": None}, "total_model_size': found null, expected a whole number"),
        ("complexity", {"macs": "many"}, "key 'system.complexity.macs': found 'many'"),
        ("evaluation", {"macro_accuracy": 1.5}, "overall.accuracy': found 150.0, expected at most"),
        ("evaluation", {"scenes": {}}, "is not as it was written (KeyError('airport'))"),
        ("evaluation", {"macro_accuracy": "x"}, "is not as it was written"),
    ],
)
def test_damaged_records_of_a_run_are_bad_input(
    file: str, change: dict[str, Any], message: str, team: Team, runs: list[Run]
) -> None:
    run = runs[0]
    path = run.complexity_file if file == "complexity" else run.evaluation_file("torch-fp16")
    write_json(path, read_json(path) | change)
    with pytest.raises(InputError, match=re.escape(message)):
        build_metadata(only_system(team), runs)


# --- team.yaml -----------------------------------------------------------------------------------


def test_the_label_may_be_made_from_its_parts(tmp_path: Path) -> None:
    parts = {"lastname": "Doe", "institute": "TINY", "index": 2}
    path = write_team(tmp_path / "team.yaml", label=None, **parts)
    assert load_team(path).system_label == "Doe_TINY_task1_2"


def author(**changes: Any) -> list[dict[str, Any]]:
    return [TEAM["authors"][0] | changes]


BAD_TEAMS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": (
        {"abreviation": "x"},
        "unknown key 'abreviation'; did you mean 'abbreviation'?",
    ),
    "author's key": (
        {"authors": author(lastnam="x")},
        "unknown key 'authors.0.lastnam'; did you mean 'lastname'?",
    ),
    "affiliation's key": (
        {"authors": author(affiliation={"instute": "x"})},
        "unknown key 'authors.0.affiliation.instute'; did you mean 'institute'?",
    ),
    "tag": (
        {"description": {"frame_work": "x"}},
        "key 'description': found the unknown key 'frame_work'; did you mean 'framework'?",
    ),
    "no name": ({"name": None}, "key 'name': found null, expected text."),
    "long abbreviation": ({"abbreviation": "tinytinytin"}, "found 11 characters in 'tinytinytin'"),
    "e-mail": ({"authors": author(email="x")}, "'authors.0.email': found 'x', expected an e-mail"),
    "nobody": ({"authors": author(corresponding=False)}, "found 0 with corresponding: true"),
    "label": ({"label": "Doe_task1"}, "label 'Doe_task1' is not of the form"),
    "index": ({"label": "Doe_TINY_task1_9"}, "has the index '9', expected 1 to 4"),
    "label twice": ({"index": 1}, "expected either label, or all of"),
    "no label": ({"label": None}, "expected either label, or all of"),
    "half a label": ({"label": None, "lastname": "Doe"}, "expected either label, or all of"),
}


@pytest.mark.parametrize("name", BAD_TEAMS)
def test_wrong_teams_are_told_in_a_sentence(name: str, tmp_path: Path) -> None:
    changes, message = BAD_TEAMS[name]
    path = write_team(tmp_path / "team.yaml", **changes)
    with pytest.raises(InputError, match=re.escape(message)) as error:
        load_team(path)
    assert re.match(rf"{re.escape(str(path))}:\d+: [^\n]+[.?]$", str(error.value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found nothing"),
        ("a: [", "found text that is not YAML"),
        ("- a", "expected keys and values"),
        ("name: !!python/object/apply:os.system [echo]", "found the tag !!python/object/apply"),
        ("name: x\nname: y", "team.yaml:2: found the key 'name' again"),
        ("a: &a [*a]", "aliases make it huge or endless"),
    ],
)
def test_yaml_that_is_not_to_be_trusted_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    write_text(path, text)
    with pytest.raises(InputError, match=re.escape(message)):
        load_team(path)


def test_no_team_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_team(tmp_path / "team.yaml")


# --- YAML ----------------------------------------------------------------------------------------

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
values_of_yaml = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(values=st.dictionaries(st.text(max_size=9), values_of_yaml, max_size=5), flow=st.booleans())
def test_yaml_is_read_as_pyyaml_reads_it(values: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(values, default_flow_style=flow, allow_unicode=True)
    document = read_yaml(text.encode())
    assert document.flaws == []
    assert document.values == yaml.safe_load(text)


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="ab:-[]{}&*!<>|?%@'\"#,. \n\t01", max_size=40))
def test_any_text_is_read_or_told_and_never_an_exception(text: str) -> None:
    document = read_yaml(text.encode())
    if not document.flaws:
        assert repr(document.values) == repr(yaml.safe_load(text))


def test_lines_are_those_of_the_keys() -> None:
    document = read_yaml(b"a:\n  b: 1\n  c:\n  - 2\n  - d: 3\n")
    assert document.line(("a", "b")) == 2
    assert document.line(("a", "c", "1", "d")) == 5
    assert document.line(("a", "c", "0")) == 4
    assert document.line(("a", "missing", "too")) == 1


def test_recipes_differ_by_precision_in_their_tags(team: Team) -> None:
    recipes = [load_recipe("baseline2024", [f"precision={p}"]) for p in ("fp32", "fp16", "int8")]
    assert all(isinstance(recipe, Recipe) for recipe in recipes)
    assert len({description_tags(recipe, team)["pipeline"] for recipe in recipes}) == 3
