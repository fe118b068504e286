"""Counts of torch networks: against torchinfo, the published figures, and hand counts."""

from dataclasses import replace

import pytest
import torch
import torchinfo
from graph_files import (
    PARAMETERS,
    PEAK_VALUES,
    SHAPE,
    TRAINED_MACS,
    TRAINED_PARAMETERS,
    WEIGHT_MACS,
    SmallNetwork,
)
from torch import nn

from baseline import models
from baseline.complexity import (
    input_shape,
    measure,
    peak_activation_values,
    require_within_limits,
)
from baseline.liveness import Step, peak
from deploy.errors import InputError

LOG_MEL = (1, 1, 256, 65)

PASST_MACS = 108 * 257 * 768 + 12 * (12 * 768**2 + 13 * 768) + 4 * 768 + 769 * 10
"""By hand: patches, blocks, norms and classifier; a linear layer counts once, not once a token."""

PUBLISHED = {
    "baseline2024": (61_148, 29_419_156),
    "cpmobile2023": (126_952, 28_893_268),
    "cpresnet128k": (127_684, 28_840_396),
    "cpresnet2020": (3_566_612 - 128 * 25, 781_209_748),
    "cpresnet2020_damped": (3_566_612 - 128 * 25, 781_209_748),
    "cpresnet_dir": (3_956_628, 5_437_772_948),
    "passt_s": (85_358_612, PASST_MACS),
}
"""Parameters and MACs of each registered network, from its paper or repository.

Those of 2020 were published for two channels and ten seconds, and their MACs, as those of
`cpresnet_dir`, to three digits: see tests/test_cp_resnet.py. Here they are torchinfo's.
"""

BASELINE_MODULES = {
    "in_c.0": 88,
    "in_c.1": 2_368,
    "stages.s1.b1": 4_992,
    "stages.s1.b2": 4_992,
    "stages.s1.b3": 4_992,
    "stages.s2.b4": 6_576,
    "stages.s2.b5": 15_112,
    "stages.s3.b6": 20_968,
    "feed_forward": 1_060,
}


def count(network, shape, precision="fp32"):
    return measure(network, shape, name="test", precision=precision)


@pytest.fixture(scope="module")
def baseline():
    return count(models.create("baseline2024"), LOG_MEL, "fp16")


# --- the registered networks ---------------------------------------------------------------------


@pytest.mark.parametrize("name", models.NETWORKS)
def test_registered_networks_as_published_and_as_torchinfo_counts(name):
    network = models.create(name)
    shape = input_shape(models.NETWORKS[name].front_end)
    reference = torchinfo.summary(network, shape, verbose=0)
    counted = count(network, shape)
    assert (counted.parameters, counted.macs) == PUBLISHED[name]
    assert (reference.total_params, reference.total_mult_adds) == PUBLISHED[name]
    assert sum(layer.parameters for layer in counted.layers) == counted.parameters
    assert sum(layer.macs for layer in counted.layers) == counted.macs


def test_baseline_module_by_module(baseline):
    for module, parameters in BASELINE_MODULES.items():
        rows = [row for row in baseline.layers if f"{row.name}.".startswith(f"{module}.")]
        assert sum(row.parameters for row in rows) == parameters, module
    assert sum(BASELINE_MODULES.values()) == baseline.parameters


def test_baseline_rows(baseline):
    rows = {row.name: row for row in baseline.layers}
    row = rows["stages.s1.b1.block.0.0"]  # 1x1, 32 to 64 channels, at 64 x 17 positions
    assert (row.kind, row.output_shape) == ("Conv2d", (1, 64, 64, 17))
    assert (row.parameters, row.macs) == (2_048, 2_048 * 64 * 17)
    row = rows["stages.s1.b1.block.1.1"]
    assert (row.kind, row.parameters, row.macs) == ("BatchNorm2d", 128, 128)


def test_baseline_weights_only_leaves_out_batch_norm(baseline):
    batch_norm = sum(row.macs for row in baseline.layers if row.kind == "BatchNorm2d")
    assert baseline.weight_macs == baseline.macs - batch_norm == 29_416_448


def test_baseline_peak_is_in_the_first_block(baseline):
    """The block's input is kept for the shortcut while the depthwise layer reads and writes."""
    values = 32 * 64 * 17 + 2 * 64 * 64 * 17
    assert baseline.peak_activation_bytes == values * 2


