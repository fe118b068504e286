"""Knowledge distillation: a student learns its teachers' logits beside the labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy, kl_div

from baseline.augmentation.steps import Mix
from baseline.loop import Batch, Loss
from baseline.recipe import Distillation
from baseline.teacher_logits import TeacherLogits
from deploy.errors import InputError


def distillation_loss(
    logits: torch.Tensor, teacher: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Mean over batch and classes of KL(teacher || student) at a temperature.

    Both are softened by log_softmax(logits / temperature). The mean runs over the classes too, as
    in CP-JKU's systems of 2022 and 2023, so it is a tenth of the divergence of ten classes.

    Args:
        logits: the student's, (batch, classes).
        teacher: the teacher's, of the same shape.
    """
    student = (logits / temperature).log_softmax(1)
    target = (teacher / temperature).log_softmax(1)
    return kl_div(student, target, reduction="none", log_target=True).mean()


def mixed_distillation_loss(
    logits: torch.Tensor, teacher: torch.Tensor, temperature: float, mix: Mix
) -> torch.Tensor:
    """`distillation_loss` under mixup: share * with the own teacher + (1 - share) * the partner's.

    The teacher heard the clips unmixed, so it is its divergences that are mixed, as in CP-JKU's
    system of 2022 and in EfficientAT.
    """
    student = (logits / temperature).log_softmax(1)
    target = (teacher / temperature).log_softmax(1)
    own, partners = (
        kl_div(student, known, reduction="none", log_target=True).mean(1)
        for known in (target, target[mix.partner])
    )
    return (mix.share * own + (1 - mix.share) * partners).mean()


def student_loss(settings: Distillation, teacher: np.ndarray, device: torch.device) -> Loss:
    """label_weight * cross entropy + teacher_weight * `distillation_loss`.

    Args:
        teacher: logits (clips, classes) float32 of the training set, in its order.
    """
    known = torch.from_numpy(np.ascontiguousarray(teacher, np.float32)).to(device)

    def loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        target = known[torch.from_numpy(batch.clips).to(device)]
        if batch.mix is None:
            soft = distillation_loss(logits.float(), target, settings.temperature)
        else:
            soft = mixed_distillation_loss(logits.float(), target, settings.temperature, batch.mix)
        hard = cross_entropy(logits, batch.target)
        return settings.label_weight * hard + settings.teacher_weight * soft

    return loss


def require_teachers(
    teachers: TeacherLogits, source: Path, *, filenames: list[str], split: int
) -> np.ndarray:
    """The teachers' logits (clips, classes) of a training set, if they may be learnt from.

    Raises:
        InputError: teachers of another split, or clips without logits.
    """
    if teachers.split != split:
        raise InputError(
            f"{source}: holds logits of teachers of split {teachers.split}, expected {split}; "
            f"make them from runs of split {split}: tinyscene teach"
        )
    return teachers.of(filenames, source)
