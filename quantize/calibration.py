"""The pinned list of training clips that calibrates the int8 files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from baseline.challenge import SCENES
from deploy.audio import read_mono
from deploy.classifier import one_second_windows
from deploy.errors import InputError
from deploy.frontend import FrontEnd

MIN_CLIPS = 10


def choose_clips(clips: pd.DataFrame, count: int, seed: int) -> list[str]:
    """Choose clips balanced over scenes, and within each scene over devices.

    Args:
        clips: the training split's rows, with columns filename, scene and device.
        count: how many to choose; all of them if there are fewer.

    Returns:
        File names in the order drawn.

    Raises:
        InputError: fewer than ten clips to choose from, or none of a scene.
    """
    if len(clips) < MIN_CLIPS:
        raise InputError(
            f"calibration: found {len(clips)} training clips, expected at least {MIN_CLIPS}; "
            "use a larger split."
        )
    if absent := [scene for scene in SCENES if scene not in set(clips.scene)]:
        raise InputError(
            f"calibration: found no clip of {', '.join(absent)}, expected every scene; use a "
            "larger split."
        )
    shuffled = clips.iloc[np.random.default_rng(seed).permutation(len(clips))]
    # The n-th clip of each device of a scene, then the n-th of each scene: counting in turns
    # makes any number of first rows as even as it can be.
    turn = shuffled.groupby(["scene", "device"]).cumcount()
    by_device = shuffled.assign(turn=turn).sort_values("turn", kind="stable")
    by_scene = by_device.assign(turn=by_device.groupby("scene").cumcount())
    return by_scene.sort_values("turn", kind="stable").filename.head(count).to_list()


def recorded_log_mels(folder: Path, front_end: FrontEnd) -> tuple[list[str], np.ndarray]:
    """Names and log-mels (seconds, 1, mels, frames) of all WAV files of a folder.

    Raises:
        InputError: no folder, fewer than ten seconds, or a recording that cannot be read.
    """
    paths = sorted(folder.rglob("*.wav"))
    windows = []
    for path in paths:
        wave, rate_hz = read_mono(path)
        windows.append(one_second_windows(wave, rate_hz, front_end)[0])
    seconds = sum(map(len, windows))
    if seconds < MIN_CLIPS:
        raise InputError(
            f"{folder}: found {seconds} seconds in {len(paths)} WAV files, expected at least "
            f"{MIN_CLIPS} to calibrate on; add recordings."
        )
    names = [path.relative_to(folder).as_posix() for path in paths]
    return names, front_end.log_mel(np.concatenate(windows))
