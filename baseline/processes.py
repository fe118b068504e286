"""One training by several processes, as `torchrun` starts them, with the result of one process.

Every process draws the same numbers and holds the whole batch; only what is expensive, the front
end and the network, is spread: each process computes its share of the clips, and all get the whole
result. So augmentation finds its partners in the whole batch, the loss is that of the whole batch,
and the last, smaller batch is no special case. What is not spread costs each process as much as one
alone: reading the waves and their augmentation, cheap unless pitch or impulse responses are asked
for, and the exchange of log-mels, 4 bytes a value. A network that draws a mask for each clip, as
dropout does, would draw the same one in every process; those of ours draw for the whole batch.

Outside torchrun nothing here does anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import distributed, nn

from deploy.errors import InputError
from deploy.workers import die_with_parent

PATIENCE = timedelta(hours=12)
"""For the others, while the first prepares or validates. Where one dies, torchrun ends all."""


LOST = ("closed by peer", "reset by peer", "Broken pipe", "remote process exited")
"""What gloo and NCCL say where another process has ended."""


def rank() -> int:
    """Which of the processes this is, from 0 on."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def count() -> int:
    """How many processes torchrun started; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if distributed.is_torchelastic_launched() else 1


def launch() -> Fabric:
    """What the training runs on: this process and its device, or all processes and theirs.

    Raises:
        InputError: more processes than GPUs.
    """
    if count() == 1:
        return Fabric(accelerator="auto", devices=1)
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    if 0 < torch.cuda.device_count() < here:
        raise InputError(
            f"torchrun: found {here} processes for {torch.cuda.device_count()} GPUs, expected one "
            "each; give --nproc-per-node gpu, or set CUDA_VISIBLE_DEVICES= to train on the CPU."
        )
    die_with_parent()
    strategy = _Unwrapped(timeout=PATIENCE)
    nodes = count() // here
    fabric = Fabric(accelerator="auto", devices=here, num_nodes=nodes, strategy=strategy)
    fabric.launch()
    return fabric


def told_once(say: Callable[[str], None]) -> Callable[[str], None]:
    """The first process's voice; the others are silent."""
    return say if rank() == 0 else lambda message: None


@contextmanager
def first_alone(fabric: Fabric) -> Iterator[None]:
    """Let the first process do something before the others do the same, and find it done."""
    if fabric.global_rank > 0:
        fabric.barrier()
    yield
    if fabric.global_rank == 0:
        fabric.barrier()


@contextmanager
def together() -> Iterator[None]:
    """Say in one sentence that another process has ended.

    Raises:
        InputError: it has.
    """
    try:
        yield
    except RuntimeError as error:
        lost = any(sign in str(error) for sign in LOST)
        if count() == 1 or not lost:
            raise
        raise InputError(
            f"process {rank()} of {count()}: has lost another, see what that one said; start the "
            "same command again to go on."
        ) from error


def spread(function: Callable[[torch.Tensor], torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
    """`function(batch)`, of which each process computes its share of the rows, maybe none.

    Gradients flow back into the share; see `add_gradients`.
    """
    if count() == 1:
        return function(batch)
    gathered: torch.Tensor = _Whole.apply(function(batch[_share(len(batch))]), len(batch))
    return gathered


def add_gradients(network: nn.Module) -> None:
    """Give every process the sum of what all of them found, each from its share."""
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    if count() == 1:
        return
    total = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(total)
    for gradient, added in zip(gradients, total.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(added.view_as(gradient))


def gather(part: torch.Tensor) -> torch.Tensor:
    """What each process has, of the same shape, as rows."""
    rows = part.new_empty(count(), *part.shape)
    distributed.all_gather(list(rows), part.contiguous())
    return rows


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(context, part, total):  # type: ignore[no-untyped-def]
        context.share = _share(total)
        padded = part.new_zeros(_largest_share(total), *part.shape[1:])
        padded[: len(part)] = part
        return gather(padded).flatten(0, 1)[:total]

    @staticmethod
    def backward(context, gradient):  # type: ignore[no-untyped-def]
        return gradient[context.share], None


class _Unwrapped(DDPStrategy):
    """DDP's processes and devices without its wrapper.

    That takes the mean of the gradients where we need the sum, and refuses networks with parameters
    that training does not reach, as passt_s has.
    """

    def setup_module(self, module: nn.Module) -> nn.Module:  # type: ignore[override]
        return module


def _share(total: int) -> slice:
    """This process's rows: the first ones take as many as there are at most, the last the rest."""
    size = _largest_share(total)
    return slice(min(total, rank() * size), min(total, (rank() + 1) * size))


def _largest_share(total: int) -> int:
    return -(-total // count())
