"""What a team's systems do differently, in the words of their recipes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from baseline.recipe import Recipe

NOT_TOLD = ("name", "train.validate_every")
"""Settings without effect on what a system is."""


def difference(recipe: Recipe, first: Recipe) -> str | None:
    """Settings in which a recipe differs from the team's first one; None if in none.

    Such as `network: cpmobile2023 instead of baseline2024, augment.mixup_alpha: 0.3 instead of 0`.
    """
    values, others = (dict(_leaves(r.model_dump(mode="json"))) for r in (recipe, first))
    names = [name for name in dict.fromkeys([*values, *others]) if name not in NOT_TOLD]
    told = [
        f"{name}: {_word(values.get(name))} instead of {_word(others.get(name))}"
        for name in names
        if values.get(name) != others.get(name)
    ]
    return ", ".join(told) or None


def _leaves(values: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{path}{key}.")
        elif value != {}:
            yield f"{path}{key}", value


def _word(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
