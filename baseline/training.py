"""Training: a plain loop over Lightning Fabric that can be stopped and resumed at any moment."""

from __future__ import annotations

import io
import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning.fabric import Fabric
from safetensors.torch import save
from torch import nn

from baseline import features, metrics, models
from baseline.augment import freq_mixstyle, mask_frequencies, roll
from baseline.clips import Dataset
from baseline.inference import Clips, predict, to_float
from baseline.progress import progress_bar
from baseline.recipe import Recipe
from baseline.run import Run
from baseline.store import Store
from deploy.errors import InputError
from deploy.files import replacing, write_bytes, write_text

Row = dict[str, float]
"""One epoch of the learning curve."""


@dataclass
class State:
    """What a training consists of between two epochs."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    history: list[Row]

    @property
    def epochs_done(self) -> int:
        return len(self.history)


def train(
    run: Run,
    dataset: Dataset,
    store: Store,
    *,
    tensorboard: bool = False,
    show_progress: bool = True,
) -> None:
    """Train the run's recipe on its split and write the weights after the last epoch.

    The state is saved after every epoch and each epoch draws from its own generator, so a
    training that was stopped and started again ends with the weights of one that was not (on
    one machine, with the same number of threads).

    Raises:
        InputError: a corrupt checkpoint, an unusable store or split, or a full disk.
    """
    recipe, seed = run.recipe, run.seed
    fabric = Fabric(accelerator="auto", devices=1)
    rows = dataset.train_rows(run.split)
    write_text(run.training_list_file, "\n".join(dataset.clips.filename[rows]) + "\n")
    state = _initial_state(fabric, recipe, seed)
    _resume(run.checkpoint_file, state)
    front_end = features.create(recipe.front_end).to(fabric.device)
    training_set = LabelledClips(dataset, store, rows, fabric.device)
    test_set = LabelledClips(dataset, store, dataset.test_rows(), fabric.device)
    progress = progress_bar(
        recipe.train.epochs,
        f"train {run.folder.name}",
        "epoch",
        show=show_progress,
        done=state.epochs_done,
    )
    with progress, _curve_writer(run, tensorboard) as write_curves:
        for epoch in range(state.epochs_done, recipe.train.epochs):
            row = _train_epoch(fabric, recipe, state, front_end, training_set, epoch, seed)
            _require_finite(run, row)
            if (epoch + 1) % recipe.train.validate_every == 0 or epoch + 1 == recipe.train.epochs:
                row |= _validate(state.network, front_end, test_set)
            state.history.append(row)
            _save(run, state)
            write_curves(row)
            progress.set_postfix(loss=f"{row['train_loss']:.3f}", refresh=False)
            progress.update()
    write_bytes(
        run.weights_file, save({k: v.contiguous() for k, v in state.network.state_dict().items()})
    )
    run.checkpoint_file.unlink(missing_ok=True)


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


class LabelledClips:
    """Clips with their labels and devices."""

    def __init__(
        self, dataset: Dataset, store: Store, rows: np.ndarray, device: torch.device
    ) -> None:
        chosen = dataset.clips.iloc[rows]
        self.clips = Clips(store.samples, store.positions(chosen.filename), device)
        self.labels = chosen.label.to_numpy()
        self.devices = chosen.device.to_list()


def learning_rate_factor(step: int, warmup_steps: int, total_steps: int) -> float:
    """Linear from 0 to 1 over the warm-up, then half a cosine down to 0."""
    if step < warmup_steps:
        return step / warmup_steps
    done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def augmented_log_mel(
    waves: torch.Tensor, front_end: features.LogMel, recipe: Recipe, rng: np.random.Generator
) -> torch.Tensor:
    """Log-mel of int16 waves under the recipe's roll, frequency mask and Freq-MixStyle."""
    augment, spec = recipe.augment, front_end.front_end
    if augment.roll_seconds:
        waves = roll(waves, round(augment.roll_seconds * spec.rate_hz), rng)
    log_mel = front_end(to_float(waves))
    if augment.frequency_mask_mels:
        log_mel = mask_frequencies(log_mel, augment.frequency_mask_mels, spec.mask_value, rng)
    if augment.mixstyle_probability:
        probability, alpha = augment.mixstyle_probability, augment.mixstyle_alpha
        log_mel = freq_mixstyle(log_mel, probability, alpha, rng)
    return log_mel


