"""The registered networks, what they cost and at which precision they hold the limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from baseline.challenge import MAX_MACS, MAX_MODEL_BYTES
from baseline.complexity import BITS, input_shape, measure, model_bytes
from baseline.models import NETWORKS, create
from baseline.models.options import defaults
from deploy.table import format_table


@dataclass(frozen=True)
class ListedModel:
    """A registered network without options, on one second of its front end's log-mel."""

    name: str
    front_end: str
    parameters: int
    macs: int
    bytes_at: dict[str, int]
    within_limits_at: dict[str, bool]
    """Whether both limits of the challenge hold, by precision."""
    paper: str
    options: dict[str, Any]
    """What a recipe's `network_options` may set, with the values otherwise taken."""

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def list_models() -> list[ListedModel]:
    """All registered networks, counted as `tinyscene check` counts."""
    return [_listed(name) for name in NETWORKS]


def render(models: Sequence[ListedModel]) -> str:
    """A table of networks, and the options of those that have any."""
    header = ["network", "front end", "parameters", "MACs", *BITS, "paper"]
    rows = [
        [
            model.name,
            model.front_end,
            f"{model.parameters:,}",
            f"{model.macs:,}",
            *("fits" if model.within_limits_at[precision] else "OVER" for precision in BITS),
            model.paper,
        ]
        for model in models
    ]
    limits = f"fits: at most {MAX_MODEL_BYTES:,} bytes of parameters and {MAX_MACS:,} MACs"
    options = [
        f"  {model.name}: {', '.join(f'{key} {value}' for key, value in model.options.items())}"
        for model in models
        if model.options
    ]
    return "\n".join(
        [format_table(header, rows), "", limits, "network_options of a recipe:", *options]
    )


def _listed(name: str) -> ListedModel:
    row = NETWORKS[name]
    counted = measure(create(name), input_shape(row.front_end), name=name, precision="fp32")
    bytes_at = {precision: model_bytes(counted.parameters, precision) for precision in BITS}
    return ListedModel(
        name=name,
        front_end=row.front_end,
        parameters=counted.parameters,
        macs=counted.macs,
        bytes_at=bytes_at,
        within_limits_at={
            precision: replace(counted, bytes=size).within_limits
            for precision, size in bytes_at.items()
        },
        paper=row.paper,
        options=defaults(row.build),
    )
