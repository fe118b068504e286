"""The loop over epochs that float and quantisation-aware training share.

It runs on Lightning Fabric, in one process or several, can be stopped at any moment, and then goes
on where it was.
"""

from __future__ import annotations

import io
import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import nn

from baseline.augmentation.augmenter import Augmenter
from baseline.augmentation.steps import Mix
from baseline.challenge import SCENES
from baseline.clips import Dataset
from baseline.inference import Clips
from baseline.processes import add_gradients, spread
from baseline.progress import progress_bar
from baseline.recipe import Training
from baseline.schedule import learning_rate_factor
from baseline.store import Store
from deploy.errors import InputError
from deploy.files import replacing, write_bytes

Row = dict[str, float]
"""One epoch of the learning curve."""


@dataclass(frozen=True)
class Batch:
    """What a network is shown at a step, and what it is to learn from that."""

    clips: np.ndarray
    """Places in the training set, (batch,)."""
    labels: torch.Tensor
    """(batch,), int64."""
    log_mel: torch.Tensor
    """(batch, 1, mels, frames), augmented."""
    mix: Mix | None = None
    """Which log-mels were mixed, under mixup. The labels are those of the larger part."""

    @property
    def target(self) -> torch.Tensor:
        """What cross entropy learns: labels (batch,), or under mixup probabilities (batch, 10)."""
        return self.labels if self.mix is None else self.mix.labels(self.labels, len(SCENES))


Loss = Callable[[torch.Tensor, Batch], torch.Tensor]
"""From a batch's logits (batch, classes) and the batch to a scalar."""


@dataclass
class State:
    """What a training consists of between two epochs."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    history: list[Row] = field(default_factory=list)

    @property
    def epochs_done(self) -> int:
        return len(self.history)


@dataclass(frozen=True)
class Course:
    """What a training is to do, and the two files in which it is kept."""

    title: str
    settings: Training
    seed: int
    loss: Loss
    checkpoint_file: Path
    """The state after the last whole epoch."""
    history_file: Path
    """The learning curve: a row an epoch."""


def run_epochs(
    course: Course,
    fabric: Fabric,
    state: State,
    augmenter: Augmenter,
    training_set: LabelledClips,
    *,
    before_epoch: Callable[[int], None] = lambda epoch: None,
    after_epoch: Callable[[Row], Row] = lambda row: row,
    show_progress: bool = True,
) -> None:
    """Train to the last epoch, from where the checkpoint file left off.

    The state is saved after every epoch and each epoch draws from its own generator, so a
    training that was stopped and started again ends with the weights of one that was not (on
    one machine, with the same number of threads). Of several processes (see `processes`) the first
    writes the files.

    Args:
        before_epoch: called with the epoch's index.
        after_epoch: may add columns to the epoch's row; called in the first process.

    Raises:
        InputError: a corrupt checkpoint, a loss that is not finite, or a full disk.
    """
    resume(course.checkpoint_file, state)
    epochs = course.settings.epochs
    first = fabric.is_global_zero
    progress = progress_bar(
        epochs, course.title, "epoch", show=show_progress and first, done=state.epochs_done
    )
    with progress:
        for epoch in range(state.epochs_done, epochs):
            before_epoch(epoch)
            row = _train_epoch(course, fabric, state, augmenter, training_set, epoch)
            _require_finite(course, row)
            state.history.append(after_epoch(row) if first else row)
            if first:
                save(course, state)
            progress.set_postfix(loss=f"{row['train_loss']:.3f}", refresh=False)
            progress.update()


class LabelledClips:
    """Clips with their labels and devices."""

    def __init__(
        self, dataset: Dataset, store: Store, rows: np.ndarray, device: torch.device
    ) -> None:
        chosen = dataset.clips.iloc[rows]
        self.clips = Clips(store.samples, store.positions(chosen.filename), device)
        self.labels = chosen.label.to_numpy()
        self.devices = chosen.device.to_numpy(str)


def make_batch(
    augmenter: Augmenter, training_set: LabelledClips, clips: np.ndarray, rng: np.random.Generator
) -> Batch:
    """The clips at these places of the training set, augmented."""
    waves, devices = training_set.clips.waves(clips), training_set.devices[clips]
    log_mel, mix = augmenter.mix(augmenter.log_mel(waves, devices, rng), rng)
    labels = torch.from_numpy(training_set.labels[clips]).to(log_mel.device)
    return Batch(clips, labels, log_mel, mix)


def _train_epoch(
    course: Course,
    fabric: Fabric,
    state: State,
    augmenter: Augmenter,
    training_set: LabelledClips,
    epoch: int,
) -> Row:
    started = time.perf_counter()
    rng = np.random.default_rng([course.seed, epoch])
    # For networks that draw themselves in training, such as those with patchout or dropout.
    torch.manual_seed(int(np.random.SeedSequence([course.seed, epoch]).generate_state(1)[0]))
    batches = list(_shuffled_batches(len(training_set.labels), course.settings.batch_size, rng))
    in_bf16 = course.settings.arithmetic == "bf16"
    state.network.train()
    loss_sum, correct = 0.0, 0
    for number, clips in enumerate(batches):
        factor = learning_rate_factor(course.settings, epoch, number, len(batches))
        for group in state.optimizer.param_groups:
            group["lr"] = course.settings.learning_rate * factor
        batch = make_batch(augmenter, training_set, clips, rng)
        shown = batch.log_mel.contiguous(memory_format=torch.channels_last)
        with torch.autocast(shown.device.type, torch.bfloat16, enabled=in_bf16):
            logits = spread(state.network, shown).float()
        loss = course.loss(logits, batch)
        state.optimizer.zero_grad()
        fabric.backward(loss)
        add_gradients(state.network)
        state.optimizer.step()
        loss_sum += loss.item() * len(clips)
        correct += int((logits.argmax(1) == batch.labels).sum())
    count = len(training_set.labels)
    return {
        "epoch": epoch + 1,
        "train_loss": loss_sum / count,
        "train_accuracy": correct / count,
        "seconds": time.perf_counter() - started,
    }


def _require_finite(course: Course, row: Row) -> None:
    if not math.isfinite(row["train_loss"]):
        raise InputError(
            f"{course.history_file.parent}: found a loss of {row['train_loss']} in epoch "
            f"{row['epoch']}, expected a finite one; train in another folder with a smaller "
            "learning_rate."
        )


def _shuffled_batches(
    clips: int, batch_size: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    order = rng.permutation(clips)
    for start in range(0, clips, batch_size):
        yield order[start : start + batch_size]


def save(course: Course, state: State) -> None:
    """Write the state and the learning curve."""
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
    write_bytes(course.checkpoint_file, buffer.getvalue())
    with replacing(course.history_file) as temporary:
        pd.DataFrame(state.history).to_csv(temporary, index=False)


def resume(checkpoint: Path, state: State) -> None:
    """Take over the state from a checkpoint, if there is one.

    Raises:
        InputError: damaged.
    """
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
