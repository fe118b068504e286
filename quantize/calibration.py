"""The pinned list of training clips that calibrates the int8 files."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deploy.errors import InputError

MIN_CLIPS = 10


def choose_clips(clips: pd.DataFrame, count: int, seed: int) -> list[str]:
    """Choose clips balanced over scenes, and within each scene over devices.

    Args:
        clips: the training split's rows, with columns filename, scene and device.
        count: how many to choose; all of them if there are fewer.

    Returns:
        File names in the order drawn.

    Raises:
        InputError: fewer than ten clips to choose from.
    """
    if len(clips) < MIN_CLIPS:
        raise InputError(
            f"calibration: found {len(clips)} training clips, expected at least {MIN_CLIPS}; "
            "use a larger split."
        )
    shuffled = clips.iloc[np.random.default_rng(seed).permutation(len(clips))]
    # The n-th clip of each device of a scene, then the n-th of each scene: counting in turns
    # makes any number of first rows as even as it can be.
    turn = shuffled.groupby(["scene", "device"]).cumcount()
    by_device = shuffled.assign(turn=turn).sort_values("turn", kind="stable")
    by_scene = by_device.assign(turn=by_device.groupby("scene").cumcount())
    return by_scene.sort_values("turn", kind="stable").filename.head(count).to_list()
