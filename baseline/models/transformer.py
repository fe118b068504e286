"""The blocks of a vision transformer (Dosovitskiy et al., 2021), named as in timm.

Dropout and stochastic depth, which all published PaSSTs were trained without, are left out.
"""

from __future__ import annotations

import torch
from torch import nn

EPSILON = 1e-6
"""Of layer norms inside and behind the blocks."""

MLP_RATIO = 4


class Block(nn.Module):
    """Tokens (batch, tokens, width): x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, EPSILON)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, EPSILON)
        self.mlp = MLP(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Attention(nn.Module):
    """Self-attention of several heads, each scaled by 1 / sqrt(width / heads)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        split = self.qkv(x).unflatten(2, (3, self.heads, -1))  # (batch, tokens, 3, heads, size)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        heads = nn.functional.scaled_dot_product_attention(query, key, value)
        projected: torch.Tensor = self.proj(heads.transpose(1, 2).flatten(2))
        return projected


class MLP(nn.Module):
    """Two linear layers with an exact GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.fc2(nn.functional.gelu(self.fc1(x)))
        return y
