"""Batch norm over the clips of all processes, on any device.

torch's own, `SyncBatchNorm`, needs a GPU. The arithmetic is the same: statistics of all clips in
the forward pass, and in the backward pass the sums of the gradients over all of them.
"""

from __future__ import annotations

import torch
from torch import distributed, nn

from baseline import processes


class WholeBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm of a batch of which each process has a share, maybe an empty one."""

    def _check_input_dim(self, input: torch.Tensor) -> None:
        pass

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if not self.training and self.running_mean is not None:
            return super().forward(input)
        count, mean, variance = _statistics(input.detach())
        if self.training and self.track_running_stats:
            self._follow(mean, variance * count / (count - 1))
        weight = mean.new_ones(self.num_features) if self.weight is None else self.weight
        bias = mean.new_zeros(self.num_features) if self.bias is None else self.bias
        normal: torch.Tensor = _Normalise.apply(
            input, weight, bias, count, mean, variance, self.eps
        )
        return normal

    @torch.no_grad()
    def _follow(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:  # the mean of all batches so far
            share = 1 / self.num_batches_tracked.item()
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def normalise_whole_batches(network: nn.Module) -> nn.Module:
    """Let every batch norm of a network work over the clips of all processes, if there are several.

    Names, parameters and statistics stay.
    """
    for module in network.modules() if processes.count() > 1 else ():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.__class__ = WholeBatchNorm
    return network


def _statistics(share: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Count, mean and biased variance, (), (channels,), (channels,), of what all processes have.

    Each gives its own, which are then put together as by Chan et al. (1979), without cancellation.
    """
    channels = share.shape[1]
    axes = _axes(share)
    mean = share.mean(axes)
    variance = (share - _along(mean, share)).square().mean(axes)
    count = mean.new_tensor([share.numel() // channels])
    own = torch.cat([count, mean, variance]).nan_to_num()  # an empty share has no mean
    counts, means, variances = processes.gather(own).split([1, channels, channels], 1)
    total = counts.sum()
    mean = (counts * means).sum(0) / total
    variance = (counts * (variances + (means - mean).square())).sum(0) / total
    return total, mean, variance


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(context, x, weight, bias, count, mean, variance, eps):  # type: ignore[no-untyped-def]
        scale = (variance + eps).rsqrt()
        context.save_for_backward(x, weight, count, mean, scale)
        slope = weight * scale
        return torch.addcmul(_along(bias - mean * slope, x), x, _along(slope, x))

    @staticmethod
    def backward(context, gradient):  # type: ignore[no-untyped-def]
        x, weight, count, mean, scale = context.saved_tensors
        normal = (x - _along(mean, x)).mul_(_along(scale, x))
        of_bias = gradient.sum(_axes(x))
        of_weight = (gradient * normal).sum(_axes(x))
        sums = torch.stack([of_bias, of_weight])
        distributed.all_reduce(sums)
        of_mean, of_deviation = (_along(part, x) for part in sums / count)
        of_x = (
            normal.mul_(-of_deviation).add_(gradient).sub_(of_mean).mul_(_along(weight * scale, x))
        )
        return of_x, of_weight, of_bias, None, None, None, None


def _axes(x: torch.Tensor) -> list[int]:
    """All but that of the channels."""
    return [axis for axis in range(x.dim()) if axis != 1]


def _along(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Values (channels,) in a shape that meets the channels of x."""
    return values.reshape(-1, *[1] * (x.dim() - 2))
