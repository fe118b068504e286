"""What the augmentations mean, beside the golden vectors of their arithmetic."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from baseline import features
from baseline.augmentation.steps import (
    draw_mix,
    freq_mixstyle,
    mask_frames,
    mask_frequencies,
    mask_range,
    mix_styles,
    mixup,
    roll,
    shift_mel_range,
)
from deploy.errors import InputError
from deploy.frontend import FRONT_ENDS


def test_mixed_styles_equal_the_original(golden_asc):
    golden = golden_asc("freq_mixstyle")
    x, share, partner = (torch.from_numpy(golden[key]) for key in ("x", "lam", "perm"))
    mixed = mix_styles(x, share, partner)
    np.testing.assert_allclose(mixed, golden["y"], atol=1e-5)
    np.testing.assert_allclose(mix_styles(x, torch.ones_like(share), partner), x, atol=1e-5)
    mean = x.mean((1, 3), keepdim=True)
    expected = share * mean + (1 - share) * mean[partner]
    torch.testing.assert_close(mixed.mean((1, 3), keepdim=True), expected, atol=1e-5, rtol=1e-5)


def test_mask_range_equals_the_original(golden_asc):
    golden = golden_asc("freq_masking")
    start, end = mask_range(golden["u_width"], golden["u_start"], 48, 256)
    np.testing.assert_array_equal(start, golden["start"])
    np.testing.assert_array_equal(end, golden["end"])


def test_roll_is_circular_and_within_its_range():
    waves = torch.arange(1000).repeat(300, 1)[:, None]
    rolled = roll(waves, 20, np.random.default_rng(0))
    shifts = (-rolled[:, 0, 0] + 500) % 1000 - 500
    assert set(shifts.tolist()) == set(range(-20, 21))
    for wave, shift in zip(rolled, shifts.tolist(), strict=True):
        torch.testing.assert_close(wave, waves[0].roll(shift, -1))


def test_masks_differ_between_clips_and_cover_all_frames():
    log_mel = torch.zeros(400, 1, 256, 5)
    fill = math.log(1e-5)
    masked = mask_frequencies(log_mel, 48, fill, np.random.default_rng(0)) == fill
    assert (masked.all(3) == masked.any(3)).all()
    widths = masked[:, 0, :, 0].sum(1)
    assert widths.min() == 0
    assert widths.max() == 47
    assert abs(widths.float().mean().item() - 23.5) < 2
    assert masked[:, 0, 20:-20, 0].any(0).all()


def test_mixstyle_changes_whole_batches_with_its_probability():
    rng = np.random.default_rng(0)
    x = torch.randn(8, 1, 16, 9)
    changed = [not torch.equal(freq_mixstyle(x, 0.4, 0.3, rng), x) for _ in range(500)]
    assert 0.33 < np.mean(changed) < 0.47


def test_mixstyle_stays_finite_at_tiny_alpha():
    rng = np.random.default_rng(0)
    x = torch.randn(64, 1, 4, 9)
    assert all(freq_mixstyle(x, 1.0, 1e-3, rng).isfinite().all() for _ in range(50))


def test_same_generator_same_result():
    x = torch.randn(8, 1, 16, 9)
    first, second = (freq_mixstyle(x, 1.0, 0.3, np.random.default_rng(7)) for _ in range(2))
    torch.testing.assert_close(first, second, atol=0, rtol=0)


class FixedDraws:
    """Stands in for a generator whose next draws are known."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def integers(self, high):
        draw = self.draws.pop(0)
        assert 0 <= draw < high
        return draw


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_log_mel_of_a_shifted_range_equals_the_original(seed, golden_tagging):
    golden = golden_tagging("frontend_augmentmelstft_train_jitter")
    f_min, f_max = golden[f"fmin_fmax/seed{seed}"]
    draws = FixedDraws(f_min, 16_000 - f_max)
    shifted = shift_mel_range(FRONT_ENDS["passt_audioset"], 10, 2000, draws)
    assert (shifted.f_min_hz, shifted.f_max_hz) == (f_min, f_max)
    log_mel = features.create(shifted)(torch.from_numpy(golden["in"])[:, None])
    np.testing.assert_allclose(log_mel[:, 0], golden[f"out/seed{seed}"], atol=2e-5)


def test_mel_range_moves_within_its_ranges():
    rng = np.random.default_rng(0)
    moved = [shift_mel_range(FRONT_ENDS["passt"], 1, 1000, rng) for _ in range(4000)]
    assert {spec.f_min_hz for spec in moved} == {0}
    reached = {spec.f_max_hz for spec in moved}
    assert (min(reached), max(reached)) == (15_001, 16_000)
    still = FRONT_ENDS["passt_dcase2022"]
    assert shift_mel_range(still, 1, 1, rng) == still
    assert moved[0] == replace(FRONT_ENDS["passt"], f_max_hz=moved[0].f_max_hz)


