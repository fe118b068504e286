"""Published accuracies on TAU Urban Acoustic Scenes 2022 Mobile, to stand beside one's own.

In percent, as published. Another dataset's accuracies cannot be compared with them.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from baseline.challenge import DEVICE_GROUPS, DEVICES, SPLITS

DATASET = "TAU Urban Acoustic Scenes 2022 Mobile"
TEST, EVALUATION = "development test", "evaluation"

BASELINE_2024 = "CPJKU/dcase2024_task1_baseline, README"
BASELINE_2025 = "CPJKU/dcase2025_task1_baseline, README"
RANKING_2024 = "DCASE 2024 Task 1, results"
MORO = "theMoro/DIRAugmentation, result table of arXiv 2305.07499"


@dataclass(frozen=True)
class Published:
    """A system on a split."""

    system: str
    split: int
    tested_on: str
    """`TEST`, or the challenge's `EVALUATION` set with its further cities and devices."""
    accuracy: float
    """Macro accuracy, or the plain share of correct clips where `plain` says so."""
    source: str
    deviation: float | None = None
    runs: int | None = None
    plain: bool = False
    groups: tuple[float, float, float] | None = None
    """Of real, seen and unseen devices."""

    @property
    def by_group(self) -> dict[str, float | None]:
        """Accuracy of each group of devices, None where not published."""
        return dict(zip(DEVICE_GROUPS, self.groups or (None,) * 3, strict=True))


def _groups(*by_device: float) -> tuple[float, float, float]:
    """Means over the devices of each group, whose shares of the test clips are equal to 0.3 %."""
    accuracy = dict(zip(DEVICES, by_device, strict=True))
    real, seen, unseen = (
        statistics.fmean(accuracy[device] for device in group) for group in DEVICE_GROUPS.values()
    )
    return real, seen, unseen


def _baseline_2024() -> list[Published]:
    devices = _groups(67.17, 59.67, 61.99, 56.28, 55.69, 58.16, 53.05, 52.35, 48.58)
    tested = ((42.40, 0.42), (45.29, 1.01), (50.29, 0.87), (53.19, 0.68), (56.99, 1.11))
    evaluated = (44.00, 46.95, 51.47, 54.40, 56.84)
    name = "DCASE 2024 baseline"
    rows = [
        Published(
            name,
            split,
            TEST,
            mean,
            BASELINE_2024,
            deviation,
            runs=5,
            groups=devices if split == 100 else None,
        )
        for split, (mean, deviation) in zip(SPLITS, tested, strict=True)
    ]
    return rows + [
        Published(name, split, EVALUATION, mean, RANKING_2024)
        for split, mean in zip(SPLITS, evaluated, strict=True)
    ]


def _of_moro(system: str, accuracy: float, *groups: float) -> Published:
    """Means over three runs and their last five epochs."""
    real, seen, unseen = groups
    return Published(
        system, 100, TEST, accuracy, MORO, runs=3, plain=True, groups=(real, seen, unseen)
    )


PUBLISHED = (
    *_baseline_2024(),
    Published(
        "DCASE 2025 baseline, general",
        25,
        TEST,
        50.72,
        BASELINE_2025,
        deviation=0.47,
        runs=4,
        groups=_groups(62.80, 52.87, 54.23, 48.52, 47.29, 52.86, 48.14, 47.23, 42.60),
    ),
    Published("first of 2024", 5, EVALUATION, 54.35, RANKING_2024),
    Published("first of 2024", 100, EVALUATION, 61.82, RANKING_2024),
    Published("TF-SepNet, 2024", 100, EVALUATION, 62.12, RANKING_2024),
    _of_moro("CP-ResNet", 56.52, 65.74, 55.55, 48.28),
    _of_moro("CP-ResNet, mixup", 57.88, 65.37, 57.56, 50.73),
    _of_moro("CP-ResNet, DIR", 59.10, 66.02, 58.42, 52.88),
    _of_moro("CP-ResNet, Freq-MixStyle", 61.64, 65.66, 61.33, 57.93),
    _of_moro("CP-ResNet, DIR, Freq-MixStyle", 61.84, 64.90, 61.35, 59.30),
    _of_moro("low-complexity CP-ResNet", 51.40, 60.01, 51.07, 43.13),
    _of_moro("low-complexity CP-ResNet, mixup", 51.48, 59.11, 51.01, 44.33),
    _of_moro("low-complexity CP-ResNet, DIR", 53.46, 60.22, 53.00, 47.17),
    _of_moro("low-complexity CP-ResNet, Freq-MixStyle", 52.27, 59.52, 51.42, 45.89),
    _of_moro("low-complexity CP-ResNet, DIR, Freq-MixStyle", 53.99, 59.57, 53.08, 49.33),
    _of_moro("PaSST", 60.24, 67.36, 57.46, 55.91),
    _of_moro("PaSST, mixup", 60.52, 67.69, 57.55, 56.33),
    _of_moro("PaSST, DIR", 61.82, 67.29, 59.71, 58.46),
    _of_moro("PaSST, Freq-MixStyle", 61.32, 67.09, 58.91, 57.97),
    _of_moro("PaSST, DIR, Freq-MixStyle", 61.73, 66.30, 59.68, 59.22),
)
