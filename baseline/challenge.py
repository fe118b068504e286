"""DCASE Challenge Task 1 as data: scenes, devices, splits, limits and package names, year by year.

Source: the challenge's rules for 2024 (data-efficient low-complexity acoustic scene
classification), the TAU Urban Acoustic Scenes 2022 Mobile lists, and for 2025 (with device
information) the task's description and the organisers' inference code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCENES = (
    "airport",
    "bus",
    "metro",
    "metro_station",
    "park",
    "public_square",
    "shopping_mall",
    "street_pedestrian",
    "street_traffic",
    "tram",
)
"""Scene labels in alphabetical order; the position is the class index."""

DEVICE_GROUPS = {
    "real": ("a", "b", "c"),
    "seen": ("s1", "s2", "s3"),
    "unseen": ("s4", "s5", "s6"),
}
"""Recording devices: real, simulated and seen in training, simulated and only in test."""

DEVICES = tuple(device for group in DEVICE_GROUPS.values() for device in group)

SPLIT_CLIPS = {5: 6_980, 10: 13_960, 25: 34_900, 50: 69_800, 100: 139_620}
"""Clips of each official training split; each split contains the smaller ones."""

SPLITS = tuple(SPLIT_CLIPS)
"""Percentages of the training data."""

TEST_CLIPS = 29_680
"""Clips of the official development-test list."""

CLIP_SECONDS = 1
SOURCE_RATE_HZ = 44_100

MAX_MODEL_BYTES = 128_000
"""Limit on parameters x bits / 8."""

MAX_MACS = 30_000_000
"""Limit on multiply-accumulates for one second of audio, as torchinfo counts them."""

EVALUATION_CLIPS = 135_730
"""Clips of the official evaluation set, named 0.wav to 135729.wav."""

MAX_ABBREVIATION = 10
"""Longest allowed system abbreviation in the package's metadata."""


@dataclass(frozen=True)
class Year:
    """What differs between the editions of the challenge."""

    splits: tuple[int, ...]
    """Training splits for which a system has outputs, in percent."""
    output_csv: str
    """Name of an output CSV; `{label}` and `{split}` are filled in."""
    evaluation_clips: int | None
    """Clips of the evaluation set, named 0.wav and so on; None where that is not known here."""
    evaluation_columns: tuple[str, ...]
    """Columns of the evaluation list that a system may use."""
    size: Literal["precision", "dtype"]
    """Bytes: parameters x bits of one precision, or each parameter by its own dtype."""
    models: Literal["one", "one a device"]
    """Models of a system; where each device may have one, each is counted for itself."""
    max_model_bytes: int = MAX_MODEL_BYTES
    max_macs: int = MAX_MACS
    unknown: tuple[str, ...] = ()
    """What is asked for and not known here, so that nothing checks it."""


YEARS = {
    2024: Year(
        splits=SPLITS,
        output_csv="{label}.output.split_{split}.csv",
        evaluation_clips=EVALUATION_CLIPS,
        evaluation_columns=("filename",),
        size="precision",
        models="one",
    ),
    2025: Year(
        splits=(25,),
        output_csv="{label}.output.csv",
        evaluation_clips=None,
        evaluation_columns=("filename", "device_id"),
        size="dtype",
        models="one a device",
        unknown=(
            "how many clips the evaluation set has: validate needs its list",
            "whether names in the output CSV keep the folder audio/: both are accepted",
            "the name of the output CSV in the package: that of the challenge's other tasks is "
            "expected",
            "the keys of meta.yaml below system and results: only submission, "
            "system.complexity and safe YAML are checked",
            "how meta.yaml tells the size of each device's model: it is checked on the runs",
            "how meta.yaml names external resources and the inference code that is asked for",
        ),
    ),
}
"""The editions by year."""

DEFAULT_YEAR = 2024
"""The year whose rules hold where none is given."""
