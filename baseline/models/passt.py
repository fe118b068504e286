"""PaSST, the patchout spectrogram transformer (Koutini et al., Interspeech 2022).

A DeiT whose patches overlap, with encodings of position apart for frequency and time, so that
shorter clips and left-out patches need no other weights. In challenges it is the teacher. Names
follow the original, so that its weights load with a strict key match.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import nn

from baseline.challenge import SCENES
from baseline.models.patchout import Draws, Patchout, select
from baseline.models.transformer import EPSILON, Block
from deploy.errors import InputError, suggestion

PATCH = 16
"""Mels and frames of a patch."""

TOKEN_SPREAD = 0.02
"""Standard deviation of the initial tokens, encodings and weights."""


@dataclass(frozen=True)
class Arch:
    """What defines a PaSST beside its classes and its patchout."""

    mels: int = 128
    frames: int = 998
    """Of the longest clip that the time encoding is for."""
    stride: tuple[int, int] = (10, 10)
    """From one patch to the next, in mels and in frames."""
    width: int = 768
    depth: int = 12
    """Blocks."""
    heads: int = 12
    distilled: bool = True
    """Whether DeiT's distillation token stands beside the class token."""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the encodings of position.

        Size / stride rounded down, as in the original; there may be a column less of patches.
        """
        return self.mels // self.stride[0], self.frames // self.stride[1]

    @property
    def tokens(self) -> int:
        """Number of tokens that are no patches."""
        return 2 if self.distilled else 1


ARCHS = {
    "s10": Arch(),
    "s12": Arch(stride=(12, 12)),
    "s14": Arch(stride=(14, 14)),
    "s16": Arch(stride=(16, 16)),
    "l10": Arch(depth=7),
    "s10_20s": Arch(frames=2000),
    "s10_30s": Arch(frames=3000),
    "s10_hop160": Arch(frames=2000),
    "s10_hop100": Arch(frames=3200),
}
"""Published architectures: S or L ("light", 7 blocks) and the stride, for 10 s with a hop of 320.

