"""The steps of the augmentation together: their order, and the batch they make."""

import types

import numpy as np
import torch

from baseline import features
from baseline.augmentation.augmenter import Augmenter
from baseline.augmentation.steps import (
    draw_mix,
    freq_mixstyle,
    mask_frames,
    mask_frequencies,
    mixup,
    shift_mel_range,
)
from baseline.inference import to_float
from baseline.loop import make_batch
from baseline.recipe import load_recipe

OFF = ["roll_seconds=0", "frequency_mask_mels=0", "mixstyle_probability=0"]
FRONT_END = features.create("dcase2024")
DEVICES = np.array(["a", "b", "a", "s1", "a", "c"])
DELAY = 1000


def settings_of(*settings):
    """The small recipe's augmentation with nothing but this."""
    return load_recipe("small", [f"augment.{setting}" for setting in (*OFF, *settings)]).augment


def noise(clips):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(5000, 15_000, (clips, 1, 32_000)).astype(np.int16))


class Listener:
    """Stands in for a front end: keeps the waves it is given."""

    front_end = FRONT_END.front_end

    def __call__(self, waves):
        self.waves = waves[:, 0]
        return FRONT_END(waves)


def delayed_waves(*settings):
    """Waves of 40 clips whose only response delays them."""
    responses = torch.zeros(1, DELAY + 1)
    responses[0, DELAY] = 1
    listener = Listener()
    settings = settings_of("impulse_response_probability=1", *settings)
    devices = np.array(["a"] * 40)
    Augmenter(settings, listener, responses).log_mel(noise(40), devices, np.random.default_rng(0))
    return listener.waves


def test_responses_come_before_the_roll():
    silent = delayed_waves("roll_seconds=0.125").abs() < 1e-3
    assert (silent.sum(1) == DELAY).all()  # rolled afterwards: all of the delay is still there
    assert silent.float().argmax(1).unique().numel() > 20
    assert (silent[:, 0] & silent[:, -1]).any()  # it reaches around the end


def test_mels_reach_elsewhere_in_each_batch():
    waves, still, moving = noise(2), settings_of(), settings_of("highest_mel_range_hz=2000")
    front_end = features.create("passt_audioset")
    rng = np.random.default_rng(0)
    seen = [Augmenter(moving, front_end).log_mel(waves, DEVICES[:2], rng) for _ in range(3)]
    usual = Augmenter(still, front_end).log_mel(waves, DEVICES[:2], rng)
    assert len({float(log_mel[0, 0, -1].mean()) for log_mel in (*seen, usual)}) == 4
    rng = np.random.default_rng(5)
    again = shift_mel_range(front_end.front_end, 1, 2000, np.random.default_rng(5))
    expected = features.create(again)(to_float(waves))
    assert torch.equal(Augmenter(moving, front_end).log_mel(waves, DEVICES[:2], rng), expected)


def test_pitch_is_shifted_before_the_responses():
    shifted = delayed_waves("pitch_semitones=12")
    assert (shifted[:, :DELAY].abs() < 1e-3).all()  # the delay itself is not played faster
    assert (shifted != delayed_waves()).any(1).float().mean() > 0.8


def test_frequency_masks_then_time_masks_then_mixstyle():
    settings = settings_of(
        "frequency_mask_mels=48", "time_mask_frames=20", "mixstyle_probability=1"
    )
    waves, rng = noise(6), np.random.default_rng(1)
    found = Augmenter(settings, FRONT_END).log_mel(waves, DEVICES, np.random.default_rng(1))
    fill, plain = FRONT_END.front_end.mask_value, FRONT_END(to_float(waves))
    masked = mask_frames(mask_frequencies(plain, 48, fill, rng), 20, fill, rng)
    assert torch.equal(found, freq_mixstyle(masked, 1.0, settings.mixstyle_alpha, rng))


def batch_of(*settings):
    waves = noise(len(DEVICES))
    training_set = types.SimpleNamespace(
        clips=types.SimpleNamespace(waves=lambda clips: waves[torch.from_numpy(clips)]),
        labels=np.arange(len(DEVICES)),
        devices=DEVICES,
    )
    clips = np.array([5, 2, 1, 0, 3, 4])
    augmenter = Augmenter(settings_of(*settings), FRONT_END)
    return make_batch(augmenter, training_set, clips, np.random.default_rng(0))


def test_mixup_is_the_last_step_and_gives_soft_targets():
    plain = batch_of("frequency_mask_mels=48")
    mixed = batch_of("frequency_mask_mels=48", "mixup_alpha=0.3")
    rng = np.random.default_rng(0)
    rng.random((2, 6))  # what the masks drew
    mix = draw_mix(6, 0.3, rng, like=plain.log_mel)
    torch.testing.assert_close(mixed.log_mel, mixup(plain.log_mel, mix))
    assert mixed.labels.tolist() == plain.labels.tolist() == [5, 2, 1, 0, 3, 4]
    assert torch.equal(plain.target, plain.labels)
    assert mixed.target.shape == (6, 10)
    assert torch.equal(mixed.target.argmax(1), mixed.labels)
