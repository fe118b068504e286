"""The page: sections in order, drawn by one template with its styles inside."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from baseline.run import commit
from deploy.files import require_replaceable, write_text
from submission.html_report.accuracies import city_section, device_section, scene_section
from submission.html_report.collect import Collected
from submission.html_report.costs import (
    board_section,
    budget_section,
    latency_section,
    layer_section,
)
from submission.html_report.forms import confusion_section, forms_section
from submission.html_report.learning import learning_section
from submission.html_report.provenance import provenance_section
from submission.html_report.summary import headlines, summary_section

PACKAGE = "submission.html_report"

SECTIONS = (
    summary_section,
    budget_section,
    scene_section,
    device_section,
    city_section,
    confusion_section,
    learning_section,
    forms_section,
    layer_section,
    latency_section,
    board_section,
    provenance_section,
)
"""In the order of the page."""


def render(found: Collected) -> str:
    """The whole page; it loads nothing."""
    environment = Environment(
        loader=PackageLoader(PACKAGE, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = files(PACKAGE).joinpath("style.css").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        title=f"Report on {', '.join(found.results.recipes)}",
        headlines=headlines(found),
        sections=[section(found) for section in SECTIONS],
        style=Markup(style),  # ours, not foreign input
        commit=commit(),
    )


def write_page(found: Collected, path: Path) -> None:
    """Write the page.

    Raises:
        InputError: the place cannot be written to.
    """
    require_replaceable(path)
    write_text(path, render(found))
