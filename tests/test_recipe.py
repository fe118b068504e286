"""Recipes: what is accepted, what is refused and with which words."""

import pytest

from baseline.recipe import load_recipe, recipe_names, save_recipe
from deploy.errors import InputError


@pytest.mark.parametrize("name", recipe_names())
def test_bundled_recipes_survive_saving(name, tmp_path):
    recipe = load_recipe(name)
    path = tmp_path / "saved.yaml"
    path.write_text(save_recipe(recipe))
    assert load_recipe(str(path)) == recipe


def test_published_settings():
    recipe = load_recipe("baseline2024")
    assert (recipe.train.epochs, recipe.train.batch_size) == (150, 256)
    assert recipe.train.warmup(10_000) == 2000
    assert recipe.submitted_system == "torch-fp16"


def test_overrides():
    recipe = load_recipe("small", ["train.epochs=3", "augment.roll_seconds=0", "precision=int8"])
    assert recipe.train.epochs == 3
    assert recipe.augment.roll_seconds == 0
    assert recipe.submitted_system == "tflite-int8"
    assert load_recipe("small", ["train.warmup_steps=7"]).train.warmup(100) == 7


def test_augmentation_that_a_recipe_does_not_ask_for_is_off():
    for name in recipe_names():
        augment = load_recipe(name).augment
        assert augment.impulse_responses is None
        assert augment.pitch_semitones == 0
        assert (augment.time_mask_frames > 0) == (name == "teacher-passt")
    assert load_recipe("baseline2024").augment.mixup_alpha == 0


def test_folder_of_responses_is_kept_with_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe("small", ["augment.impulse_responses=responses"])
    assert recipe.augment.impulse_responses == str(tmp_path / "responses")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    recipe = load_recipe("small", ["augment.impulse_responses=~/responses"])
    assert recipe.augment.impulse_responses == str(tmp_path / "home" / "responses")
    invented = load_recipe("small", ["augment.impulse_responses=synthetic"])
    assert invented.augment.impulse_responses == "synthetic"


def test_devices_heard_through_responses_survive_saving(tmp_path):
    recipe = load_recipe("small", ["augment.impulse_response_devices=[a, b]"])
    assert recipe.augment.impulse_response_devices == ("a", "b")
    path = tmp_path / "saved.yaml"
    path.write_text(save_recipe(recipe))
    assert load_recipe(str(path)) == recipe


def test_numbers_with_an_exponent_need_no_point():
    assert load_recipe("small", ["train.learning_rate=1e-3"]).train.learning_rate == 1e-3


def test_options_of_the_network_survive_saving(tmp_path):
    path = tmp_path / "wide.yaml"
    path.write_text(
        "network: cpresnet2020\n"
        "network_options: {width: 64, rho: 4, blocks: [4, 3, 1], damping: 0.1}\n"
        "train: {warmup_share: 0.1}\n"
    )
    recipe = load_recipe(str(path), ["network_options.width=32"])
    assert recipe.network_options == {"width": 32, "rho": 4, "blocks": [4, 3, 1], "damping": 0.1}
    path.write_text(save_recipe(recipe))
    assert load_recipe(str(path)) == recipe


def test_recipes_of_earlier_versions_have_no_options_of_the_network():
    assert load_recipe("small").network_options == {}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("network_options=3", "key 'network_options': .*valid dictionary, found 3"),
        ("network_options={1: 2}", "key 'network_options.1.*valid string"),
        ("train.epoch=3", "unknown key 'train.epoch'; did you mean 'epochs'"),
        ("trian.epochs=3", "did you mean 'train'"),
        ("train.epochs=zero", "found 'zero'"),
        ("train.epochs=0", "greater than or equal to 1, found 0"),
        ("train.epochs", "expected key=value"),
        ("name.epochs=3", "'name' is a value|valid string"),
        ("precision=fp8", "found 'fp8'"),
        ("train.epochs=[", "not valid YAML"),
        ("augment.impulse_response_probability=1.5", "less than or equal to 1, found 1.5"),
        ("augment.mixup_alpha=-1", "greater than or equal to 0, found -1"),
        ("augment.pitch_semitones=13", "less than or equal to 12, found 13"),
        ("augment.time_mask_frames=2.5", "valid integer, found 2.5"),
        ("augment.impulse_response_devices=a", "valid tuple, found 'a'"),
        ("augment.impulse_response_devices=[]", "at least 1 item"),
        ("augment.impulse_responses=7", "valid string, found 7"),
        ("augment.impulse_responses=''", "expected a folder, 'synthetic' or null"),
    ],
)
def test_wrong_override_is_explained(override, words):
    with pytest.raises(InputError, match=words):
        load_recipe("small", [override])


def test_two_warmups_are_refused(tmp_path):
    path = tmp_path / "both.yaml"
    path.write_text("train: {warmup_steps: 3, warmup_share: 0.1}")
    with pytest.raises(InputError, match="exactly one"):
        load_recipe(str(path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- 1\n", "expected a mapping"),
        ("a: [", "not a readable YAML"),
        ("train: !!python/object/apply:os.system [true]", "not a readable YAML"),
        ("\udcff", "not a readable YAML"),
    ],
)
def test_unreadable_recipe(text, words, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=words):
        load_recipe(str(path))


def test_unknown_recipe_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'small'"):
        load_recipe("smal")