def test_log_mel_shape_of_the_front_ends():
    assert input_shape("dcase2024") == LOG_MEL
    assert input_shape("cpjku2023") == (1, 1, 256, 64)
    assert input_shape("cpjku2023_teacher") == (1, 1, 256, 43)
    assert input_shape("cpjku2022") == (1, 1, 256, 44)
    assert input_shape("cpresnet_dir") == (1, 1, 256, 44)


# --- small networks counted by hand --------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape", "parameters", "macs", "weight_macs"),
    [
        (nn.Conv2d(2, 3, 3), (1, 2, 6, 5), 57, 57 * 4 * 3, 54 * 4 * 3),
        (nn.Conv2d(4, 8, 3, 2, 1, groups=2), (1, 4, 6, 6), 152, 152 * 9, 144 * 9),
        (nn.Conv1d(2, 3, 5, bias=False), (1, 2, 9), 30, 30 * 5, 30 * 5),
        (nn.ConvTranspose2d(2, 3, 2, 2, bias=False), (1, 2, 4, 3), 24, 24 * 48, 24 * 12),
        (nn.Linear(7, 5), (1, 7), 40, 40, 35),
        (nn.BatchNorm2d(6), (1, 6, 4, 4), 12, 12, 0),
        (nn.AvgPool2d(2), (1, 1, 4, 4), 0, 0, 0),
    ],
    ids=["bias", "grouped", "1-d", "transposed", "linear", "batch-norm", "pooling"],
)
def test_single_layers(layer, shape, parameters, macs, weight_macs):
    counted = count(layer, shape)
    assert (counted.parameters, counted.macs, counted.weight_macs) == (
        parameters,
        macs,
        weight_macs,
    )
    assert [row.name for row in counted.layers] == [type(layer).__name__]


def test_small_network_as_trained():
    counted = count(SmallNetwork(), SHAPE)
    assert counted.parameters == TRAINED_PARAMETERS
    assert counted.macs == TRAINED_MACS
    assert counted.weight_macs == WEIGHT_MACS
    assert counted.peak_activation_bytes == PEAK_VALUES * 4
    assert TRAINED_PARAMETERS > PARAMETERS  # each batch norm of 4 channels folds into 4 biases


@pytest.mark.parametrize(("precision", "bits"), [("fp32", 32), ("fp16", 16), ("int8", 8)])
def test_bytes_at_each_precision(precision, bits):
    counted = count(nn.Linear(7, 5), (1, 7), precision)
    assert counted.bytes == 40 * bits // 8
    assert counted.peak_activation_bytes == 12 * bits // 8


class Shared(nn.Module):
    """One layer used twice, a parameter of its own, and a layer never used."""

    def __init__(self):
        super().__init__()
        self.twice = nn.Linear(4, 4, bias=False)
        self.idle = nn.Linear(4, 5, bias=False)
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return self.twice(self.twice(x)) * self.scale


def test_shared_and_idle_layers_and_bare_parameters():
    counted = count(Shared(), (1, 4))
    assert counted.parameters == 16 + 20 + 4
    assert counted.macs == 2 * 16
    rows = [(row.name, row.parameters, row.macs) for row in counted.layers]
    assert rows == [("Shared", 24, 0), ("twice", 16, 16), ("twice", 0, 16)]


class Functional(nn.Module):
    """A convolution that torchinfo does not see, for it is no module."""

    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(2, 1, 3, 3))

    def forward(self, x):
        return nn.functional.conv2d(x, self.kernel, padding=1)


def test_weights_only_sees_functional_calls():
    counted = count(Functional(), (1, 1, 5, 5))
    assert (counted.parameters, counted.macs, counted.weight_macs) == (18, 0, 18 * 25)


def test_weights_only_sees_every_position_of_a_linear_layer_and_into_an_lstm():
    assert count(nn.Linear(7, 5), (1, 9, 7)).macs == 40
    assert count(nn.Linear(7, 5), (1, 9, 7)).weight_macs == 9 * 35
    counted = count(nn.LSTM(3, 4, batch_first=True), (1, 10, 3))
    parameters = 4 * 4 * (3 + 4) + 2 * 16
    assert (counted.parameters, counted.macs) == (parameters, parameters * 10)
    assert counted.weight_macs == 112 * 10


# --- activation memory ---------------------------------------------------------------------------


