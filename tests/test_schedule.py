"""Learning rates: the ramps of published systems, and which settings exclude each other."""

from __future__ import annotations

import numpy as np
import pytest

from baseline.recipe import Ramp, load_recipe
from baseline.schedule import learning_rate_factor, ramp_factor
from deploy.errors import InputError

RAMPS = {
    "cpm_student": (
        "asc",
        Ramp(warmup_epochs=14, down_from_epoch=50, down_epochs=84, last_factor=0.005),
    ),
    "qat": ("asc", Ramp(warmup_epochs=0, down_from_epoch=1, down_epochs=16, last_factor=0.1)),
    "passt": ("asc", Ramp(warmup_epochs=3, down_from_epoch=3, down_epochs=10, last_factor=0.01)),
    "cpresnet_teacher": (
        "asc",
        Ramp(warmup_epochs=15, down_from_epoch=50, down_epochs=85, last_factor=0.005),
    ),
    "finetune_w10_d65_s10_l001": (
        "tagging",
        Ramp(warmup_epochs=10, down_from_epoch=10, down_epochs=65, last_factor=0.01),
    ),
}


@pytest.mark.parametrize("name", RAMPS)
def test_ramps_equal_the_originals(name, golden_asc, golden_tagging):
    place, ramp = RAMPS[name]
    expected = {"asc": golden_asc, "tagging": golden_tagging}[place]("lr_schedules")[name]
    found = [ramp_factor(ramp, epoch) for epoch in range(len(expected))]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_ramp_changes_once_an_epoch_and_a_cosine_with_every_step():
    ramp = "train.ramp={warmup_epochs: 2, down_from_epoch: 5, down_epochs: 9, last_factor: 0.1}"
    ramped = load_recipe("small", [ramp]).train
    assert len({learning_rate_factor(ramped, 1, batch, 10) for batch in range(10)}) == 1
    usual = load_recipe("small").train
    assert len({learning_rate_factor(usual, 1, batch, 10) for batch in range(10)}) == 10


def test_one_schedule():
    both = ["train={epochs: 2, warmup_share: 0.1, warmup_steps: 3}"]
    with pytest.raises(InputError, match="exactly one of warmup_steps, warmup_share, ramp"):
        load_recipe("small", both)
    with pytest.raises(InputError, match=r"train.ramp.down_from_epoch"):
        load_recipe("small", ["train.ramp={warmup_epochs: 2}"])
