"""The straight line: every stage of one run, and the stages that several verbs share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from baseline import complexity, plots
from baseline.clips import Dataset, read_dataset
from baseline.models import NETWORKS
from baseline.recipe import Recipe
from baseline.run import Run, create_run
from baseline.store import Store, open_store, prepare
from baseline.teacher_logits import TeacherLogits, ensemble, write_logits
from deploy.files import write_json
from deploy.frontend import front_end
from quantize.evaluation import evaluate_system
from quantize.quantization import quantize_run
from quantize.system_names import available_systems
from submission.budget import count_recipe
from submission.predict import audio_names, predict_run

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Task:
    """What to train, on what, and where to keep it."""

    data: Path
    store: Path
    out: Path
    recipe: Recipe
    split: int
    seed: int = 0
    over_budget: bool = False
    tensorboard: bool = False
    teachers: Path | None = None
    """File of logits to learn from, where the recipe distils."""
    float_only: bool = False
    """Leave quantising out, as for teachers."""


def default_run_folder(runs: Path, recipe: Recipe, split: int, seed: int) -> Path:
    """Where a run goes unless told otherwise."""
    return runs / f"{recipe.name}-split{split}-seed{seed}"


def default_store(data: Path) -> Path:
    """Where a dataset's prepared clips go unless told otherwise."""
    return data / "prepared"


def train_run(task: Task, say: Callable[[str], None]) -> tuple[Run, Dataset, Store]:
    """Prepare, check the budget and train.

    Raises:
        InputError: wrong data, a network over the budget, or a folder with another run.
    """
    from baseline import processes

    fabric = processes.launch()
    with processes.together():
        return _train_run(task, processes.told_once(say), fabric)


def _train_run(
    task: Task, say: Callable[[str], None], fabric: Fabric
) -> tuple[Run, Dataset, Store]:
    from baseline.processes import first_alone

    dataset = read_dataset(task.data)
    dataset.train_rows(task.split), dataset.test_rows()  # a missing list shows before any work
    counted = _count_before_training(task, say)
    with first_alone(fabric):
        store = prepare(dataset, task.store, rate_hz=front_end(task.recipe.front_end).rate_hz)
        run = _create_run(task)
        trained = run.weights_file.is_file()
    if fabric.is_global_zero:
        write_json(run.complexity_file, counted.to_dict())
    if trained:
        say(f"train: {run.folder} is already trained")
    else:
        _train(task, run, dataset, store, fabric)
    if fabric.is_global_zero:
        _plot_learning_curve(task, run)
    return run, dataset, store


def _count_before_training(task: Task, say: Callable[[str], None]) -> complexity.Complexity:
    counted = count_recipe(task.recipe)
    if not task.over_budget:
        complexity.require_within_limits(counted)
    say(
        f"budget: {counted.bytes:,} bytes at {counted.precision}, {counted.macs:,} MACs, "
        f"{'within' if counted.within_limits else 'OVER'} the limits"
    )
    _tell_foreign_front_end(task.recipe, say)
    return counted


def _create_run(task: Task) -> Run:
    return create_run(
        task.out,
        task.recipe,
        split=task.split,
        seed=task.seed,
        data=task.data,
        store=task.store,
        teachers=task.teachers,
    )


def _train(task: Task, run: Run, dataset: Dataset, store: Store, fabric: Fabric) -> None:
    from baseline.training import train

    teachers, tensorboard = task.teachers, task.tensorboard
    train(run, dataset, store, teachers=teachers, tensorboard=tensorboard, fabric=fabric)


def _plot_learning_curve(task: Task, run: Run) -> None:
    from baseline.training import read_history

    title = f"{task.recipe.name}, split {task.split} %, seed {task.seed}"
    plots.plot_learning_curve(read_history(run), run.plots / "learning-curve.png", title)


def _tell_foreign_front_end(recipe: Recipe, say: Callable[[str], None]) -> None:
    if recipe.network in NETWORKS and NETWORKS[recipe.network].front_end != recipe.front_end:
        say(
            f"note: {recipe.network} was published with front end "
            f"{NETWORKS[recipe.network].front_end}; the recipe has another"
        )


def teach_from(
    runs: Sequence[Run],
    weights: Sequence[float],
    out: Path,
    *,
    split: int | None,
    views: int,
    outside_data: bool,
) -> TeacherLogits:
    """Write the logits of an ensemble of runs for the training clips of a split.

    Raises:
        InputError: see `baseline.teaching.teach` and `baseline.teacher_logits.ensemble`.
    """
    from baseline.teaching import teach

    members = []
    for run in runs:
        dataset, store = open_data(run, None, None)
        asked = split or runs[0].split
        members.append(
            teach(run, dataset, store, split=asked, views=views, outside_data=outside_data)
        )
    together = ensemble(members, weights)
    write_logits(out, together)
    return together


def open_data(run: Run, data: Path | None, store: Path | None) -> tuple[Dataset, Store]:
    """A run's dataset and prepared clips, where the run recorded them or where they are now.

    Raises:
        InputError: the dataset or its store is gone or has changed.
    """
    dataset = read_dataset(data or Path(run.record["data"]))
    rate_hz = front_end(run.recipe.front_end).rate_hz
    return dataset, open_store(store or Path(run.record["store"]), dataset, rate_hz=rate_hz)


def evaluation_audio(data: Path) -> Path | None:
    """The evaluation set's recordings that a dataset folder brings along, if any."""
    audio = data / "evaluation" / "audio"
    return audio if audio.is_dir() else None


def evaluation_list(data: Path) -> Path | None:
    """The list of those recordings, if the dataset brings one along."""
    path = data / "evaluation" / "evaluation_setup" / "fold1_test.csv"
    return path if path.is_file() else None


def full_run(task: Task, evaluation: Path | None, say: Callable[[str], None]) -> Run:
    """All stages for one split: train, quantise and export, evaluate everything, predict.

    Args:
        evaluation: folder of the evaluation set's recordings, or None to leave predicting out.

    Raises:
        InputError: as the stages.
    """
    if evaluation is not None:
        audio_names(evaluation)  # a wrong folder shows before any work
    run, dataset, store = train_run(task, say)
    if not task.float_only:
        quantize_run(run, dataset, store)
    for system in available_systems(run):
        scores = evaluate_system(run, system, dataset, store)
        say(f"evaluate: {system:12} macro accuracy {100 * scores['macro_accuracy']:.1f} %")
    if evaluation is not None:
        predict_run(run, evaluation)
    return run
