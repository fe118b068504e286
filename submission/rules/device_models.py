"""The rule for years in which each device may have a model of its own (S414)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from baseline.challenge import YEARS
from baseline.run import Run
from deploy.errors import InputError
from submission.metadata import complexity_values
from submission.rules.faults import Fault


def check_device_models(runs: Sequence[Run], year: int) -> Iterator[Fault]:
    """Check that each model of a system is within the limits by itself; they do not add up."""
    limits = {
        "total_model_size": YEARS[year].max_model_bytes,
        "macs": YEARS[year].max_macs,
    }
    for run in runs:
        try:
            values = complexity_values(run)
        except InputError as error:
            yield Fault("S414", str(run.folder), str(error))
            continue
        for key, limit in limits.items():
            if values[key] > limit:
                message = f"has {key} {values[key]:,}, expected at most {limit:,}."
                yield Fault("S414", str(run.folder), message)
