"""Pieces of inline SVG. Colours are CSS classes of the page, so that charts follow its theme.

Coordinates are in units of the view box, x to the right and y down. All text is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup

SHAPES = ("circle", "square", "diamond", "up", "down", "cross")
"""Marks that tell series apart without their colours."""

RADIUS = 4.5
"""Of a mark."""

_PATHS = {
    "square": ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    "diamond": ((0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)),
    "up": ((0, -1.15), (1.1, 0.85), (-1.1, 0.85)),
    "down": ((0, 1.15), (1.1, -0.85), (-1.1, -0.85)),
    "cross": (
        *((-0.35, -1.1), (0.35, -1.1), (0.35, -0.35), (1.1, -0.35), (1.1, 0.35), (0.35, 0.35)),
        *((0.35, 1.1), (-0.35, 1.1), (-0.35, 0.35), (-1.1, 0.35), (-1.1, -0.35), (-0.35, -0.35)),
    ),
}

Point = tuple[float, float]
Scale = Callable[[float], float]


def chart(
    key: str, width: float, height: float, title: str, description: str, parts: Iterable[Markup]
) -> Markup:
    """A picture that a screen reader names by its title and description.

    Args:
        key: of the picture alone on its page; its ids begin with it.
        width, height: of the view box.
    """
    return Markup(
        '<svg class="chart" viewBox="0 0 {w:g} {h:g}" role="img" '
        'aria-labelledby="{key}-title {key}-desc">'
        '<title id="{key}-title">{title}</title><desc id="{key}-desc">{description}</desc>'
        "{parts}</svg>"
    ).format(
        key=key,
        w=width,
        h=height,
        title=title,
        description=description,
        parts=Markup("").join(parts),
    )


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """The map that takes low to start and high to end; low and high differ."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def text(x: float, y: float, content: str, *, anchor: str = "start", style: str = "") -> Markup:
    """A line of text; `anchor` is start, middle or end."""
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        style, x, y, anchor, content
    )


def line(start: Point, end: Point, style: str) -> Markup:
    """A straight line."""
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        style, *start, *end
    )


def rectangle(x: float, y: float, width: float, height: float, style: str) -> Markup:
    """A rectangle with slightly round corners."""
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2"/>'
    ).format(style, x, y, width, height)


def polyline(points: Sequence[Point], style: str) -> Markup:
    """Points joined by straight lines."""
    return Markup('<polyline class="{}" points="{}"/>').format(style, _points(points))


def polygon(points: Sequence[Point], style: str) -> Markup:
    """A filled outline."""
    return Markup('<polygon class="{}" points="{}"/>').format(style, _points(points))


def mark(at: Point, shape: str, style: str) -> Markup:
    """One of `SHAPES`, centred."""
    x, y = at
    if shape == "circle":
        return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(
            style, x, y, RADIUS
        )
    return polygon([(x + RADIUS * dx, y + RADIUS * dy) for dx, dy in _PATHS[shape]], style)


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
