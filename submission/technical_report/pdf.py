"""From Typst's markup to PDF."""

from __future__ import annotations

from pathlib import Path

import typst


def compile_pdf(source: Path) -> bytes:
    """The PDF of a Typst document, with the fonts that Typst brings along and without a date.

    The system's fonts differ between machines, and so would the PDF.
    """
    return typst.compile(source, root=source.parent, ignore_system_fonts=True, format="pdf")
