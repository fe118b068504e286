"""Ranges of activations, and weights rounded on their grids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from quantize.ranges import Observer, observe, rounding_error
from quantize.weight_rounding import LEVELS, round_weights


def ranges_of(values, observer):
    """What an observer makes of one tensor that holds these values, a row a clip."""
    return observe(lambda clip: {"x": clip[0]}, np.asarray(values, np.float32), observer)["x"]


def test_minmax_takes_the_extremes_of_all_clips():
    assert ranges_of([[-1, 2], [3, -4]], Observer("minmax")) == (-4, 3)


def test_zero_is_always_in_the_range():
    assert ranges_of([[2, 3]], Observer("minmax")) == (0, 3)
    assert ranges_of([[-2, -3]], Observer("minmax")) == (-3, 0)


def test_percentile_leaves_the_rarest_values_out():
    values = np.concatenate([np.linspace(0, 1, 9_999), [1000]]).reshape(10, -1)
    low, high = ranges_of(values, Observer("percentile", 99.9))
    assert low == 0
    assert high == pytest.approx(1, abs=0.5)  # half a bin of the histogram
    assert ranges_of(values, Observer("percentile", 100))[1] == pytest.approx(1000)


def test_mse_weighs_clipping_against_rounding():
    rng = np.random.default_rng(0)
    values = rng.laplace(0, 1, (20, 5_000))
    low, high = ranges_of(values, Observer("mse"))
    assert values.min() < low < 0 < high < values.max()
    chosen = rounding_error(values, low, high).mean()
    assert chosen < rounding_error(values, values.min(), values.max()).mean()
    assert chosen < rounding_error(values, low / 2, high / 2).mean()


@given(
    st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4), min_size=1),
    st.sampled_from(["minmax", "percentile", "mse"]),
)
def test_ranges_lie_within_the_extremes_and_hold_zero(values, name):
    low, high = ranges_of(values, Observer(name))
    flat = np.float32(values).ravel()
    assert min(0, flat.min()) <= low <= 0 <= high <= max(0, flat.max())


@pytest.fixture
def layers():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, groups=8),
        nn.Conv2d(8, 12, 1, groups=2),
    ).eval()


@pytest.fixture
def log_mels():
    torch.manual_seed(1)
    smooth = nn.functional.avg_pool2d(torch.randn(6, 1, 40, 40), 5, 1, 2)
    return smooth * 3 - 1


def on_grid(weights):
    steps = weights.flatten(1) / (weights.flatten(1).abs().amax(1, keepdim=True) / LEVELS)
    return (steps - steps.round()).abs().max() < 1e-3


def test_rounded_weights_lie_on_the_grid_that_a_converter_chooses(layers, log_mels):
    rounded = round_weights(layers, log_mels)
    for index in (0, 2, 3):
        before, after = layers[index].weight, rounded[index].weight
        assert not on_grid(before)
        assert on_grid(after)
        largest = [weights.flatten(1).abs().amax(1) for weights in (before, after)]
        torch.testing.assert_close(*largest, rtol=0, atol=0)


def test_layers_change_less_than_by_rounding_to_nearest(layers, log_mels):
    rounded = round_weights(layers, log_mels)
    inputs = log_mels
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            largest = layer.weight.abs().flatten(1).amax(1)[:, None, None, None]
            nearest = (layer.weight / largest * LEVELS).round() * largest / LEVELS
            errors = [
                (layer._conv_forward(inputs, weights - layer.weight, None) ** 2).mean()
                for weights in (rounded[index].weight, nearest)
            ]
            assert errors[0] < 0.9 * errors[1]
        inputs = layer(inputs).detach()


def test_weights_of_zero_stay_so(layers, log_mels):
    with torch.no_grad():
        layers[0].weight[3] = 0
    rounded = round_weights(layers, log_mels)
    assert not rounded[0].weight[3].any()
    assert rounded[2].weight.isfinite().all()
