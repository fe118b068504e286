"""Typst markup: other people's text made harmless, tables and figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ]*")
"""Text that means itself in markup, wherever it stands."""

LONGEST_WORD = 20
"""Characters after which a word may be broken, because a column is not wider."""

BREAK = "\u200b"
"""A space without width."""

WIDE = 'auto, scope: "parent"'
"""Placement over both columns of a page, at its top or bottom."""

ESCAPES = {"\\": "\\\\", '"': '\\"'}


def text(value: str) -> str:
    """Markup that shows a text as it is, whatever characters it has.

    What is not plain becomes a string, in which Typst sees no markup.
    """
    words = breakable(value)
    return words if PLAIN.fullmatch(words) else f"#{string(words)};"


def breakable(value: str) -> str:
    """A text whose long words may be broken, on one line."""
    words = " ".join(value.split())
    return re.sub(rf"(\S{{{LONGEST_WORD}}})(?=\S)", rf"\1{BREAK}", words)


def string(value: str) -> str:
    """A string of Typst's code, in quotes."""
    return '"' + "".join(map(_escaped, value)) + '"'


def todo(what: str) -> str:
    """A place for people, marked in the draft."""
    return f"#todo[{what}]"


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str,
    label: str,
    wide: bool = False,
) -> str:
    """A table with a caption; the first column to the left, the others to the right.

    Args:
        header: markup of each column.
        rows: markup of each cell.
        wide: over both columns of the page, at its top or bottom.
    """
    cells = [f"  table.header({_cells(header)}), table.hline(),"]
    cells += [f"  {_cells(row)}," for row in rows]
    body = "\n".join([f"data-table({len(header)},", *cells, ")"])
    placement = WIDE if wide else "none"
    return _figure(body, caption, label, placement)


def pictures(files: Sequence[str], *, caption: str, label: str) -> str:
    """Pictures in their own size, up to two side by side over both columns, with one caption."""
    images = ", ".join(f"image({string(file)})" for file in files)
    body = f"grid(columns: {min(2, len(files))}, gutter: 4pt, {images})"
    return _figure(body, caption, label, WIDE)


def _figure(body: str, caption: str, label: str, placement: str) -> str:
    return f"#figure(placement: {placement}, caption: [{caption}], {body}) <{label}>"


def _cells(row: Sequence[str]) -> str:
    return ", ".join(f"[{cell}]" for cell in row)


def _escaped(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    shown = character.isprintable() or character == BREAK
    return character if shown else f"\\u{{{ord(character):x}}}"
