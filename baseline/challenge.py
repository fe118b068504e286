"""DCASE Challenge Task 1 as data: scenes, devices, splits, limits and package names.

Source: the challenge's rules for 2024 (data-efficient low-complexity acoustic scene
classification) and the TAU Urban Acoustic Scenes 2022 Mobile lists.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Year:
    """What a submission of one year of the challenge consists of."""

    year: int
    splits: tuple[int, ...]
    """Percentages of the training data that a system is trained on, an output CSV for each."""
    split_in_name: bool
    """Whether the name of an output CSV tells its split."""
    evaluation_clips: int | None
    """Recordings of the evaluation set, named 0.wav and so on; None where not known here."""


YEARS = {
    2024: Year(2024, SPLITS, split_in_name=True, evaluation_clips=EVALUATION_CLIPS),
    2025: Year(2025, (25,), split_in_name=False, evaluation_clips=None),
}
"""Of 2025 only what differs for certain: one split, devices told by `device_id`, a model for each
device if wanted, each held against the limits for itself, and bytes counted by the type of each
parameter. The keys of its meta.yaml are not known here."""

MAX_ABBREVIATION = 10
"""Longest allowed system abbreviation in the package's metadata."""
