"""The charts of the report. Accuracies are in percent; spreads are one standard deviation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from submission.html_report.svg import (
    SHAPES,
    Point,
    Scale,
    chart,
    line,
    linear,
    mark,
    polygon,
    polyline,
    rectangle,
    text,
)

COLOURS = 7
"""Of series, classes `c0` and on of the page's style."""

LEGEND_ROW, CHARACTER = 18, 6.3
"""Height of a legend's row and width of a character, for its layout."""


@dataclass(frozen=True)
class Value:
    """A mean at a place, with its spread where there is one."""

    at: float
    mean: float
    deviation: float | None = None

    @property
    def low(self) -> float:
        """One standard deviation below the mean."""
        return self.mean - (self.deviation or 0)

    @property
    def high(self) -> float:
        """One standard deviation above the mean."""
        return self.mean + (self.deviation or 0)


@dataclass(frozen=True)
class Series:
    """Values of one thing, such as a recipe's over the splits."""

    name: str
    values: Sequence[Value]
    published: bool = False
    """Whether it is not of these runs: dashed and grey."""


def accuracy_by_split(key: str, splits: Sequence[int], series: Sequence[Series]) -> Markup:
    """Means and spreads over the splits, which stand evenly spaced.

    Args:
        series: whose values stand at 0, 1, ...: the places of the splits.
    """
    legend = list(_legend(series, 44, 292, 416))
    height = 290 + LEGEND_ROW * _rows(series, 372)
    low, high = _range(series)
    x = linear(-0.4, len(splits) - 0.6, 44, 416)
    y = linear(low, high, 238, 12)
    parts = [
        *_grid(y, _ticks(low, high), 44, 416),
        *(text(x(i), 256, f"{split} %", anchor="middle") for i, split in enumerate(splits)),
        text(230, 274, "share of the training clips", anchor="middle", style="axis"),
        *(part for i, one in enumerate(series) for part in _line_of_means(one, i, x, y)),
        *legend,
    ]
    return chart(key, 420, height, "Macro accuracy by split", _sentences(series, splits), parts)


def learning_curve(
    key: str, title: str, series: Sequence[Series], *, top: float | None = None
) -> Markup:
    """Values over the epochs, each with a band of its spread.

    Args:
        top: of the y axis, which begins at 0; by default what the values need.
    """
    highest = top or _nice(max(value.high for one in series for value in one.values))
    last = max(value.at for one in series for value in one.values)
    x = linear(0, max(last, 1), 34, 306)
    y = linear(0, highest, 158, 26)
    parts = [
        text(0, 12, title, style="heading"),
        *_grid(y, _ticks(0, highest), 34, 306),
        *(text(x(e), 174, f"{e:g}", anchor="middle") for e in _ticks(0, max(last, 1))),
        text(170, 190, "epoch", anchor="middle", style="axis"),
        *(part for i, one in enumerate(series) for part in _band(one, i, x, y)),
        *_legend(series, 34, 208, 306),
    ]
    ends = "; ".join(f"{one.name} ends at {one.values[-1].mean:.2f}" for one in series)
    rows = _rows(series, 272)
    return chart(key, 320, 206 + LEGEND_ROW * rows, title, f"Over {last:g} epochs: {ends}.", parts)


def dot_plot(key: str, title: str, names: Sequence[str], series: Sequence[Series]) -> Markup:
    """A row for each name, with a mark for each series on an axis from 0 to 100 %.

    Args:
        names: of the rows, from the top.
        series: whose values stand at 0, 1, ...: the places of the names.
    """
    row = max(24, 9 * len(series) + 8)
    left = 14 + CHARACTER * max(len(name) for name in names)
    bottom = 26 + row * len(names)
    x = linear(0, 100, left, 404)
    parts = [
        text(0, 12, title, style="heading"),
        *_columns(x, range(0, 101, 25), 24, bottom),
        *(
            text(left - 8, 26 + row * (i + 0.5) + 4, name, anchor="end")
            for i, name in enumerate(names)
        ),
        *(line((left, 26 + row * i), (404, 26 + row * i), "grid") for i in range(1, len(names))),
        *(
            part
            for i, one in enumerate(series)
            for part in _dots(one, i, x, row, (i + 1) / (len(series) + 1))
        ),
        *_legend(series, 0, bottom + 36, 404),
    ]
    height = bottom + 34 + LEGEND_ROW * _rows(series, 404)
    described = f"Accuracy in percent of {', '.join(names)}; the table below has the values."
    return chart(key, 416, height, title, described, parts)


