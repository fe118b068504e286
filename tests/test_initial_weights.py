"""What a training starts from: weights of a file or of a publication, and who may teach then."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from baseline import models
from baseline.clips import read_dataset
from baseline.initial_weights import load_initial_weights
from baseline.models.passt import Arch, PaSST
from baseline.recipe import load_recipe, save_recipe
from baseline.run import create_run
from baseline.store import prepare
from baseline.teaching import teach
from baseline.training import train
from deploy.errors import InputError
from deploy.files import write_text

WIDTH = {"width": 4}
SMALL = ["network=cpresnet2020", "network_options={width: 4}"]


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(1)
    path = tmp_path / "weights.safetensors"
    save_file(models.create("cpresnet2020", **WIDTH).state_dict(), path)
    return path


def test_a_network_takes_over_weights_of_its_own_kind(weights):
    network = models.create("cpresnet2020", **WIDTH)
    load_initial_weights(network, str(weights))
    for key, value in load_file(weights).items():
        assert torch.equal(network.state_dict()[key], value)


def test_keys_that_do_not_fit_are_listed(weights):
    state = load_file(weights)
    state["surplus.weight"] = state.pop("in_c.0.weight")
    save_file(state, weights)
    network = models.create("cpresnet2020", **WIDTH)
    with pytest.raises(InputError, match=r"1 missing \(in_c.0.weight\); 1 surplus \(surplus.wei"):
        load_initial_weights(network, str(weights))


def test_passt_leaves_a_head_of_other_classes_behind(tmp_path):
    arch = Arch(frames=200, width=24, depth=1, heads=2)
    torch.manual_seed(1)
    audioset, scenes = PaSST(arch, 527), PaSST(arch, 10)
    fresh = scenes.head[1].weight.clone()
    save_file(audioset.state_dict(), tmp_path / "audioset.safetensors")
    load_initial_weights(scenes, str(tmp_path / "audioset.safetensors"))
    assert torch.equal(scenes.patch_embed.proj.weight, audioset.patch_embed.proj.weight)
    assert torch.equal(scenes.head[1].weight, fresh)


def test_published_weights_are_to_be_fetched_first(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYSCENE_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match="run: tinyscene weights fetch passt_fms_1"):
        load_initial_weights(models.create("cpresnet2020", **WIDTH), "passt_fms_1")


# --- in a recipe


@pytest.fixture
def place(tiny_dataset, tmp_path):
    data = tiny_dataset()
    dataset = read_dataset(data)
    store = prepare(dataset, tmp_path / "store", show_progress=False, workers=1)

    def run(name, *overrides, split=25):
        short = ["train.epochs=1", "train.batch_size=8", "train.learning_rate=1e-9"]
        recipe = load_recipe("small", [*SMALL, *short, *overrides])
        made = create_run(
            tmp_path / name, recipe, split=split, seed=0, data=data, store=store.folder
        )
        train(made, dataset, store, show_progress=False)
        return made

    return dataset, store, run


def test_a_training_starts_from_the_recipes_weights(place, weights):
    _, _, run = place
    trained = load_file(run("run", f"initial_weights={weights}").weights_file)
    for key, value in load_file(weights).items():
        if key.endswith("weight"):
            torch.testing.assert_close(trained[key], value, atol=1e-6, rtol=0)


def test_who_starts_from_more_than_the_split_may_not_teach_it(place):
    dataset, store, run = place
    wide = run("wide", split=100)
    tuned = run("tuned", f"initial_weights={wide.weights_file}")
    with pytest.raises(InputError, match=r"trained on \d+ clips outside split 25"):
        teach(tuned, dataset, store)
    assert teach(tuned, dataset, store, outside_data=True).split == 25


def test_published_scene_weights_teach_only_as_outside_data(place):
    dataset, store, run = place
    made = run("run")
    recipe = load_recipe(str(made.recipe_file), ["initial_weights=cpr_128k_fms_1"])
    write_text(made.recipe_file, save_recipe(recipe))
    with pytest.raises(InputError, match="from cpr_128k_fms_1, which knows all of TAU"):
        teach(made, dataset, store)


def test_a_relative_path_is_kept_whole(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe("small", ["initial_weights=weights.pt"])
    assert Path(recipe.initial_weights) == tmp_path / "weights.pt"