@pytest.mark.parametrize("ranges", [(0, 1000), (1, 0), (1, 1002)])
def test_impossible_ranges_of_mels(ranges):
    with pytest.raises(InputError, match=r"front end passt: found ranges of .* above 16000 Hz"):
        shift_mel_range(FRONT_ENDS["passt"], *ranges, np.random.default_rng(0))


# --- time masks and mixup

LOG_MEL = torch.randn(16, 1, 8, 65, generator=torch.Generator().manual_seed(0))


def test_time_masks_leave_all_other_frames_alone():
    log_mel = torch.randn(400, 1, 8, 65, generator=torch.Generator().manual_seed(0))
    masked = mask_frames(log_mel, 20, -11.5, np.random.default_rng(0))
    changed = masked != log_mel
    assert torch.equal(changed.all(2), changed.any(2))  # whole frames
    assert (masked[changed] == -11.5).all()
    frames = changed[:, 0, 0]
    edges = (frames[:, 1:] != frames[:, :-1]).sum(1) + frames[:, 0] + frames[:, -1]
    assert set(edges.tolist()) <= {0, 2}  # one band
    assert frames[:, :-1].any(0).all()  # the last hardly ever: both draws are rounded down


def test_time_masks_widths_are_uniform_from_none_to_one_less_than_the_most():
    masked = mask_frames(torch.zeros(8000, 1, 1, 65), 20, 1.0, np.random.default_rng(0))
    counts = np.bincount(masked.sum((1, 2, 3)).long(), minlength=20)
    assert len(counts) == 20
    assert (np.abs(counts - 400) < 4 * 20).all()


def test_time_masks_wider_than_a_clip_are_refused():
    with pytest.raises(InputError, match=r"masks of up to 66 frames, expected at most the 65"):
        mask_frames(torch.zeros(2, 1, 8, 65), 66, 0.0, np.random.default_rng(0))


# --- mixup


def test_shares_are_the_larger_part_of_a_beta_distribution():
    # Beta(1/2, 1/2) is the arcsine distribution: P(l <= x) = 2 / pi asin(sqrt(x)).
    share = draw_mix(20_000, 0.5, np.random.default_rng(0), like=torch.empty(0)).share
    assert share.min() >= 0.5
    assert share.max() <= 1
    for x in (0.6, 0.75, 0.9, 0.99):
        expected = 4 / math.pi * math.asin(math.sqrt(x)) - 1
        assert (share <= x).float().mean().item() == pytest.approx(expected, abs=0.015)


def test_shares_stay_finite_at_tiny_alpha():
    share = draw_mix(1000, 1e-3, np.random.default_rng(0), like=torch.empty(0)).share
    assert share.isfinite().all()
    assert share.mean() > 0.99


def test_partners_are_a_permutation_of_the_batch():
    mix = draw_mix(64, 0.3, np.random.default_rng(0), like=torch.empty(0))
    assert sorted(mix.partner.tolist()) == list(range(64))
    assert mix.partner.tolist() != list(range(64))


def test_mixup_is_the_mean_weighted_by_the_shares():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 1, 4, 5))
    mix = draw_mix(6, 1.0, rng, like=torch.from_numpy(x))
    share, partner = mix.share.numpy()[:, None, None, None], mix.partner.numpy()
    expected = share * x + (1 - share) * x[partner]
    np.testing.assert_allclose(mixup(torch.from_numpy(x), mix), expected)


def test_cross_entropy_of_mixed_labels_is_the_mixed_cross_entropy():
    logits, labels = torch.randn(7, 10, dtype=torch.double), torch.randint(0, 10, (7,))
    mix = draw_mix(7, 1.0, np.random.default_rng(0), like=logits)
    soft = mix.labels(labels, 10)
    torch.testing.assert_close(soft.sum(1), torch.ones(7, dtype=torch.double))
    own, partners = (
        torch.nn.functional.cross_entropy(logits, known, reduction="none")
        for known in (labels, labels[mix.partner])
    )
    expected = (mix.share * own + (1 - mix.share) * partners).mean()
    torch.testing.assert_close(torch.nn.functional.cross_entropy(logits, soft), expected)


@pytest.mark.parametrize(
    "augmentation",
    [
        lambda rng: mask_frames(LOG_MEL, 20, 0.0, rng),
        lambda rng: mixup(LOG_MEL, draw_mix(16, 0.3, rng, like=LOG_MEL)),
    ],
    ids=["mask_frames", "mixup"],
)
def test_a_seed_determines_the_result(augmentation):
    first, second, other = (augmentation(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