The last four are for 20 s, for 30 s, and for 10 s with a shorter hop at 32 kHz.
"""


class PaSST(nn.Module):
    """Log-mel (batch, 1, mels, frames) to logits (batch, classes).

    Of clips longer than `arch.frames` the beginning is used, with a warning.

    Args:
        patchout: what is left out in training, None for nothing; evaluation sees everything.
    """

    def __init__(self, arch: Arch, classes: int, patchout: Patchout | None = None) -> None:
        super().__init__()
        self.arch, self.classes, self.patchout = arch, classes, patchout or Patchout()
        width, (rows, columns) = arch.width, arch.grid
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        if arch.distilled:
            self.dist_token = nn.Parameter(torch.empty(1, 1, width))
        self.new_pos_embed = nn.Parameter(torch.empty(1, arch.tokens, width))
        self.freq_new_pos_embed = nn.Parameter(torch.empty(1, width, rows, 1))
        self.time_new_pos_embed = nn.Parameter(torch.empty(1, width, 1, columns))
        self.patch_embed = PatchEmbedding(arch)
        self.blocks = nn.Sequential(*(Block(width, arch.heads) for _ in range(arch.depth)))
        self.norm = nn.LayerNorm(width, EPSILON)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))
        if arch.distilled:  # never used, but in the original's weights
            self.head_dist = nn.Linear(width, classes)
        self.apply(_initialise)
        for parameter in self.parameters(recurse=False):
            nn.init.trunc_normal_(parameter, std=TOKEN_SPREAD)

    def forward(self, log_mel: torch.Tensor, draws: Draws | None = None) -> torch.Tensor:
        """Logits; `draws` stands in for what the pass would draw itself.

        Raises:
            InputError: a log-mel of another shape, or patchout that leaves nothing.
        """
        logits: torch.Tensor = self.head(self.features(log_mel, draws))
        return logits

    def features(self, log_mel: torch.Tensor, draws: Draws | None = None) -> torch.Tensor:
        """Embeddings (batch, width): the mean of the tokens that are no patches."""
        return self.tokens(log_mel, draws).mean(1)

    def tokens(self, log_mel: torch.Tensor, draws: Draws | None = None) -> torch.Tensor:
        """What the blocks make of the class token and the distillation token, (batch, 2, width)."""
        sequence = self.sequence(log_mel, draws)
        tokens: torch.Tensor = self.norm(self.blocks(sequence)[:, : self.arch.tokens])
        return tokens

    def sequence(self, log_mel: torch.Tensor, draws: Draws | None = None) -> torch.Tensor:
        """What the blocks are given: tokens and patches with their positions, patchout done."""
        patches = self._within_grid(self.patch_embed(log_mel))
        if draws is None:
            draws = self._draw(patches.shape[3]) if self.training else Draws()
        columns = slice(draws.time_offset, draws.time_offset + patches.shape[3])
        patches = patches + self.time_new_pos_embed[..., columns] + self.freq_new_pos_embed
        patches = select(select(patches, 3, draws.columns), 2, draws.rows)
        patches = select(patches.flatten(2).transpose(1, 2), 1, draws.patches)
        return torch.cat([self._placed_tokens().expand(len(patches), -1, -1), patches], 1)

    def _within_grid(self, patches: torch.Tensor) -> torch.Tensor:
        columns = self.arch.grid[1]
        if patches.shape[3] > columns:
            warnings.warn(
                f"PaSST for {self.arch.frames} frames: of longer clips only the beginning is heard",
                stacklevel=2,
            )
        return patches[..., :columns]

    def _draw(self, columns: int) -> Draws:
        rows, grid_columns = self.arch.grid
        return self.patchout.draw(rows, columns, grid_columns - columns)

    def _placed_tokens(self) -> torch.Tensor:
        tokens = (self.cls_token, self.dist_token) if self.arch.distilled else (self.cls_token,)
        return torch.cat(tokens, 1) + self.new_pos_embed


class PatchEmbedding(nn.Module):
    """Log-mel (batch, 1, mels, frames) to overlapping patches (batch, width, rows, columns)."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.mels = arch.mels
        self.proj = nn.Conv2d(1, arch.width, PATCH, arch.stride)

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        shape = tuple(log_mel.shape)
        if len(shape) != 4 or shape[1:3] != (1, self.mels) or shape[3] < PATCH:
            raise InputError(
                f"PaSST: found a log-mel of shape {shape}, expected (batch, 1, {self.mels}, "
                f"{PATCH} frames or more); take a front end of {self.mels} mels, such as passt."
            )
        patches: torch.Tensor = self.proj(log_mel)
        return patches


def build(
    *,
    arch: str = "s10",
    classes: int = len(SCENES),
    patchout_frequency: int = 6,
    patchout_time: int = 0,
    patchout_unstructured: int = 0,
) -> PaSST:
    """A PaSST, by default the one that teaches in DCASE challenges: 85,358,612 parameters.

    Args:
        arch: one of `ARCHS`.
        classes: of the head.
        patchout_frequency, patchout_time: rows and columns of patches left out in training.
        patchout_unstructured: single patches left out.

    Raises:
        InputError: no such architecture, or numbers that leave nothing or make no sense.
    """
    if arch not in ARCHS:
        raise InputError(
            f"PaSST arch '{arch}' is unknown; choose one of {', '.join(ARCHS)}"
            f"{suggestion(arch, ARCHS)}"
        )
    if classes < 1:
        raise InputError(f"PaSST classes: found {classes}, expected 1 or more; change it.")
    return PaSST(
        ARCHS[arch],
        classes,
        Patchout(patchout_frequency, patchout_time, patchout_unstructured),
    )


def _initialise(module: nn.Module) -> None:
    """Truncated normal weights and no bias for linear layers; the rest begins as torch has it."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=TOKEN_SPREAD)
        nn.init.zeros_(module.bias)
