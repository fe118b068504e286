"""The systems of a submission: runs of one recipe, one run for each split."""

from __future__ import annotations

from collections.abc import Sequence

from baseline.run import Run


def group_systems(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs by their recipe's name, in the order of its first run; each system's by split."""
    systems: dict[str, list[Run]] = {}
    for run in runs:
        systems.setdefault(run.recipe.name, []).append(run)
    return [sorted(system, key=lambda run: run.split) for system in systems.values()]
