"""Teachers' logits by name, and students that learn them."""

import types

import numpy as np
import pytest
import torch

import tinyscene
from baseline.augmentation.steps import Mix
from baseline.challenge import SCENES
from baseline.clips import read_dataset
from baseline.distillation import distillation_loss, require_teachers, student_loss
from baseline.loop import Batch
from baseline.recipe import Distillation, load_recipe
from baseline.run import create_run, open_run
from baseline.store import prepare
from baseline.teacher_logits import TeacherLogits, ensemble, read_logits, write_logits
from baseline.teaching import teach
from baseline.training import train
from deploy.errors import InputError

SHORT = ["train.epochs=2", "train.batch_size=8"]
NAMES = tuple(f"audio/{number}.wav" for number in range(6))


def teacher(seed=0, *, names=NAMES, views=1, split=25, run="teacher"):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(names), views, len(SCENES))).astype(np.float32)
    return TeacherLogits(tuple(names), logits, split, (run,))


# --- the loss


def test_equal_teacher_and_student_have_no_divergence():
    logits = torch.randn(5, 10)
    assert distillation_loss(logits, logits.clone(), 2.0).item() == pytest.approx(0, abs=1e-7)


def test_divergence_is_the_mean_over_batch_and_classes():
    student, known = (np.random.default_rng(seed).normal(size=(4, 10)) for seed in (1, 2))
    p, q = (np.exp(x / 3) / np.exp(x / 3).sum(1, keepdims=True) for x in (known, student))
    expected = (p * np.log(p / q)).sum() / p.size
    found = distillation_loss(torch.tensor(student), torch.tensor(known), 3.0)
    assert found.item() == pytest.approx(expected)


def batch_of(clips, labels):
    return Batch(np.array(clips), torch.tensor(labels), torch.empty(0))


def test_loss_weighs_labels_and_the_teachers_of_the_right_clips():
    known = teacher().logits[:, 0]
    logits, batch = torch.randn(2, 10), batch_of([4, 1], [3, 0])
    settings = Distillation(temperature=2.0, label_weight=0.5, teacher_weight=7.0)
    found = student_loss(settings, known, torch.device("cpu"))(logits, batch)
    hard = torch.nn.functional.cross_entropy(logits, batch.labels)
    soft = distillation_loss(logits, torch.from_numpy(known[[4, 1]]), 2.0)
    assert found.item() == pytest.approx((0.5 * hard + 7.0 * soft).item())


def test_under_mixup_labels_and_teachers_of_both_clips_are_learnt():
    known = torch.from_numpy(teacher().logits[:, 0])
    logits, labels = torch.randn(2, 10), torch.tensor([3, 0])
    mix = Mix(share=torch.tensor([0.9, 0.6]), partner=torch.tensor([1, 0]))
    batch = Batch(np.array([4, 1]), labels, torch.empty(0), mix)
    settings = Distillation(temperature=2.0, label_weight=0.5, teacher_weight=7.0)
    found = student_loss(settings, known.numpy(), torch.device("cpu"))(logits, batch)

    def alone(clip, row):
        place = [4, 1].index(clip)
        single = Batch(np.array([clip]), labels[[place]], torch.empty(0))
        return student_loss(settings, known.numpy(), torch.device("cpu"))(logits[[row]], single)

    first = 0.9 * alone(4, 0) + 0.1 * alone(1, 0)
    second = 0.6 * alone(1, 1) + 0.4 * alone(4, 1)
    assert found.item() == pytest.approx(((first + second) / 2).item(), rel=1e-5)


def test_recipe_has_the_weights_of_2023():
    settings = load_recipe("student").distill
    assert (settings.temperature, settings.label_weight) == (2.0, 0.02)
    assert settings.teacher_weight == pytest.approx((1 - 0.02) * 2.0**2)


# --- the file


def test_logits_are_found_by_name_and_averaged_over_views(tmp_path):
    path, written = tmp_path / "t.npz", teacher(views=3)
    write_logits(path, written)
    read = read_logits(path)
    assert (read.filenames, read.split, read.teachers) == (NAMES, 25, ("teacher",))
    shuffled = [NAMES[index] for index in (3, 0, 5)]
    found = read.of(shuffled, path)
    np.testing.assert_allclose(found, written.logits[[3, 0, 5]].mean(1))


def test_ensemble_is_the_weighted_mean():
    one, two = teacher(1, run="one"), teacher(2, run="two")
    together = ensemble([one, two], [1, 3])
    np.testing.assert_allclose(together.logits, (one.logits + 3 * two.logits) / 4, rtol=1e-6)
    assert together.teachers == ("one", "two")
    same = ensemble([one, one], [1, 1])
    np.testing.assert_array_equal(same.logits, one.logits)


