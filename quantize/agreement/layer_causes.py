"""Why a layer is noisy, from its figures in `quantize.agreement.layer_noise`."""

from __future__ import annotations

from typing import Any

OUTLIER_RATIO = 8.0
"""Largest magnitude of a channel over the median channel's: three of the eight bits are lost."""

RANGE_RATIO = 8.0
"""End of the range over the 99.9th percentile of the magnitudes: as many bits are lost."""

MAIN_SHARE = 0.5
"""Part of the noise that makes a source of it the main one."""

SHOWN_CHANNELS = 12
"""Channels listed in a sentence."""


def causes(row: dict[str, Any]) -> list[str]:
    """What is wrong with a layer, the likeliest first, or what its noise consists of.

    - `outlier channel`: one channel's largest magnitude is 8 or more times the median channel's;
    - `range`: the tensor's range ends at 8 or more times the 99.9th percentile of the magnitudes,
      or values beyond it make half of the noise or more;
    - `dead channel`: the output of a channel never changes, or all of its weights are zero. That
      wastes weights but makes no noise, so what does is told as well:
    - `rounding`, if rounding this tensor to int8 makes half of the noise or more;
    - else `accumulated`: it comes from the layers before, and from this one's rounded weights;
    """
    clipped = row["clipping_share"] >= MAIN_SHARE
    found = {
        "outlier channel": row["outlier_ratio"] >= OUTLIER_RATIO,
        "range": row["range_ratio"] >= RANGE_RATIO or clipped,
        "dead channel": bool(row["dead_channels"] or row["dead_weights"]),
    }
    present = [cause for cause, is_so in found.items() if is_so]
    if present and present != ["dead channel"]:
        return present
    return [*present, "rounding" if row["rounding_share"] >= MAIN_SHARE else "accumulated"]


def explain(row: dict[str, Any]) -> str:
    """The causes in words, with the figures that tell them."""
    return "; ".join(_SENTENCES[cause](row) for cause in row["causes"])


def _outlier(row: dict[str, Any]) -> str:
    text = (
        f"outlier channel {row['outlier_channel']} reaches {row['outlier_ratio']:.0f} times what "
        "the median channel does"
    )
    lost = len(row["lost_channels"])
    return f"{text}, and {lost} of {row['channels']} channels are lost in int8" if lost else text


def _range(row: dict[str, Any]) -> str:
    if row["range_ratio"] >= RANGE_RATIO:
        return (
            f"range {row['range_ratio']:.1f} times as wide as what 99.9 % of the values use, so "
            "the steps are too coarse"
        )
    return (
        f"range too narrow: values beyond it make {100 * row['clipping_share']:.0f} % of the noise"
    )


def _dead(row: dict[str, Any]) -> str:
    parts = []
    if row["dead_channels"]:
        parts.append(f"dead channels, whose output never changes: {_list(row['dead_channels'])}")
    if row["dead_weights"]:
        parts.append(f"dead channels, whose weights are all zero: {_list(row['dead_weights'])}")
    return "; ".join(parts)


def _rounding(row: dict[str, Any]) -> str:
    return f"rounding of this tensor itself makes {100 * row['rounding_share']:.0f} % of the noise"


def _accumulated(row: dict[str, Any]) -> str:
    share = 100 * (row["rounding_share"] + row["clipping_share"])
    before = row["reads_snr_db"]
    reads = "" if before is None else f"what it reads has {before:.1f} dB already, "
    return (
        f"accumulated: {reads}quantising this tensor makes {share:.0f} % of the noise, and the "
        "rest comes from the layers before and from rounded weights"
    )


def _list(channels: list[int]) -> str:
    shown = ", ".join(map(str, channels[:SHOWN_CHANNELS]))
    rest = len(channels) - SHOWN_CHANNELS
    return f"{shown} and {rest} more" if rest > 0 else shown


_SENTENCES = {
    "outlier channel": _outlier,
    "range": _range,
    "dead channel": _dead,
    "rounding": _rounding,
    "accumulated": _accumulated,
}
