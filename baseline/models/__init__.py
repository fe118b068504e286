"""Networks by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import nn

from baseline.models import baseline2024, cp_resnet, cpmobile2023, passt
from baseline.models.options import build_with
from baseline.models.user_network import load_user_network
from deploy.errors import InputError, suggestion


class Row(NamedTuple):
    """A network of the table."""

    build: Callable[..., nn.Module]
    """Makes it randomly initialised, log-mel (batch, 1, mels, frames) -> logits; its keyword
    arguments are the network's options."""
    front_end: str
    """The front end it was published with, or the nearest there is; its MACs are counted on that
    log-mel."""
    paper: str
    """Who published it, when and where."""


NETWORKS = {
    "baseline2024": Row(baseline2024.build, "dcase2024", "Schmid et al. 2024, arXiv 2405.10018"),
    "cpmobile2023": Row(
        cpmobile2023.build, "cpjku2023", "Schmid et al. 2023, DCASE 2023 Task 1, CP-JKU"
    ),
    "cpresnet128k": Row(
        cp_resnet.cpresnet128k, "cpjku2023_teacher", "Schmid et al. 2022, DCASE 2022 Task 1, CP-JKU"
    ),
    # Its front end weights the spectrogram as the ear does, in dB, before the mel filters, and
    # takes statistics of the training set along; here stands one of the same size.
    "cpresnet2020": Row(
        cp_resnet.cpresnet2020, "cpresnet_dir", "Koutini et al. 2020, arXiv 2011.02955"
    ),
    "cpresnet2020_damped": Row(
        cp_resnet.cpresnet2020_damped, "cpresnet_dir", "Koutini et al. 2020, arXiv 2011.02955"
    ),
    "cpresnet_dir": Row(
        cp_resnet.cpresnet_dir, "cpresnet_dir", "Morocutti et al. 2023, arXiv 2305.07499"
    ),
    "passt_s": Row(passt.build, "passt", "Koutini et al. 2022, arXiv 2110.05069"),
}


FLOAT_MODULES: tuple[type[nn.Module], ...] = (cpmobile2023.GRN,)
"""Kinds of modules that stay in float between dequantise and quantise in an int8 network."""


def create(name: str, /, **options: Any) -> nn.Module:
    """A freshly initialised network, in training mode.

    Args:
        name: one of `NETWORKS`, or `module:function` of the current folder.
        options: keyword arguments of its builder, such as `width=64`.

    Raises:
        InputError: no such network, or options that it does not take.
    """
    if ":" in name:
        return load_user_network(name, options)
    if name not in NETWORKS:
        raise InputError(
            f"network '{name}' is unknown; choose module:function or one of {', '.join(NETWORKS)}"
            f"{suggestion(name, NETWORKS)}"
        )
    return build_with(name, NETWORKS[name].build, options)
