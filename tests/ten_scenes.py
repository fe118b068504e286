"""A small dataset with clips of all ten scenes, which even an untrained network can tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from conftest import write_list, write_table

from baseline.challenge import SCENES

SECONDS = {"train": range(5), "test": range(5, 7)}


def write_ten_scenes(folder: Path) -> Path:
    """Write 50 training clips, of devices a and b, and 20 test clips; scenes differ in pitch."""
    generator = np.random.default_rng(0)
    (folder / "audio").mkdir(parents=True)
    names: dict[str, list[str]] = {"train": [], "test": []}
    rows = []
    for index, scene in enumerate(SCENES):
        for part, seconds in SECONDS.items():
            for second in seconds:
                device, place = "ab"[second % 2], f"city-{index}{part == 'test':d}"
                name = f"audio/{scene}-{place}-{second}-0-{device}.wav"
                tone = np.sin(2 * np.pi * 300 * (index + 1) * np.arange(44_100) / 44_100)
                wave = 0.2 * tone + generator.normal(0, 0.05, 44_100)
                soundfile.write(folder / name, wave, 44_100, subtype="PCM_16")
                rows.append((name, scene, place, device))
                names[part].append(name)
    write_table(
        folder / "meta.csv", ("filename", "scene_label", "identifier", "source_label"), rows
    )
    for split in (5, 10, 25, 50, 100):
        write_list(folder, f"split{split}", names["train"])
    write_list(folder, "test", names["test"])
    return folder
