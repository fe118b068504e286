"""Training: what it writes, that it resumes bit for bit, that it learns."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from baseline import models
from baseline.augmentation.augmenter import Augmenter
from baseline.augmentation.synthetic_responses import synthetic_responses
from baseline.clips import read_dataset
from baseline.features import create as create_features
from baseline.models.passt import Arch, PaSST
from baseline.models.patchout import Patchout
from baseline.recipe import load_recipe, recipe_names
from baseline.run import create_run, open_run
from baseline.schedule import cosine_factor
from baseline.store import prepare
from baseline.teacher_logits import TeacherLogits, write_logits
from baseline.training import make_optimizer, train
from deploy.errors import InputError
from deploy.frontend import FRONT_ENDS

DEVICES = np.array(["a"] * 8)
SHORT = ["train.epochs=3", "train.batch_size=8", "train.validate_every=2"]


@pytest.fixture
def start(tiny_dataset, tmp_path):
    """A function that trains on the tiny dataset and returns the run."""
    data = tiny_dataset()
    dataset = read_dataset(data)
    store = prepare(dataset, tmp_path / "store", show_progress=False, workers=1)

    def start(name="run", overrides=(), seed=0, recipe="small"):
        recipe = load_recipe(recipe, [*SHORT, *overrides])
        run = create_run(
            tmp_path / name, recipe, split=100, seed=seed, data=data, store=store.folder
        )
        teachers = None
        if recipe.distill:
            teachers = tmp_path / "teachers.npz"
            write_logits(teachers, random_logits(dataset.clips.filename[dataset.train_rows(100)]))
        train(run, dataset, store, teachers=teachers, show_progress=False)
        return run

    return start


def random_logits(filenames):
    logits = np.random.default_rng(0).normal(size=(len(filenames), 1, 10)).astype(np.float32)
    return TeacherLogits(tuple(filenames), logits, 100, ("random",))


def same_weights(first, second):
    pairs = (load_file(run.weights_file) for run in (first, second))
    one, two = pairs
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_writes_weights_history_and_clips(start):
    run = start()
    history = pd.read_csv(run.history_file)
    assert history.epoch.to_list() == [1, 2, 3]
    assert history.test_accuracy.notna().to_list() == [False, True, True]
    assert len(run.training_list_file.read_text().splitlines()) == 12
    assert not run.checkpoint_file.exists()
    assert run.record["seed"] == 0
    assert open_run(run.folder).recipe == run.recipe


@pytest.mark.slow
def test_same_seed_same_weights_and_another_seed_others(start):
    assert same_weights(start("first"), start("second"))
    assert not same_weights(start("first"), start("third", seed=1))


def test_bfloat16_is_near_but_not_the_same(start):
    exact, rounded = start("fp32", PASST), start("bf16", [*PASST, "train.arithmetic=bf16"])
    one, other = (pd.read_csv(run.history_file).train_loss for run in (exact, rounded))
    np.testing.assert_allclose(other, one, rtol=0.02)
    assert (one != other).any()
    assert {value.dtype for value in load_file(rounded.weights_file).values()} == {torch.float32}


def test_optimisers_add_weight_decay_differently():
    weights = {}
    for name in ("adamw", "adam"):
        settings = load_recipe("small", [f"train.optimizer={name}", "train.weight_decay=1"]).train
        network = torch.nn.Linear(1, 1, bias=False)
        network.weight.data.fill_(1)
        optimizer = make_optimizer(network, settings)
        network.weight.grad = torch.full_like(network.weight, 1e-3)
        optimizer.step()
        weights[name] = network.weight.item()
    rate = settings.learning_rate  # one step of Adam is the learning rate long
    assert weights["adam"] == pytest.approx(1 - rate, abs=1e-6)
    assert weights["adamw"] == pytest.approx((1 - rate) - rate, abs=1e-4)


class StoppedError(Exception):
    pass


def tiny_passt():
    return PaSST(Arch(width=12, depth=1, heads=2), 10, Patchout(frequency=6))


PASST = ["network=test_training:tiny_passt", "front_end=passt", "augment.frequency_mask_mels=10"]


EVERY_STEP = [
    "augment.impulse_responses=synthetic",
    "augment.mixup_alpha=0.3",
    "augment.pitch_semitones=2",
    "augment.time_mask_frames=10",
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides", [(), PASST, EVERY_STEP], ids=["small", "draws_itself", "every_step"]
)
def test_stopped_between_epochs_and_resumed_gives_the_same_bits(overrides, start, monkeypatch):
    whole = start("whole", overrides)
    saves = []

    def save_and_stop(course, state, original=sys.modules["baseline.loop"].save):
        original(course, state)
        saves.append(state.epochs_done)
        if len(saves) < 3:
            raise StoppedError

    monkeypatch.setattr("baseline.loop.save", save_and_stop)
    for _ in range(2):
        with pytest.raises(StoppedError):
            start("stopped", overrides)
    torch.manual_seed(99)  # as in another process
    resumed = start("stopped", overrides)
    assert saves == [1, 2, 3]
    assert same_weights(whole, resumed)
    columns = ["epoch", "train_loss", "train_accuracy"]
    curves = [pd.read_csv(run.history_file)[columns] for run in (whole, resumed)]
    pd.testing.assert_frame_equal(*curves)


@pytest.mark.slow
@pytest.mark.parametrize("override", EVERY_STEP)
def test_each_step_of_the_augmentation_changes_what_is_learnt(override, start):
    plain, augmented = start("plain"), start("augmented", [override])
    assert not same_weights(plain, augmented)
    assert same_weights(augmented, start("again", [override]))


def test_mixed_labels_are_what_is_learnt(start, monkeypatch):
    targets = []

    def cross_entropy(logits, target, original=torch.nn.functional.cross_entropy):
        targets.append(target)
        return original(logits, target)

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", cross_entropy)
    start("plain")
    assert all(target.shape == (len(target),) for target in targets)
    targets.clear()
    start("mixed", ["augment.mixup_alpha=1"])
    soft = torch.cat(targets)
    torch.testing.assert_close(soft.sum(1), torch.ones(3 * 12))
    assert 0.5 <= soft.max(1).values.min() < 0.9


@pytest.mark.slow
def test_the_responses_trained_with_are_recorded(start):
    assert not start("plain").responses_file.exists()
    run = start("augmented", ["augment.impulse_responses=synthetic"])
    names = run.responses_file.read_text().splitlines()
    assert names == list(synthetic_responses(32_000).names)


@pytest.mark.slow
def test_killed_and_started_again_gives_the_same_bits(tiny_dataset, tmp_path):
    data = tiny_dataset()

    def command(out):
        options = ["--recipe", "small", "--set", "train.epochs=12", "--set", "train.batch_size=4"]
        place = ["--data", data, "--split", "100", "--out", out]
        return [sys.executable, "-m", "tinyscene", "train", *map(str, place), *options]

    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    killed, rng = 0, np.random.default_rng(0)
    while not (tmp_path / "killed" / "weights.safetensors").exists():
        process = subprocess.Popen(
            command(tmp_path / "killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        checkpoint = tmp_path / "killed" / "checkpoint.pt"
        deadline = time.monotonic() + 60
        while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(rng.uniform(0.0, 0.5) if killed < 3 else 0)
        if killed < 3 and process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed > 0
    assert same_weights(open_run(tmp_path / "whole"), open_run(tmp_path / "killed"))


def test_learns_to_tell_tones_apart(tiny_dataset, tmp_path):
    dataset = read_dataset(tiny_dataset())
    time_s = np.arange(44_100) / 44_100
    for name, label in zip(dataset.clips.filename, dataset.clips.label, strict=True):
        tone = 0.1 * np.sin(2 * np.pi * 300 * (1 + label) * time_s)
        soundfile.write(dataset.folder / name, tone, 44_100)
    store = prepare(dataset, tmp_path / "store", show_progress=False, workers=1)
    recipe = load_recipe("small", [*SHORT, "train.epochs=15", "augment.mixstyle_probability=0"])
    run = create_run(
        tmp_path / "run", recipe, split=100, seed=0, data=dataset.folder, store=store.folder
    )
    train(run, dataset, store, show_progress=False)
    assert pd.read_csv(run.history_file).train_accuracy.iloc[-1] == 1


def test_corrupt_checkpoint_is_refused(start, tmp_path):
    run = start("first")
    run.weights_file.unlink()
    run.checkpoint_file.write_bytes(b"PK\x03\x04 not a checkpoint")
    with pytest.raises(InputError, match="damaged and cannot be resumed"):
        start("first")


def test_folder_of_another_run_is_refused(start):
    start("first")
    with pytest.raises(InputError, match="seed 0, not 1"):
        start("first", seed=1)
    with pytest.raises(InputError, match="another recipe"):
        start("first", overrides=["train.learning_rate=0.1"])


def test_learning_rate_warms_up_and_falls_to_zero():
    factors = [cosine_factor(step, 10, 100) for step in range(101)]
    assert factors[0] == 0
    assert factors[5] == 0.5
    assert factors[10] == 1
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0, abs=1e-9)
    assert cosine_factor(5, 0, 5) == 0


def test_augmentation_can_be_switched_off():
    off = ["augment.roll_seconds=0", "augment.frequency_mask_mels=0"]
    recipe = load_recipe("small", [*off, "augment.mixstyle_probability=0"])
    front_end = create_features("dcase2024")
    waves = torch.randint(-3000, 3000, (8, 1, 32_000), dtype=torch.int16)
    plain = Augmenter(recipe.augment, front_end).log_mel(waves, DEVICES, np.random.default_rng(0))
    torch.testing.assert_close(plain, front_end(waves.float() / 32_768))


@pytest.mark.parametrize("name", sorted(FRONT_ENDS))
def test_masked_mels_have_the_front_ends_mask_value(name):
    off = ["augment.roll_seconds=0", "augment.mixstyle_probability=0"]
    recipe = load_recipe("small", [*off, "augment.frequency_mask_mels=200"])
    front_end = create_features(name)
    waves = torch.randint(-3000, 3000, (8, 1, 32_000), dtype=torch.int16)
    log_mel = Augmenter(recipe.augment, front_end).log_mel(waves, DEVICES, np.random.default_rng(0))
    changed = log_mel != front_end(waves.float() / 32_768)
    assert 0 < changed.float().mean() < 1
    assert torch.equal(changed.all(-1), changed.any(-1))  # whole mels
    assert log_mel[changed].unique().tolist() == pytest.approx([FRONT_ENDS[name].mask_value])


# PaSST is too large to train here, and the weights it starts from are a download.
SMALLER = {"teacher-passt": ["network=test_training:tiny_passt", "initial_weights=null"]}


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_trains(name, start):
    run = start(recipe=name, overrides=SMALLER.get(name, ()))
    history = pd.read_csv(run.history_file)
    assert history.train_loss.notna().all()
    network = models.create(run.recipe.network, **run.recipe.network_options)
    network.load_state_dict(load_file(run.weights_file), strict=True)


def test_options_of_the_network_are_trained_with(start):
    options = "network_options={width: 4, blocks: [4, 2, 0]}"
    run = start(overrides=["network=cpresnet2020_damped", options])
    assert load_file(run.weights_file)["in_c.0.weight"].shape == (4, 1, 5, 5)
    history = pd.read_csv(run.history_file)
    assert history.train_loss.iloc[-1] < history.train_loss.iloc[0]


def test_tensorboard_events_on_request(tiny_dataset, tmp_path):
    dataset = read_dataset(tiny_dataset())
    store = prepare(dataset, tmp_path / "store", show_progress=False, workers=1)
    run = create_run(
        tmp_path / "run",
        load_recipe("small", SHORT),
        split=100,
        seed=0,
        data=dataset.folder,
        store=store.folder,
    )
    train(run, dataset, store, tensorboard=True, show_progress=False)
    assert list(run.tensorboard.glob("events.*"))
