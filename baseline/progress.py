"""Progress bars with the time left, on a terminal and only there."""

from __future__ import annotations

from tqdm import tqdm


def progress_bar(total: int, title: str, unit: str, *, show: bool, done: int = 0) -> tqdm[None]:
    """A bar to be updated by hand; silent where standard error is not a terminal."""
    # tqdm itself finds out whether there is a terminal when `disable` is None.
    disable = None if show else True
    scale = unit == "B"  # bytes are counted in thousands and millions
    return tqdm(total=total, initial=done, desc=title, unit=unit, unit_scale=scale, disable=disable)
