"""Float training of a run's recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import torch
from lightning_fabric import Fabric
from safetensors.torch import save
from torch import nn

from baseline import features, metrics, models
from baseline.augmentation.augmenter import create_augmenter
from baseline.clips import Dataset
from baseline.distillation import require_teachers, student_loss
from baseline.inference import predict
from baseline.initial_weights import load_initial_weights
from baseline.loop import Course, LabelledClips, Loss, Row, State, run_epochs
from baseline.processes import launch
from baseline.recipe import Recipe, Training
from baseline.run import Run
from baseline.store import Store
from baseline.teacher_logits import read_logits
from baseline.whole_batch_norm import normalise_whole_batches
from deploy.errors import InputError
from deploy.files import write_bytes, write_text


def train(
    run: Run,
    dataset: Dataset,
    store: Store,
    *,
    teachers: Path | None = None,
    tensorboard: bool = False,
    show_progress: bool = True,
    fabric: Fabric | None = None,
) -> None:
    """Train the run's recipe on its split and write the weights after the last epoch.

    Args:
        teachers: file of logits to learn from, where the recipe distils.
        fabric: of `processes.launch`, where several processes train together.

    Raises:
        InputError: a corrupt checkpoint, an unusable store or split, logits that are missing or do
            not fit, unusable impulse responses, or a full disk.
    """
    recipe = run.recipe
    fabric = fabric or launch()
    rows = dataset.train_rows(run.split)
    if fabric.is_global_zero:
        write_text(run.training_list_file, "\n".join(dataset.clips.filename[rows]) + "\n")
    loss = training_loss(run, teachers, list(dataset.clips.filename[rows]), fabric.device)
    state = _initial_state(fabric, recipe, run.seed)
    front_end = features.create(recipe.front_end).to(fabric.device)
    training_set = LabelledClips(dataset, store, rows, fabric.device)
    devices = training_set.devices.tolist()
    augmenter = create_augmenter(recipe.augment, front_end, devices, fabric.device)
    if augmenter.response_names and fabric.is_global_zero:
        write_text(run.responses_file, "\n".join(augmenter.response_names) + "\n")
    test_set = LabelledClips(dataset, store, dataset.test_rows(), fabric.device)

    with _curve_writer(run, tensorboard and fabric.is_global_zero) as write_curves:

        def validate(row: Row) -> Row:
            epoch, settings = row["epoch"], recipe.train
            if epoch % settings.validate_every == 0 or epoch == settings.epochs:
                row |= _validate(state.network, front_end, test_set)
            write_curves(row)
            return row

        run_epochs(
            _course(run, loss),
            fabric,
            state,
            augmenter,
            training_set,
            after_epoch=validate,
            show_progress=show_progress,
        )
    if fabric.is_global_zero:
        _finish(run, state.network)


def _finish(run: Run, network: nn.Module) -> None:
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    write_bytes(run.weights_file, save(weights))
    run.checkpoint_file.unlink(missing_ok=True)


def training_loss(
    run: Run, teachers: Path | None, filenames: list[str], device: torch.device
) -> Loss:
    """What a run's recipe learns: labels, or with teachers `distillation.student_loss`.

    Args:
        teachers: file of logits, if and only if the recipe distils.
        filenames: the training clips, in the training set's order.

    Raises:
        InputError: logits that are missing, not expected, or do not fit.
    """
    settings = run.recipe.distill
    if (settings is None) != (teachers is None):
        expected, found = ("no", "some") if settings is None else ("some", "none")
        raise InputError(
            f"recipe {run.recipe.name}: expects {expected} teachers' logits, found {found}; "
            "give --teachers FILE with a recipe that distils, and only then."
        )
    if settings is None or teachers is None:
        return lambda logits, batch: nn.functional.cross_entropy(logits, batch.target)
    known = read_logits(teachers)
    chosen = require_teachers(known, teachers, filenames=filenames, split=run.split)
    return student_loss(settings, chosen, device)


def _course(run: Run, loss: Loss) -> Course:
    return Course(
        title=f"train {run.folder.name}",
        settings=run.recipe.train,
        seed=run.seed,
        loss=loss,
        checkpoint_file=run.checkpoint_file,
        history_file=run.history_file,
    )


def read_history(run: Run) -> pd.DataFrame:
    """The learning curve of a training: a row an epoch.

    Raises:
        InputError: missing or damaged.
    """
    try:
        history = pd.read_csv(run.history_file)
        history[["epoch", "train_loss", "train_accuracy"]].astype(float)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{run.history_file}: is not a learning curve ({error}); train again in another folder."
        ) from error
    return history


def _initial_state(fabric: Fabric, recipe: Recipe, seed: int) -> State:
    torch.manual_seed(seed)
    network = models.create(recipe.network, **recipe.network_options)
    if recipe.initial_weights:
        load_initial_weights(network, recipe.initial_weights)
    network = normalise_whole_batches(network)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return State(*fabric.setup(network, make_optimizer(network, recipe.train)))


def make_optimizer(network: nn.Module, settings: Training) -> torch.optim.Optimizer:
    """The optimiser that the settings ask for, of all the network's parameters."""
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
    return kinds[settings.optimizer](
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )


def _validate(network: nn.Module, front_end: features.LogMel, test_set: LabelledClips) -> Row:
    probabilities = predict(network, front_end, test_set.clips)
    scores = metrics.evaluate(probabilities, test_set.labels, test_set.devices.tolist())
    return {"test_accuracy": scores["macro_accuracy"], "test_loss": scores["log_loss"]}


@contextmanager
def _curve_writer(run: Run, wanted: bool) -> Iterator[Callable[[Row], None]]:
    if not wanted:
        yield lambda row: None
        return
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(run.tensorboard)) as writer:

        def write(row: Row) -> None:
            for key, value in row.items():
                writer.add_scalar(key, value, int(row["epoch"]))

        yield write
