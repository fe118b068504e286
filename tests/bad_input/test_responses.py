"""Impulse responses that cannot be trained with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.bad_input.cases import TRAIN, Case
from tests.bad_input.spoil import RATE_HZ, Break, both, cut, folder, wav, write

WITH_FOLDER = f"{TRAIN} --out new --set augment.impulse_responses=responses"
SYNTHETIC = f"{TRAIN} --out new --set augment.impulse_responses=synthetic"


def silence(name: str) -> Break:
    """Write a response without sound."""

    def spoil(place: Path) -> None:
        (place / name).parent.mkdir(exist_ok=True)
        soundfile.write(place / name, np.zeros(RATE_HZ), RATE_HZ)

    return spoil


CASES = [
    *(
        Case(title, WITH_FOLDER, words, spoil, leaves=("new",))
        for title, words, spoil in (
            ("no folder", ("responses: there is no such folder", "synthetic"), lambda _: None),
            ("folder is a file", ("responses: there is no such"), write("responses", "x")),
            ("empty folder", ("responses: holds no WAV files",), folder("responses")),
            (
                "no WAV in the folder",
                ("responses: holds no WAV files", "give their folder"),
                write("responses/NOTICE.txt", "x"),
            ),
            (
                "text named .wav",
                ("responses/r.wav: cannot be read as audio",),
                write("responses/r.wav", "sound\n" * 99),
            ),
            (
                "response cut short",
                ("responses/r.wav", "bytes are there"),
                both(wav("responses/r.wav"), cut("responses/r.wav")),
            ),
            (
                "response without samples",
                ("responses/r.wav: holds no samples",),
                wav("responses/r.wav", samples=0),
            ),
            (
                "response of NaN",
                ("responses/r.wav: holds NaN",),
                wav("responses/r.wav", value=np.nan),
            ),
            (
                "silent response beside a good one",
                ("responses/r.wav: found silence", "take it out"),
                both(wav("responses/good.wav", samples=99), silence("responses/r.wav")),
            ),
            (
                "stereo response",
                ("responses/r.wav: found 2 channels, expected 1",),
                wav("responses/r.wav", channels=2),
            ),
            (
                "recording among responses",
                ("responses/r.wav: is longer than 10 s", "expected an impulse response"),
                wav("responses/r.wav", samples=11 * RATE_HZ),
            ),
            (
                "response of an odd rate",
                ("responses/r.wav: found 44101 Hz",),
                wav("responses/r.wav", rate_hz=44_101),
            ),
        )
    ),
    Case(
        "device that the dataset does not have",
        f"{SYNTHETIC} --set augment.impulse_response_devices=[a,phone]",
        (
            "augment.impulse_response_devices",
            "found 'phone'",
            "training clips (a, b, s1)",
            "did you mean",
        ),
        leaves=("new",),
    ),
    Case(
        "probability above one",
        f"{SYNTHETIC} --set augment.impulse_response_probability=60",
        ("augment.impulse_response_probability", "less than or equal to 1", "found 60"),
    ),
    Case(
        "probability below zero",
        f"{SYNTHETIC} --set augment.impulse_response_probability=-0.1",
        ("augment.impulse_response_probability", "greater than or equal to 0", "found -0.1"),
    ),
    Case(
        "misspelt setting",
        f"{TRAIN} --set augment.impulse_response=synthetic",
        ("augment.impulse_response'", "did you mean 'impulse_responses'?"),
    ),
    Case(
        "negative mixup",
        f"{TRAIN} --set augment.mixup_alpha=-0.3",
        ("augment.mixup_alpha", "greater than or equal to 0", "found -0.3"),
    ),
    Case(
        "time mask longer than a clip",
        f"{TRAIN} --out new --set augment.time_mask_frames=100",
        ("time masks of up to 100 frames", "at most the 65", "time_mask_frames smaller"),
        leaves=("new",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, run_case: Callable[[Case], None]) -> None:
    run_case(case)
