"""What storing clips as int16 does to the log-mel, against float32 samples.

    python -m benchmarks.sample_format --data ../shared/data/esc10-as-tau

For the clips of a dataset folder as they are, for the same clips made very quiet, and for a quiet
sine: how far the log-mel (natural logarithm) of int16 samples at 32 kHz lies from float32's.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from baseline.challenge import SOURCE_RATE_HZ
from baseline.clip_audio import FULL_SCALE, read_clip, to_int16
from baseline.clips import read_dataset
from benchmarks.environment import describe
from deploy.frontend import FRONT_ENDS, resample

FRONT_END = FRONT_ENDS["dcase2024"]
BATCH = 64


def main() -> None:
    """Print one line of differences for each kind of signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/esc10-as-tau"))
    folder = parser.parse_args().data
    print(describe("numpy", "soundfile"))
    names = read_dataset(folder).clips["filename"].to_list()
    for decibels in (0, -20, -40, -60):
        waves = (batch * np.float32(10 ** (decibels / 20)) for batch in clips(folder, names))
        report(f"{len(names)} clips at {decibels} dB", waves)
    time = np.arange(FRONT_END.rate_hz, dtype=np.float32) / FRONT_END.rate_hz
    for steps in (1, 4, 32):
        sine = np.sin(2 * np.pi * 1000 * time, dtype=np.float32) * np.float32(steps / FULL_SCALE)
        report(f"1 kHz sine of {steps} int16 steps", [sine[None]])


def clips(folder: Path, names: list[str]) -> Iterator[np.ndarray]:
    """Batches of clips as float32 of shape (batch, 32000)."""
    for start in range(0, len(names), BATCH):
        waves = np.stack([read_clip(folder / name) for name in names[start : start + BATCH]])
        yield resample(waves, SOURCE_RATE_HZ, FRONT_END.rate_hz)


def report(name: str, batches: Iterable[np.ndarray]) -> None:
    """Print how far the log-mel of int16 samples lies from that of float32 samples."""
    differences, levels = [], []
    for waves in batches:
        exact = FRONT_END.log_mel(waves)
        stored = FRONT_END.log_mel(to_int16(waves).astype(np.float32) / FULL_SCALE)
        differences.append(np.abs(stored - exact).ravel())
        levels.append(exact.ravel())
    difference, level = np.concatenate(differences), np.concatenate(levels)
    spread = float(level.std())
    quantile = np.quantile(difference, [0.5, 0.99, 0.9999])
    print(
        f"{name}: log-mel mean {level.mean():.2f}, sd {spread:.2f}; difference mean "
        f"{difference.mean():.1e}, median {quantile[0]:.1e}, 99 % {quantile[1]:.1e}, 99.99 % "
        f"{quantile[2]:.1e}, max {difference.max():.1e}; mean / sd {difference.mean() / spread:.1e}"
    )


if __name__ == "__main__":
    main()
