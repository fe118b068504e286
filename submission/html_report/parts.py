"""What the page is made of: sections of tables, charts and text. `report.html.j2` draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Code:
    """Text to be copied as it stands."""

    kind: ClassVar[str] = "code"
    label: str
    text: str


@dataclass(frozen=True)
class Bar:
    """A table's cell with a bar behind its text."""

    text: str
    share: float
    """Length of the bar, 0 to 1."""


@dataclass(frozen=True)
class Heat:
    """A cell of a confusion matrix: a whole percentage and the clips behind it."""

    text: str
    level: int
    """Darkness, 0 to `MAX_HEAT`."""
    hint: str


MAX_HEAT = 10

Cell = str | Bar | Heat


@dataclass(frozen=True)
class Table:
    """Rows under a header; the first column names the row."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    words: int = 1
    """How many columns from the left hold words; the others hold numbers."""
    dense: bool = False
    folded: bool = False
    """Whether it is folded away under its caption until asked for."""


@dataclass(frozen=True)
class Figure:
    """Charts side by side under one caption."""

    kind: ClassVar[str] = "figure"
    caption: str
    charts: Sequence[Markup]


@dataclass(frozen=True)
class Group:
    """Parts under a heading, or folded away under a summary until asked for."""

    kind: ClassVar[str] = "group"
    title: str
    parts: Sequence[Part]
    folded: bool = False


Part = Text | Code | Table | Figure | Group


@dataclass(frozen=True)
class Section:
    """A chapter of the page."""

    key: str
    """Its anchor."""
    title: str
    lead: str
    """A sentence that says what is shown."""
    parts: Sequence[Part]


@dataclass(frozen=True)
class Headline:
    """The figure that a recipe is judged by, and what stands beside it."""

    name: str
    figure: str
    meaning: str
    facts: Sequence[tuple[str, str]]