class Graph(nn.Module):
    """Parts and the way they are put together."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.parts = nn.ModuleDict(parts)
        self.put_together = forward

    def forward(self, x):
        return self.put_together(self.parts, x)


def linear(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


@pytest.mark.parametrize(
    ("forward", "values"),
    [
        (lambda p, x: p["narrow"](p["wide"](x)), 110),
        (lambda p, x: x + p["narrow"](p["wide"](x)), 120),
        (lambda p, x: p["narrow"](p["wide"](x).relu()), 110),
        (lambda p, x: p["narrow"](p["wide"](x).view(1, 4, 25).flatten(1)), 110),
        (lambda p, x: (lambda y: p["narrow"](y.relu() + y))(p["wide"](x)), 300),
        (lambda p, x: [p["wide"](x), p["narrow"](p["wide"](x))], 210),
        (lambda p, x: x.relu(), 20),
    ],
    ids=["chain", "shortcut", "relu", "views", "relu-kept", "two-outputs", "relu-of-input"],
)
def test_peak_of_graphs_worked_out_by_hand(forward, values):
    graph = Graph(forward, wide=linear(10, 100), narrow=linear(100, 10)).eval()
    assert peak_activation_values(graph, (1, 10)) == values


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], 0),
        ([Step((), {"a": 5})], 5),
        ([Step((), {"a": 5}), Step("a", {"b": 7}), Step("b", {"c": 2})], 12),
        ([Step((), {"a": 5}), Step("a", {"b": 7}), Step("b", {"c": 2}), Step("ac")], 14),
        ([Step((), {"a": 5}), Step("a", {"b": 7}), Step("b", {"c": 6}), Step("c")], 13),
    ],
    ids=["empty", "one", "chain", "kept", "later"],
)
def test_liveness(steps, expected):
    assert peak(steps) == expected


class Branching(nn.Module):
    """Control flow over values, which cannot be traced."""

    def __init__(self):
        super().__init__()
        self.layer = linear(4, 4)

    def forward(self, x):
        return self.layer(x) if float(x.sum()) > 0 else self.layer(-x)


def test_network_that_cannot_be_traced_is_still_counted():
    counted = count(Branching(), (1, 4))
    assert (counted.parameters, counted.macs) == (16, 16)
    assert counted.peak_activation_bytes is None
    assert counted.weight_macs is None


class ScaledWeights(nn.Module):
    """A layer whose weights are multiplied by a constant whenever it runs."""

    def __init__(self):
        super().__init__()
        self.layer = linear(10, 100)
        self.register_buffer("factor", torch.tensor(2.0), persistent=False)

    def forward(self, x):
        return nn.functional.linear(x, self.layer.weight * self.factor)


def test_what_is_computed_from_constants_alone_takes_no_memory():
    assert peak_activation_values(ScaledWeights().eval(), (1, 10)) == 110


# --- limits, records and wrong input -------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "macs", "within"),
    [
        (128_000, 30_000_000, True),
        (128_001, 30_000_000, False),
        (128_000, 30_000_001, False),
    ],
)
def test_limits_are_allowed_values(baseline, size, macs, within):
    changed = replace(baseline, bytes=size, macs=macs)
    assert changed.within_limits is within
    if within:
        require_within_limits(changed)
    else:
        with pytest.raises(InputError, match=r"128,000 and 30,000,000"):
            require_within_limits(changed)


def test_record(baseline):
    record = baseline.to_dict()
    assert record["bytes"] == 122_296
    assert record["within_limits"] is True
    assert record["layers"][0]["name"] == "in_c.0.0"


def test_the_network_is_left_as_it_was():
    network = SmallNetwork().train()
    network.first.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    count(network, SHAPE)
    assert network.training
    assert not network.first[0].training
    assert network.depthwise[0].training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network.first[0]._forward_hooks
    assert {value.device.type for value in network.parameters()} == {"cpu"}


@pytest.mark.parametrize("shape", [(2, 1, 8, 6), (1, 1, 0, 6), (1, 1, -8, 6), ()])
def test_impossible_shapes(shape):
    with pytest.raises(InputError, match="batch of one"):
        count(SmallNetwork(), shape)


def test_shape_that_the_network_cannot_take():
    with pytest.raises(InputError, match=r"shape \(1, 3, 8, 6\) .*3 channels"):
        count(SmallNetwork(), (1, 3, 8, 6))