def _initial_state(fabric: Fabric, recipe: Recipe, seed: int) -> State:
    torch.manual_seed(seed)
    network = models.create(recipe.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=recipe.train.learning_rate,
        weight_decay=recipe.train.weight_decay,
    )
    network, optimizer = fabric.setup(network, optimizer)
    return State(network, optimizer, [])


def _train_epoch(
    fabric: Fabric,
    recipe: Recipe,
    state: State,
    front_end: features.LogMel,
    training_set: LabelledClips,
    epoch: int,
    seed: int,
) -> Row:
    started = time.perf_counter()
    rng = np.random.default_rng([seed, epoch])
    batches = list(_shuffled_batches(len(training_set.labels), recipe.train.batch_size, rng))
    total_steps = recipe.train.epochs * len(batches)
    state.network.train()
    loss_sum, correct = 0.0, 0
    for number, batch in enumerate(batches):
        factor = learning_rate_factor(
            epoch * len(batches) + number, recipe.train.warmup(total_steps), total_steps
        )
        for group in state.optimizer.param_groups:
            group["lr"] = recipe.train.learning_rate * factor
        log_mel = augmented_log_mel(training_set.clips.waves(batch), front_end, recipe, rng)
        labels = torch.from_numpy(training_set.labels[batch]).to(log_mel.device)
        logits = state.network(log_mel.contiguous(memory_format=torch.channels_last))
        loss = nn.functional.cross_entropy(logits, labels)
        state.optimizer.zero_grad()
        fabric.backward(loss)
        state.optimizer.step()
        loss_sum += loss.item() * len(batch)
        correct += int((logits.argmax(1) == labels).sum())
    clips = len(training_set.labels)
    return {
        "epoch": epoch + 1,
        "train_loss": loss_sum / clips,
        "train_accuracy": correct / clips,
        "seconds": time.perf_counter() - started,
    }


def _require_finite(run: Run, row: Row) -> None:
    if not math.isfinite(row["train_loss"]):
        raise InputError(
            f"{run.folder}: found a loss of {row['train_loss']} in epoch {row['epoch']}, expected "
            "a finite one; train in another folder with a smaller train.learning_rate."
        )


def _shuffled_batches(
    clips: int, batch_size: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    order = rng.permutation(clips)
    for start in range(0, clips, batch_size):
        yield order[start : start + batch_size]


def _validate(network: nn.Module, front_end: features.LogMel, test_set: LabelledClips) -> Row:
    probabilities = predict(network, front_end, test_set.clips)
    scores = metrics.evaluate(probabilities, test_set.labels, test_set.devices)
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


def _save(run: Run, state: State) -> None:
    buffer = io.BytesIO()  # torch's own writer hides the reason where the disk is full
    torch.save(
        {
            "network": state.network.state_dict(),
            "optimizer": state.optimizer.state_dict(),
            "history": state.history,
            "threads": torch.get_num_threads(),
        },
        buffer,
    )
    write_bytes(run.checkpoint_file, buffer.getvalue())
    with replacing(run.history_file) as temporary:
        pd.DataFrame(state.history).to_csv(temporary, index=False)


def _resume(checkpoint: Path, state: State) -> None:
    if not checkpoint.is_file():
        return
    try:
        saved = torch.load(checkpoint, weights_only=True)
        state.network.load_state_dict(saved["network"])
        state.optimizer.load_state_dict(saved["optimizer"])
        state.history, threads = list(saved["history"]), int(saved["threads"])
    except Exception as error:  # a damaged file raises whatever it leads to
        raise InputError(
            f"{checkpoint}: is damaged and cannot be resumed from; "
            "remove it to train from the beginning."
        ) from error
    if threads != torch.get_num_threads():
        warnings.warn(
            f"{checkpoint}: was written with {threads} threads, now there are "
            f"{torch.get_num_threads()}; the weights may differ in the last bits.",
            stacklevel=2,
        )
