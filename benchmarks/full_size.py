"""Training speed at the size of TAU 2022: noise for clips, everything else as in a training.

    python -m benchmarks.full_size                      # on a GPU: 139,620 clips held there
    python -m benchmarks.full_size --clips 512 --batch 64 --only baseline2024     # on a CPU

Each recipe is trained in fp32 and in bf16 for one epoch that is left out and `--epochs` that
count, with augmentation, front end and saving, without validation. The time of the published
table, five splits with five seeds of 150 epochs, is what the faster of the two would take.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from baseline import features, models
from baseline.augmentation.augmenter import create_augmenter
from baseline.challenge import SCENES, SPLIT_CLIPS
from baseline.inference import Clips
from baseline.loop import Course, LabelledClips, State, run_epochs
from baseline.recipe import Recipe, load_recipe
from baseline.training import make_optimizer
from benchmarks.environment import describe
from deploy.allocator import keep_memory
from deploy.table import format_table

RECIPES = ("baseline2024", "teacher-passt")
TABLE_SEEDS, TABLE_EPOCHS = 5, 150
AT_ONCE = 10_000
"""Clips of noise drawn together."""


class NoiseClips(LabelledClips):
    """Clips of noise with labels drawn at random, all of device a."""

    def __init__(self, clips: int, rate_hz: int, device: torch.device) -> None:
        rng = np.random.default_rng(0)
        samples = np.empty((clips, rate_hz), np.int16)
        for start in range(0, clips, AT_ONCE):
            part = samples[start : start + AT_ONCE]
            part[:] = rng.integers(-3000, 3000, part.shape, np.int16)
        self.clips = Clips(samples, np.arange(clips), device)
        self.labels = rng.integers(len(SCENES), size=clips)
        self.devices = np.full(clips, "a")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=SPLIT_CLIPS[100])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--only", choices=RECIPES)
    options = parser.parse_args()
    keep_memory()
    fabric = Fabric(accelerator="auto", devices=1)
    print(describe("torch"))
    print(f"trained on {_name(fabric.device)}, {options.clips:,} clips, batch {options.batch}")
    rows = []
    for name in RECIPES if options.only is None else [options.only]:
        exact, rounded = (
            speed(name, arithmetic, fabric, options) for arithmetic in ("fp32", "bf16")
        )
        row = [f"{exact:,.0f}", f"{rounded:,.0f}", f"{rounded / exact:.2f}"]
        rows.append([name, *row, f"{table_hours(max(exact, rounded)):.1f}"])
    header = ["recipe", "fp32, clips/s", "bf16, clips/s", "bf16 / fp32", "the table, hours"]
    print(format_table(header, rows))


def speed(name: str, arithmetic: str, fabric: Fabric, options: argparse.Namespace) -> float:
    """Clips a second: the median over the epochs after the first."""
    settings = [f"train.arithmetic={arithmetic}", f"train.epochs={options.epochs + 1}"]
    settings += [f"train.batch_size={options.batch}", "initial_weights=null"]
    recipe = load_recipe(name, settings)
    front_end = features.create(recipe.front_end).to(fabric.device)
    clips = NoiseClips(options.clips, front_end.front_end.rate_hz, fabric.device)
    augmenter = create_augmenter(recipe.augment, front_end, ["a"], fabric.device)
    state = _fresh(recipe, fabric)
    with TemporaryDirectory() as folder:
        run_epochs(_course(recipe, Path(folder)), fabric, state, augmenter, clips)
    return options.clips / median(row["seconds"] for row in state.history[1:])


def table_hours(clips_per_second: float) -> float:
    """Hours for all splits, seeds and epochs of the published table."""
    clips = sum(SPLIT_CLIPS.values()) * TABLE_SEEDS * TABLE_EPOCHS
    return clips / clips_per_second / 3600


def _fresh(recipe: Recipe, fabric: Fabric) -> State:
    torch.manual_seed(0)
    network = models.create(recipe.network, **recipe.network_options)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return State(*fabric.setup(network, make_optimizer(network, recipe.train)))


def _course(recipe: Recipe, folder: Path) -> Course:
    return Course(
        title=f"{recipe.name} {recipe.train.arithmetic}",
        settings=recipe.train,
        seed=0,
        loss=lambda logits, batch: nn.functional.cross_entropy(logits, batch.target),
        checkpoint_file=folder / "checkpoint.pt",
        history_file=folder / "history.csv",
    )


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"


if __name__ == "__main__":
    main()
