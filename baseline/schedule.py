"""How the learning rate rises and falls, as a factor of the recipe's."""

from __future__ import annotations

import math

from baseline.recipe import Ramp, Training


def learning_rate_factor(settings: Training, epoch: int, batch: int, batches: int) -> float:
    """The factor for one batch out of `batches` of an epoch, both counted from 0."""
    if settings.ramp:
        return ramp_factor(settings.ramp, epoch)
    total_steps = settings.epochs * batches
    return cosine_factor(epoch * batches + batch, settings.warmup(total_steps), total_steps)


def cosine_factor(step: int, warmup_steps: int, total_steps: int) -> float:
    """Linear from 0 to 1 over the warm-up, then half a cosine down to 0."""
    if step < warmup_steps:
        return step / warmup_steps
    done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def ramp_factor(ramp: Ramp, epoch: int) -> float:
    """exp(-5 (1 - epoch / warm-up)^2) in the warm-up, then 1, then linear down to the last factor.

    As in the code of PaSST and the CP-JKU systems; the first epoch counts as half of one.
    """
    up = 1.0
    if epoch < ramp.warmup_epochs:
        up = math.exp(-5 * (1 - max(epoch, 0.5) / ramp.warmup_epochs) ** 2)
    down = min(1.0, max(0.0, (epoch - ramp.down_from_epoch) / ramp.down_epochs))
    return up * (1 - down * (1 - ramp.last_factor))
