"""CP-ResNet, CP-JKU's ResNets of a chosen receptive field, scaled in width and depth.

A stem, three stages of residual blocks and a head (Koutini et al. 2019, arXiv 1907.01803). With
`rho`, more of the convolutions have 3x3 kernels, from the input on, and fewer 1x1: what a unit sees
grows, while depth and width stay. Module names follow the originals, so that their weights load
with a strict key match; their stubs for quantisation hold no parameters and are left out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from baseline.challenge import SCENES
from baseline.models.damping import DampedConv2d
from deploy.errors import InputError

STEM_KERNEL = 5

Channels = Annotated[int, Field(strict=True, ge=1, le=16)]
Width = Annotated[int, Field(strict=True, ge=1, le=1024)]
Rho = Annotated[int, Field(strict=True, ge=0, le=22)]
Depth = Annotated[int, Field(strict=True, ge=0, le=4)]
Cut = Annotated[int, Field(strict=True, ge=0, le=4096)]
Groups = Annotated[int, Field(strict=True, ge=1, le=1024)]
Damping = Annotated[float, Field(strict=True, ge=0, le=1)]

Convolution = Callable[..., nn.Conv2d]


@dataclass(frozen=True)
class Layout:
    """What a publication fixed, whatever width, depth and receptive field are chosen."""

    depth: int
    """Blocks of a whole stage, along which rho counts, also where some are left out."""
    first_rho: int
    """The rho at which the first convolution after the first block becomes 3x3."""
    pools: Mapping[int, tuple[int, int]]
    """Max pools of the first stage, size over mels and frames by the block they follow; 0 is none
    yet."""
    keeps_field: bool
    """Whether only blocks of 1x1 kernels may be left out, so that rho alone sets what is seen."""


@dataclass(frozen=True)
class Stage:
    """Blocks of the same width and, between them, max pools."""

    inputs: int
    outputs: int
    groups: int
    kernels: Sequence[tuple[int, int]]
    """Sizes of the two kernels of each block."""
    pools: Mapping[int, tuple[int, int]]


LAYOUT_2020 = Layout(4, 1, {1: (2, 2), 2: (2, 2), 4: (2, 2)}, keeps_field=True)
LAYOUT_DIR = Layout(4, 1, {1: (2, 1)}, keeps_field=True)
LAYOUT_2022 = Layout(2, 2, {0: (2, 2), 1: (2, 1), 2: (2, 1)}, keeps_field=False)


def build(
    layout: Layout,
    /,
    *,
    channels: Channels = 1,
    width: Width = 128,
    rho: Rho = 5,
    blocks: tuple[Depth, Depth, Depth] = (4, 4, 4),
    cut: tuple[Cut, Cut] = (0, 0),
    groups: tuple[Groups, Groups, Groups] = (1, 1, 1),
    damping: Damping = 1.0,
) -> CPResNet:
    """A randomly initialised network.

    Args:
        channels: of the input; the stereo networks of 2020 take 2.
        width: W channels in the first stage, 2 W in the second and 4 W in the third.
        rho: the larger, the more 3x3 kernels. A unit of 2020 sees 23, 31, 39, 55, 71, 87, 103,
            135, 167, 199 mels and frames for rho 0 to 9, and 32 more for each step on.
        blocks: of each stage; a stage that has none passes its input on.
        cut: channels left out of the second and the third stage.
        groups: of the convolutions of each stage.
        damping: what the outer rows of kernels are multiplied by; 1 leaves them alone.

    Raises:
        InputError: blocks, channels or groups that do not go together.
    """
    _check_blocks(layout, rho, blocks)
    widths = (width, 2 * width - cut[0], 4 * width - cut[1])
    stages: list[Stage] = []
    for index, count in enumerate(blocks):
        inputs = stages[-1].outputs if stages else width
        outputs = widths[index] if count else inputs
        kernels = [_kernels(layout, rho, index, block) for block in range(count)]
        pools = {} if stages else layout.pools
        stages.append(Stage(inputs, outputs, groups[index], kernels, pools))
    _check_channels(stages)
    return CPResNet(channels, stages, damping)


cpresnet2020 = partial(build, LAYOUT_2020)
"""The default of 2020: 3,566,612 parameters with two channels, as published, 3,563,412 with one."""

cpresnet2020_damped = partial(build, LAYOUT_2020, damping=0.01)
"""The same with frequency damping (Koutini et al. 2020, arXiv 2011.02955)."""

cpresnet_dir = partial(build, LAYOUT_DIR, rho=7)
"""Of the study of device impulse responses (Morocutti et al. 2023, arXiv 2305.07499): 3,956,628
parameters and 5.44 G MACs on a (1, 1, 256, 44) log-mel."""

cpresnet128k = partial(
    build, LAYOUT_2022, width=32, rho=8, blocks=(2, 1, 1), cut=(0, 36), groups=(1, 2, 1)
)
"""CP-JKU's submission to DCASE 2022, in 2023 one of the teachers: 127,684 parameters and 28,840,396
MACs on a (1, 1, 256, 43) log-mel."""


class CPResNet(nn.Module):
    """Log-mel (batch, channels, mels, frames) to logits (batch, 10).

    It begins as by Fixup (Zhang et al. 2019, arXiv 1901.09321): each block is its shortcut, and the
    logits are zero. The first convolutions of L blocks are drawn L^-0.5 times as wide, where L is
    the number of this network's blocks; the original counts all that its process ever made, so
    that a second network begins otherwise than the first.
    """

    def __init__(self, channels: int, stages: Sequence[Stage], damping: float = 1.0) -> None:
        super().__init__()
        convolution = _convolution(damping)
        width = stages[0].inputs
        self.in_c = nn.Sequential(
            convolution(channels, width, STEM_KERNEL, 2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        self.stage1, self.stage2, self.stage3 = (_stage(stage, convolution) for stage in stages)
        classifier = nn.Conv2d(stages[-1].outputs, len(SCENES), 1, bias=False)
        nn.init.zeros_(classifier.weight)
        self.feed_forward = nn.Sequential(
            classifier,
            nn.BatchNorm2d(len(SCENES)),
            nn.AdaptiveAvgPool2d(1),
        )
        _initialise(self)

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        x = self.stage3(self.stage2(self.stage1(self.in_c(log_mel))))
        logits: torch.Tensor = self.feed_forward(x)
        return logits.flatten(1)


class Block(nn.Module):
    """Two convolutions beside a shortcut, which is a convolution where the channels change."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernels: tuple[int, int],
        groups: int,
        convolution: Convolution,
    ) -> None:
        super().__init__()
        make = partial(_same_size, convolution, groups=groups)
        self.conv1 = make(inputs, outputs, kernels[0])
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = make(outputs, outputs, kernels[1])
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if inputs != outputs:
            self.shortcut.add_module("conv", make(inputs, outputs, 1))
            self.shortcut.add_module("bn", nn.BatchNorm2d(outputs))
        self.relu1, self.relu2 = nn.ReLU(inplace=True), nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y)) + self.shortcut(x)
        activated: torch.Tensor = self.relu2(y)
        return activated


