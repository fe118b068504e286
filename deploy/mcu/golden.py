"""Inputs that a generated project is tried on: noise, smooth maps, tones."""

from __future__ import annotations

import numpy as np

from deploy.frontend import FrontEnd
from deploy.mcu.network import Network

RECORDS = 8
WAVES = 2
SEED = 0


def golden_inputs(network: Network) -> np.ndarray:
    """int8 (RECORDS, values): noise over the whole range, and maps as smooth as log-mels."""
    source = network.tensors[network.input]
    generator = np.random.default_rng(SEED)
    shape = (RECORDS // 2, source.rows, source.columns, source.channels)
    noise = generator.integers(-128, 128, shape)
    walk = generator.integers(-4, 5, shape).cumsum(axis=1) + generator.integers(-60, 60, shape)
    smooth = np.clip(walk, -128, 127)
    return np.concatenate([noise, smooth]).astype(np.int8).reshape(RECORDS, -1)


def golden_waves(front_end: FrontEnd) -> np.ndarray:
    """int16 (WAVES, samples): a second of tones in noise each, one soft and one loud."""
    generator = np.random.default_rng(SEED)
    time = np.arange(front_end.rate_hz) / front_end.rate_hz
    sweep = np.sin(2 * np.pi * (200 + 1500 * time) * time)
    noise = generator.normal(0, 0.2, (WAVES, len(time)))
    levels = np.geomspace(300, 20_000, WAVES)[:, None]
    return np.clip(levels * (sweep + noise), -32_768, 32_767).astype(np.int16)