def gauge(key: str, title: str, used: int, limit: int, unit: str) -> Markup:
    """A bar towards a limit; beyond it the bar is striped and the words say so."""
    share = used / limit
    room = f"{limit - used:,} {unit} left" if used <= limit else f"{used - limit:,} {unit} over"
    x = linear(0, max(1.0, share), 0, 360)
    style = "within" if used <= limit else "over"
    parts = [
        text(0, 14, title, style="heading"),
        text(360, 14, f"{100 * share:.1f} %", anchor="end", style="heading"),
        rectangle(0, 24, 360, 16, "track"),
        rectangle(0, 24, x(share), 16, style),
        line((x(1), 20), (x(1), 44), "limit"),
        text(0, 60, f"{used:,} of {limit:,} {unit}"),
        text(360, 60, room, anchor="end"),
    ]
    words = f"{used:,} of {limit:,} {unit}, {100 * share:.1f} percent: {room}."
    return chart(key, 362, 66, title, words, parts)


def _line_of_means(one: Series, index: int, x: Scale, y: Scale) -> Iterator[Markup]:
    colour = _colour(one, index)
    shift = 3.0 * (index % 3 - 1)
    points = [(x(value.at) + shift, y(value.mean)) for value in one.values]
    yield polyline(points, f"curve {colour}{' dashed' if one.published else ''}")
    for value, point in zip(one.values, points, strict=True):
        if value.deviation:
            yield line((point[0], y(value.low)), (point[0], y(value.high)), f"bar {colour}")
        yield mark(point, SHAPES[index % len(SHAPES)], f"mark {colour}")


def _band(one: Series, index: int, x: Scale, y: Scale) -> Iterator[Markup]:
    colour = _colour(one, index)
    if any(value.deviation for value in one.values):
        above = [(x(value.at), y(value.high)) for value in one.values]
        below = [(x(value.at), y(value.low)) for value in reversed(one.values)]
        yield polygon(above + below, f"band {colour}")
    points: list[Point] = [(x(value.at), y(value.mean)) for value in one.values]
    dashed = " dashed" if index else ""
    yield polyline(points, f"curve {colour}{dashed}")
    if index:
        yield from (mark(point, SHAPES[index], f"mark small {colour}") for point in points)


def _dots(one: Series, index: int, x: Scale, row: float, place: float) -> Iterator[Markup]:
    colour = _colour(one, index)
    for value in one.values:
        height = 26 + row * (value.at + place)
        if value.deviation:
            low, high = max(value.low, 0), min(value.high, 100)
            yield line((x(low), height), (x(high), height), f"bar {colour}")
        yield mark((x(value.mean), height), SHAPES[index % len(SHAPES)], f"mark {colour}")


def _grid(y: Scale, ticks: Sequence[float], left: float, right: float) -> Iterator[Markup]:
    for tick in ticks:
        yield line((left, y(tick)), (right, y(tick)), "grid")
        yield text(left - 6, y(tick) + 4, f"{tick:g}", anchor="end")


def _columns(x: Scale, ticks: Sequence[float], top: float, bottom: float) -> Iterator[Markup]:
    for tick in ticks:
        yield line((x(tick), top), (x(tick), bottom), "grid")
        yield text(x(tick), bottom + 15, f"{tick:g}", anchor="middle")


def _legend(series: Sequence[Series], left: float, top: float, right: float) -> Iterator[Markup]:
    for index, (one, (column, row)) in enumerate(
        zip(series, _places(series, right - left), strict=True)
    ):
        x, y = left + column, top + LEGEND_ROW * row
        yield mark((x + 6, y - 4), SHAPES[index % len(SHAPES)], f"mark {_colour(one, index)}")
        yield text(x + 16, y, _short(one.name))


def _places(series: Sequence[Series], width: float) -> list[tuple[float, int]]:
    """Left edge and row of each name in a legend, filled like lines of text."""
    places, x, row = [], 0.0, 0
    for one in series:
        needed = 30 + CHARACTER * len(_short(one.name))
        if x and x + needed > width:
            x, row = 0.0, row + 1
        places.append((x, row))
        x += needed
    return places


def _rows(series: Sequence[Series], width: float) -> int:
    return 1 + _places(series, width)[-1][1]


def _short(name: str) -> str:
    return name if len(name) <= 48 else f"{name[:47]}…"


def _colour(one: Series, index: int) -> str:
    return "other" if one.published else f"c{index % COLOURS}"


def _range(series: Sequence[Series]) -> tuple[float, float]:
    """Tens around all values and spreads, at most 0 to 100."""
    values = [value for one in series for value in one.values]
    low = max(0, math.floor(min(value.low for value in values) / 10) * 10)
    high = min(100, math.ceil(max(value.high for value in values) / 10) * 10)
    return low, max(high, low + 10)


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers from low on, not above high."""
    step = _nice((high - low) / 5)
    return [low + step * i for i in range(int((high - low) / step + 1e-9) + 1)]


def _nice(value: float) -> float:
    """The next 1, 2, 2.5, 5 or 10 times a power of ten that is not below a value above zero."""
    power: float = 10.0 ** math.floor(math.log10(value)) if value > 0 else 0.1
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= value * (1 - 1e-9))


def _sentences(series: Sequence[Series], splits: Sequence[int]) -> str:
    return " ".join(
        f"{one.name}: "
        + ", ".join(f"{value.mean:.1f} % at {splits[int(value.at)]} %" for value in one.values)
        + "."
        for one in series
    )