def _stage(stage: Stage, convolution: Convolution) -> nn.Sequential:
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if 0 in stage.pools:
        parts["pool0"] = nn.MaxPool2d(stage.pools[0])
    inputs = stage.inputs
    for number, kernels in enumerate(stage.kernels, 1):
        parts[f"block{number}"] = Block(inputs, stage.outputs, kernels, stage.groups, convolution)
        if number in stage.pools:
            parts[f"pool{number}"] = nn.MaxPool2d(stage.pools[number])
        inputs = stage.outputs
    return nn.Sequential(parts)


def _kernels(layout: Layout, rho: int, stage: int, block: int) -> tuple[int, int]:
    """Sizes of a block's two kernels, 1 or 3; stage and block count from 0."""
    if (stage, block) == (0, 0):
        return 3, 1
    first = layout.first_rho + 2 * (stage * layout.depth + block - 1)
    return (3 if rho >= first else 1), (3 if rho > first else 1)


def _convolution(damping: float) -> Convolution:
    """What makes the network's convolutions."""
    return nn.Conv2d if damping == 1 else partial(DampedConv2d, damping=damping)


def _same_size(
    convolution: Convolution, inputs: int, outputs: int, kernel: int, *, groups: int
) -> nn.Conv2d:
    return convolution(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)


def _initialise(network: CPResNet) -> None:
    """Kaiming normal over fan-in for the stem, Fixup for the blocks."""
    blocks = [module for module in network.modules() if isinstance(module, Block)]
    for module in network.in_c:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
    for block in blocks:
        _draw(block.conv1, len(blocks) ** -0.5)
        nn.init.zeros_(block.conv2.weight)
        for module in block.shortcut:
            if isinstance(module, nn.Conv2d):
                _draw(module, 1.0)


def _draw(convolution: nn.Conv2d, scale: float) -> None:
    """Normal weights of `scale` times the deviation sqrt(2 / (kernel area x outputs))."""
    area = convolution.kernel_size[0] * convolution.kernel_size[1]
    nn.init.normal_(convolution.weight, 0, scale * (2 / (area * convolution.out_channels)) ** 0.5)


def _check_blocks(layout: Layout, rho: int, blocks: tuple[int, int, int]) -> None:
    if blocks[0] < 1 or max(blocks) > layout.depth:
        raise InputError(
            f"blocks: found {list(blocks)}, expected up to {layout.depth} a stage and at least one "
            "in the first; change them."
        )
    for stage, count in enumerate(blocks):
        left_out = [_kernels(layout, rho, stage, block) for block in range(count, layout.depth)]
        if layout.keeps_field and (3 in sum(left_out, ())):
            raise InputError(
                f"blocks: found {count} in stage {stage + 1}, whose next has 3x3 kernels at rho "
                f"{rho}, expected to leave out 1x1 kernels alone; keep more blocks or lower rho."
            )


def _check_channels(stages: Sequence[Stage]) -> None:
    for number, stage in enumerate(stages, 1):
        divided = stage.inputs % stage.groups == stage.outputs % stage.groups == 0
        if stage.kernels and (stage.outputs < 1 or not divided):
            raise InputError(
                f"stage {number}: found {stage.inputs} channels in, {stage.outputs} out and groups "
                f"of {stage.groups}, expected channels that the groups divide; change width, cut "
                "or groups."
            )
