"""Every registered network, and the baseline's against its golden vectors."""

import numpy as np
import pytest
import torch

from baseline import models
from baseline.complexity import input_shape
from deploy.errors import InputError


@pytest.fixture
def golden_network(golden_asc):
    weights = golden_asc("baseline2024_weights")
    network = models.create("baseline2024")
    state = {key.removeprefix("w/"): torch.from_numpy(weights[key]) for key in weights.files}
    network.load_state_dict(state, strict=True)
    return network


UNUSED = {"passt_s": {"head_dist.weight", "head_dist.bias"}}
"""Weights that belong to the original's state but that no log-mel meets."""


@pytest.mark.parametrize("name", sorted(models.NETWORKS))
def test_forward_and_backward(name):
    network = models.create(name)
    logits = network(torch.randn(2, *input_shape(models.NETWORKS[name].front_end)[1:]))
    assert logits.shape == (2, 10)
    logits.sum().backward()
    gradients = {key: p.grad for key, p in network.named_parameters()}
    assert {key for key, gradient in gradients.items() if gradient is None} == UNUSED.get(
        name, set()
    )
    assert all(g.isfinite().all() for g in gradients.values() if g is not None)


@pytest.mark.parametrize(
    ("name", "listing"), [("baseline2024", "sd_baseline24"), ("cpmobile2023", "sd_cpmobile23")]
)
def test_keys_and_shapes_are_those_of_the_sheet(name, listing, shared):
    lines = (shared / "specs" / "keys" / f"{listing}.txt").read_text().splitlines()
    expected = {line for line in lines if "." in line.split(" ")[0]}
    state = models.create(name).state_dict()
    assert expected == {f"{key} {tuple(value.shape)}" for key, value in state.items()}


def test_logits_and_activations_equal_the_original(golden_asc, golden_network):
    io = golden_asc("baseline2024_io")
    log_mel = torch.from_numpy(io["logmel"])
    golden_network.eval()
    with torch.no_grad():
        np.testing.assert_allclose(golden_network(log_mel), io["logits"], atol=1e-3)
        x = golden_network.in_c(log_mel[:1])
        np.testing.assert_allclose(x, io["act_in_c"], atol=1e-4)
        for stage in ("s1", "s2", "s3"):
            x = getattr(golden_network.stages, stage)(x)
            np.testing.assert_allclose(x, io[f"act_{stage}"], atol=1e-3)
        half = golden_network.half()(log_mel.half()).float()
    np.testing.assert_allclose(half, io["logits"], atol=0.3)


def test_training_updates_running_statistics_as_the_original(golden_asc, golden_network):
    io, expected = golden_asc("baseline2024_io"), golden_asc("baseline2024_train")
    golden_network.train()
    with torch.no_grad():
        logits = golden_network(torch.from_numpy(io["logmel"]))
    np.testing.assert_allclose(logits, expected["logits_train"], atol=1e-3)
    state = golden_network.state_dict()
    for key, name in (("in_c.0.1", "in_c_0_1"), ("feed_forward.1", "ff_1")):
        for statistic in ("running_mean", "running_var"):
            value = state[f"{key}.{statistic}"].numpy()
            np.testing.assert_allclose(value, expected[f"{name}_{statistic}"], rtol=1e-4, atol=1e-5)


def test_initial_weights_have_the_kaiming_spread():
    torch.manual_seed(0)
    expand = models.create("baseline2024").state_dict()["stages.s3.b6.block.0.0.weight"]
    assert expand.std().item() == pytest.approx((2 / 120) ** 0.5, rel=0.05)


def test_unknown_network_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'baseline2024'"):
        models.create("baseline24")
