"""The budget checker: what a target names, the verdict, its explanation and the exit code."""

import json
import sys

import numpy as np
import pytest
from graph_files import (
    MACS,
    PARAMETERS,
    SHAPE,
    TRAINED_MACS,
    TRAINED_PARAMETERS,
    WEIGHT_MACS,
    TfliteBuilder,
    small_onnx,
    small_tflite,
)

import tinyscene
from baseline import models
from baseline.challenge import MAX_MACS, MAX_MODEL_BYTES
from baseline.complexity import input_shape
from baseline.models import NETWORKS
from baseline.recipe import load_recipe, save_recipe
from baseline.run import create_run
from deploy.errors import InputError
from deploy.files import read_json, write_json
from deploy.frontend import front_end
from deploy.model_file import ModelInfo, info_file, read_info, write_info
from submission.budget import render, resolve, to_json

USER_MODULE = """
import torch
from torch import nn

def small():
    return nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.Flatten(), nn.LazyLinear(3))

def counted():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))

ready = nn.Linear(65, 10)
number = 3

def wrong_type():
    return [1, 2]

def needs(width):
    return nn.Linear(width, 1)

def fails():
    raise RuntimeError("no luck\\nat all")

def leaves():
    raise SystemExit(0)

class Stubborn(nn.Module):
    def forward(self, x):
        raise ValueError("I take no input")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with modules of the user's own in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user_networks.py").write_text(USER_MODULE)
    (tmp_path / "broken_networks.py").write_text("def f(:\n")
    (tmp_path / "needy_networks.py").write_text("import a_package_nobody_has\n")
    return tmp_path


@pytest.fixture
def run_folder(tmp_path):
    """A run that has only been started, of the baseline at int8."""
    recipe = load_recipe("small", ["precision=int8"])
    return create_run(
        tmp_path / "run", recipe, split=5, seed=0, data=tmp_path / "data", store=tmp_path / "store"
    )


@pytest.fixture(scope="module")
def baseline():
    return resolve("baseline2024")


def small_file(folder, *, trained=None, quantized=True):
    """The small network as .tflite, and figures as trained beside it."""
    path = small_tflite(folder / "small.tflite", quantized=quantized)
    if trained is not None:
        write_info(path, ModelInfo(("a", "b", "c"), front_end("dcase2024"), *trained))
    return path


def wide_file(path, channels):
    """One 3x3 convolution with biases on a 256 x 65 input, int8."""
    build = TfliteBuilder()
    x = build.tensor((1, 256, 65, 1), np.int8, scales=1)
    y = build.tensor((1, 256, 65, channels), np.int8, scales=1)
    weights = build.constant((channels, 3, 3, 1), np.int8, channels)
    build.operator("CONV_2D", [x, weights, build.constant((channels,), np.int32, channels)], [y])
    return build.write(path, [x], [y])


def complaint(target, **options):
    with pytest.raises(InputError) as caught:
        resolve(str(target), **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- networks, recipes and runs ------------------------------------------------------------------


def test_the_baseline_is_within_the_limits(baseline):
    assert (baseline.counted.parameters, baseline.counted.macs) == (61_148, 29_419_156)
    assert baseline.counted.precision == "fp16"
    assert baseline.counted.bytes == 122_296
    assert baseline.within_limits
    assert (baseline.byte_margin, baseline.mac_margin) == (5_704, 580_844)
    assert baseline.bytes_at == {"fp32": 244_592, "fp16": 122_296, "int8": 61_148}


@pytest.mark.parametrize("target", ["baseline2024", "small"])
def test_precision_decides(target):
    budget = resolve(target, precision="fp32")
    assert not budget.within_limits
    assert budget.byte_margin == 128_000 - 244_592


def test_winners_of_2023_fit_at_int8_only():
    budget = resolve("cpmobile2023")  # a recipe's name, so at its precision
    assert (budget.counted.parameters, budget.counted.macs) == (126_952, 28_893_268)
    assert budget.counted.bytes == 126_952
    assert budget.within_limits
    assert not resolve("cpmobile2023", precision="fp16").within_limits


@pytest.mark.parametrize("name", NETWORKS)
def test_network_is_counted_on_its_own_front_end(name, monkeypatch):
    monkeypatch.setattr("submission.budget.recipe_names", list)
    shape = input_shape(NETWORKS[name].front_end)
    assert resolve(name).counted.input_shape == shape


def test_recipe_file_at_its_own_precision(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(save_recipe(load_recipe("small", ["precision=int8"])))
    assert resolve(str(path)).counted.bytes == 61_148
    assert resolve(str(path), precision="fp16").counted.bytes == 122_296


def test_recipe_with_options_of_the_network(tmp_path):
    path = tmp_path / "narrow.yaml"
    options = ["network_options.rho=4", "front_end=cpjku2023_teacher"]
    path.write_text(save_recipe(load_recipe("small", ["network=cpresnet128k", *options])))
    budget = resolve(str(path), precision="int8")
    assert budget.counted.parameters == 64_196
    assert budget.within_limits
    path.write_text(path.read_text().replace("rho", "rhoo"))
    assert "network cpresnet128k: has no option 'rhoo'; did you mean 'rho'?" in complaint(path)


def test_run_with_options_of_the_network(tmp_path):
    recipe = load_recipe("small", ["network=cpresnet128k", "network_options={rho: 4}"])
    place = {"data": tmp_path, "store": tmp_path}
    run = create_run(tmp_path / "run", recipe, split=5, seed=0, **place)
    assert resolve(str(run.folder)).counted.parameters == 64_196


def test_run_at_its_recipes_precision_with_its_files(run_folder):
    folder = str(run_folder.folder)
    assert resolve(folder).counted.bytes == 61_148
    assert resolve(folder).deployed == ()
    run_folder.model_file("tflite-int8").parent.mkdir()
    small_tflite(run_folder.model_file("tflite-int8"), quantized=True)
    small_onnx(run_folder.model_file("onnx-fp32"), quantized=False)
    budget = resolve(folder)
    assert budget.counted.parameters == 61_148
    assert [file.precision for file in budget.deployed] == ["fp32", "int8"]
    assert "has an input shape of its own" in complaint(folder, input_shape=SHAPE)


def test_a_folder_named_like_a_recipe_does_not_hide_it(here):
    (here / "small").mkdir()
    assert resolve("small").counted.parameters == 61_148


def test_input_shape_changes_the_macs(here):
    target = "user_networks:counted"
    assert resolve(target).counted.macs == 40 * 254 * 63 + 8
    assert resolve(target, input_shape=SHAPE).counted.macs == 40 * 6 * 4 + 8


# --- networks of the user's own ------------------------------------------------------------------


def test_module_and_function(here):
    budget = resolve("user_networks:counted", precision="int8")
    assert (budget.counted.parameters, budget.counted.bytes) == (48, 48)
    assert budget.counted.network == "user_networks:counted"
    assert resolve("user_networks:ready").counted.parameters == 660


def test_options_of_a_network_of_the_users_own(here):
    assert models.create("user_networks:needs", width=3).in_features == 3
    with pytest.raises(InputError, match="has no option 'widht'; did you mean 'width'"):
        models.create("user_networks:needs", widht=3)
    with pytest.raises(InputError, match=r"cannot be called with options width \(TypeError"):
        models.create("user_networks:needs", width="3")
    with pytest.raises(InputError, match="has no option 'width'; it takes none"):
        models.create("user_networks:ready", width=3)


def test_a_network_that_counts_less_than_it_computes_is_told(here):
    budget = resolve("user_networks:ready")  # a linear layer at 256 positions
    assert (budget.counted.macs, budget.counted.weight_macs) == (660, 256 * 650)
    assert "166,400 MACs, more than the 660 of torchinfo" in " ".join(budget.notes)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("nobody_has_this:small", "module nobody_has_this is neither in"),
        ("needy_networks:small", "module a_package_nobody_has is neither in"),
        ("broken_networks:small", "cannot be imported (SyntaxError"),
        ("user_networks:smal", "has no function 'smal'; did you mean 'small'?"),
        ("user_networks:wrong_type", "type list, expected a torch.nn.Module"),
        ("user_networks:number", "type int, expected a function"),
        ("user_networks:needs", "without arguments (TypeError"),
        ("user_networks:fails", "without arguments (RuntimeError: no luck at all)"),
        ("user_networks:leaves", "without arguments (SystemExit"),
        ("user_networks:Stubborn", "I take no input"),
        ("user networks:small", "expected module:function"),
        ("user_networks:", "expected module:function"),
        (":small", "expected module:function"),
    ],
)
def test_wrong_module_or_function(here, target, expected):
    assert expected in complaint(target)


def test_wrong_input_shapes(here):
    assert "batch of one" in complaint("user_networks:counted", input_shape=(2, 1, 8, 6))
    assert "cannot be run" in complaint("user_networks:counted", input_shape=(1, 3, 8, 6))
    assert "cannot be run" in complaint("user_networks:counted", input_shape=(1, 1, 2, 2))


def test_the_module_path_is_left_as_it_was(here):
    before = list(sys.path)
    resolve("user_networks:ready")
    complaint("user_networks:fails")
    assert sys.path == before


# --- files ---------------------------------------------------------------------------------------


def test_file_alone_is_judged_by_its_own_graph(tmp_path):
    budget = resolve(str(small_file(tmp_path)))
    counted = budget.counted
    assert counted.graph == "in the file"
    assert (counted.parameters, counted.macs, counted.bytes) == (PARAMETERS, MACS, PARAMETERS)
    assert "no small.tflite.json" in budget.notes[0]
    assert f"biases add {MACS - WEIGHT_MACS}" in budget.notes[1]


def test_file_with_figures_as_trained_is_judged_by_those(tmp_path):
    trained = TRAINED_PARAMETERS, TRAINED_MACS
    budget = resolve(str(small_file(tmp_path, trained=trained)))
    counted, deployed = budget.counted, budget.deployed[0]
    assert counted.graph == "as trained"
    assert (counted.parameters, counted.macs) == trained
    assert counted.bytes == TRAINED_PARAMETERS  # at one byte each
    assert (deployed.parameters, deployed.macs) == (PARAMETERS, MACS)
    assert budget.notes[0].startswith("The verdict is on the network as trained")


def test_float_file_counts_four_bytes_a_parameter(tmp_path):
    trained = TRAINED_PARAMETERS, TRAINED_MACS
    path = small_file(tmp_path, trained=trained, quantized=False)
    assert resolve(str(path)).counted.bytes == 4 * TRAINED_PARAMETERS


@pytest.mark.parametrize(
    "trained", [(PARAMETERS - 1, TRAINED_MACS), (TRAINED_PARAMETERS, WEIGHT_MACS - 1)]
)
def test_figures_that_cannot_belong_to_the_file_are_not_used(tmp_path, trained):
    budget = resolve(str(small_file(tmp_path, trained=trained)))
    assert budget.counted.graph == "in the file"
    assert "gives fewer parameters or MACs than the file has" in budget.notes[0]


def test_folding_alone_can_pass_the_limit_on_macs(tmp_path):
    """As the baseline does: 29,416,448 by weights only, 30,216,768 with folded biases."""
    channels = 190
    macs, weight_macs = 10 * channels * 256 * 65, 9 * channels * 256 * 65
    assert weight_macs <= MAX_MACS < macs
    path = wide_file(tmp_path / "wide.tflite", channels)
    budget = resolve(str(path))
    assert not budget.within_limits
    assert budget.mac_margin == MAX_MACS - macs
    assert "By weights only it is within the limit" in budget.notes[0]
    as_trained = weight_macs + 2 * channels
    info = ModelInfo(("a",), front_end("dcase2024"), 11 * channels, as_trained)
    write_info(path, info)
    assert resolve(str(path)).within_limits


def test_sidecar_of_an_earlier_version_is_read(tmp_path):
    path = small_file(tmp_path, trained=(None, None))
    old = read_json(info_file(path))
    del old["trained_parameters"], old["trained_macs"]
    write_json(info_file(path), old)
    assert read_info(path).trained_macs is None
    assert resolve(str(path)).counted.graph == "in the file"


@pytest.mark.parametrize("value", ["many", -1, 1.5, True])
def test_sidecar_with_a_wrong_count(tmp_path, value):
    path = small_file(tmp_path, trained=(PARAMETERS, value))
    assert "trained_macs is" in complaint(path)


def test_files_have_their_own_precision_and_shape(tmp_path):
    path = small_file(tmp_path)
    assert "leave --precision out" in complaint(path, precision="int8")
    assert "leave --input-shape out" in complaint(path, input_shape=SHAPE)
    path = small_onnx(tmp_path / "small.onnx", quantized=False)
    assert resolve(str(path), input_shape=SHAPE).counted.macs == MACS


def test_float_operators_of_an_int8_file_are_told(tmp_path):
    build = TfliteBuilder()
    x, h, y = build.tensor((1, 4), np.int8), build.tensor((1, 4), np.int8), build.tensor((1, 4))
    build.operator("FULLY_CONNECTED", [x, build.constant((4, 4), np.int8, 1), -1], [h])
    build.operator("DEQUANTIZE", [h], [y])
    build.operator("SOFTMAX", [y], [y])
    path = build.write(tmp_path / "soft.tflite", [x], [y])
    assert "is not int8 in SOFTMAX (float32)" in " ".join(resolve(str(path)).notes)


# --- nothing of that name ------------------------------------------------------------------------


def test_unknown_targets(tmp_path):
    assert "did you mean 'baseline2024'?" in complaint("baseline2042")
    assert "is not a run folder" in complaint(tmp_path)
    other = tmp_path / "weights.safetensors"
    other.write_bytes(b"x")
    assert "found a '.safetensors' file" in complaint(other)
    assert "no such model file" in complaint(tmp_path / "none.tflite")
    assert "precision 'int4' is unknown" in complaint("baseline2024", precision="int4")


# --- text, JSON and exit codes -------------------------------------------------------------------


def test_text_holds_the_figures_the_verdict_and_its_graph(baseline):
    text = render(baseline)
    for expected in (
        "stages.s1.b1.block.0.0",
        "1x64x64x17",
        "2,228,224",
        "+5,704",
        "+580,844",
        "does not fit",
        "front end is outside the count",
    ):
        assert expected in text
    last = text.splitlines()[-1]
    assert last == "within the limits, counted on the network as trained at fp16"


def test_text_of_a_file_shows_both_graphs(tmp_path):
    alone = render(resolve(str(small_file(tmp_path))))
    assert alone.splitlines()[-1].endswith("counted on the graph in the file at int8")
    trained = TRAINED_PARAMETERS, TRAINED_MACS
    both = render(resolve(str(small_file(tmp_path, trained=trained))))
    row = next(line for line in both.splitlines() if line.startswith("MACs, organisers"))
    assert row.split()[-2:] == [f"{TRAINED_MACS:,}", f"{MACS:,}"]
    assert both.splitlines()[-1].endswith("counted on the network as trained at int8")


def test_text_says_over(here):
    text = render(resolve("small", precision="fp32"))
    assert "-116,592" in text
    assert text.splitlines()[-1].startswith("OVER the limits")


def test_json_says_what_the_text_says(tmp_path, baseline):
    value = json.loads(json.dumps(to_json(baseline), allow_nan=False))
    assert value["within_limits"] is True
    assert value["counted"]["bytes"] == 122_296
    assert value["limits"] == {"bytes": MAX_MODEL_BYTES, "macs": MAX_MACS}
    assert value["margins"] == {"bytes": 5_704, "macs": 580_844}
    assert value["deployed"] == []
    value = json.loads(json.dumps(to_json(resolve(str(small_file(tmp_path))))))
    assert value["deployed"][0]["macs"] == MACS
    assert value["deployed"][0]["layers"][0]["kind"] == "CONV_2D"


def test_exit_codes(tmp_path, capsys):
    path = str(small_file(tmp_path))
    assert tinyscene.main(["check", path]) == 0
    assert tinyscene.main(["check", str(wide_file(tmp_path / "w.tflite", 190))]) == 1
    capsys.readouterr()
    assert tinyscene.main(["check", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["within_limits"] is True
    assert tinyscene.main(["check", str(tmp_path / "none.onnx")]) == 2
    assert "no such model file" in capsys.readouterr().err
