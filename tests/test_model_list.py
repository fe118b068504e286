"""The list of networks: every one, what it costs, and the precision it fits at."""

import json

import pytest

import tinyscene
from baseline.models import NETWORKS
from submission.model_list import list_models, render

pytestmark = pytest.mark.slow  # all networks are counted


@pytest.fixture(scope="module")
def listed():
    return {model.name: model for model in list_models()}


def test_every_network_is_listed_with_its_paper(listed):
    assert list(listed) == list(NETWORKS)
    assert all(model.paper and model.front_end for model in listed.values())


@pytest.mark.parametrize(
    ("name", "parameters", "fits"),
    [
        ("baseline2024", 61_148, {"fp32": False, "fp16": True, "int8": True}),
        ("cpmobile2023", 126_952, {"fp32": False, "fp16": False, "int8": True}),
        ("cpresnet128k", 127_684, {"fp32": False, "fp16": False, "int8": True}),
        ("cpresnet_dir", 3_956_628, {"fp32": False, "fp16": False, "int8": False}),
    ],
)
def test_verdicts_by_precision(listed, name, parameters, fits):
    model = listed[name]
    assert model.parameters == parameters
    assert model.bytes_at == {"fp32": 4 * parameters, "fp16": 2 * parameters, "int8": parameters}
    assert model.within_limits_at == fits


def test_options_are_those_that_a_recipe_may_set(listed):
    assert listed["baseline2024"].options == {}
    assert listed["cpresnet_dir"].options["rho"] == 7
    assert "layout" not in listed["cpresnet_dir"].options


def test_table(listed):
    lines = {line.split()[0]: line for line in render(listed.values()).splitlines() if line}
    assert lines["baseline2024"].split()[2:7] == ["61,148", "29,419,156", "OVER", "fits", "fits"]
    assert lines["baseline2024"].endswith("arXiv 2405.10018")
    assert "128,000 bytes" in lines["fits:"]
    assert "width 32, rho 8" in lines["cpresnet128k:"]


def test_verb_for_people_and_for_programs(capsys):
    assert tinyscene.main(["models"]) == 0
    assert "cpresnet2020_damped" in capsys.readouterr().out
    assert tinyscene.main(["models", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(NETWORKS)
    assert rows[0]["within_limits_at"] == {"fp32": False, "fp16": True, "int8": True}