@pytest.mark.parametrize(
    ("members", "weights", "words"),
    [
        ([teacher(), teacher(names=NAMES[::-1])], [1, 1], "different clips"),
        ([teacher(), teacher(views=2)], [1, 1], "different clips, views"),
        ([teacher(), teacher(split=50)], [1, 1], "splits"),
        ([teacher()], [1, 1], "found weights 1, 1 for 1 teachers"),
        ([teacher()], [0], "not all zero"),
        ([teacher(), teacher()], [2, -1], "none negative"),
    ],
)
def test_ensembles_that_do_not_fit(members, weights, words):
    with pytest.raises(InputError, match=words):
        ensemble(members, weights)


def spoilt(path, **changes):
    write_logits(path, teacher())
    with np.load(path) as file:
        arrays = dict(file)
    arrays |= changes
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"filenames": np.array(NAMES[:-1])}, "for 5 names"),
        ({"filenames": np.array([NAMES[0]] * 6)}, "names that differ"),
        ({"logits": np.zeros((6, 10), np.float32)}, r"shape \(6, 10\)"),
        ({"logits": np.full((6, 1, 10), np.nan)}, "not finite"),
        (
            {"about": np.array('{"labels": ["tram", "bus"], "split": 5, "teachers": []}')},
            "tram, bus",
        ),
        ({"about": np.array("{}")}, "not a whole file"),
    ],
)
def test_damaged_logits(changes, words, tmp_path):
    spoilt(tmp_path / "t.npz", **changes)
    with pytest.raises(InputError, match=words):
        read_logits(tmp_path / "t.npz")


def test_files_that_are_no_logits(tmp_path):
    with pytest.raises(InputError, match="there are no teachers' logits"):
        read_logits(tmp_path / "no.npz")
    (tmp_path / "t.npz").write_bytes(b"PK not a zip")
    with pytest.raises(InputError, match="not a whole file"):
        read_logits(tmp_path / "t.npz")
    write_logits(tmp_path / "t.npz", teacher())
    whole = (tmp_path / "t.npz").read_bytes()
    (tmp_path / "t.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a whole file"):
        read_logits(tmp_path / "t.npz")


def test_coverage_and_split_are_checked(tmp_path):
    source = tmp_path / "t.npz"
    with pytest.raises(InputError, match=r"no logits for 1 of 2 training clips, first audio/x.wav"):
        require_teachers(teacher(), source, filenames=[NAMES[0], "audio/x.wav"], split=25)
    with pytest.raises(InputError, match=r"teachers of split 25, expected 50"):
        require_teachers(teacher(), source, filenames=list(NAMES), split=50)


# --- from runs to students


@pytest.fixture
def place(tiny_dataset, tmp_path):
    data = tiny_dataset()
    dataset = read_dataset(data)
    store = prepare(dataset, tmp_path / "store", show_progress=False, workers=1)

    def run(name, recipe="small", *, split=100, seed=0, teachers=None):
        made = create_run(
            tmp_path / name,
            load_recipe(recipe, SHORT),
            split=split,
            seed=seed,
            data=data,
            store=store.folder,
            teachers=teachers,
        )
        train(made, dataset, store, teachers=teachers, show_progress=False)
        return made

    return tmp_path, dataset, store, run


def test_a_student_learns_what_its_teachers_say(place):
    folder, _, _, run = place
    teachers = [run("t0"), run("t1", seed=1)]
    out = folder / "teachers.npz"
    words = ["teach", *(str(one.folder) for one in teachers), "--out", str(out), "--views", "2"]
    assert tinyscene.main(words) == 0
    assert read_logits(out).logits.shape == (12, 2, 10)
    student = run("student", "student", teachers=out)
    assert student.record["teachers"] == str(out.resolve())
    assert open_run(student.folder).weights_file.is_file()


def test_views_are_the_clip_rolled_by_equal_steps(place):
    _, dataset, store, run = place
    made = run("t")
    views = teach(made, dataset, store, views=4).logits
    for view in range(4):
        rolled = np.roll(store.samples, view * 8_000, axis=1)
        alone = types.SimpleNamespace(samples=rolled, positions=store.positions)
        assert (views[:, [view]] == teach(made, dataset, alone).logits).all()
    assert (views[:, 0] != views[:, 1]).any()


def test_a_teacher_that_knows_more_than_the_split_is_refused(place):
    _, dataset, store, run = place
    made = run("t", split=100)
    with pytest.raises(InputError, match=r"was trained on \d+ clips outside split 25"):
        teach(made, dataset, store, split=25)
    allowed = teach(made, dataset, store, split=25, outside_data=True)
    assert allowed.split == 25
    assert len(allowed.filenames) < 12
    small = run("small", split=25)
    assert teach(small, dataset, store, split=100).split == 100


@pytest.mark.parametrize("recipe", ["small", "student"])
def test_logits_and_recipe_go_together(place, recipe):
    folder, _, _, run = place
    given = None
    if recipe == "small":
        given = folder / "teachers.npz"
        write_logits(given, teacher())
    with pytest.raises(InputError, match=f"recipe {recipe}: expects .* teachers' logits"):
        run("run", recipe, teachers=given)
