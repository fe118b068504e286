"""Writing the technical report: source, figures and PDF, all of them or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from baseline.run import Run
from deploy.errors import InputError
from deploy.files import make_folder, write_errors
from submission.label import report_name
from submission.team import Team
from submission.technical_report.figures import FOLDER, write_figures
from submission.technical_report.pdf import compile_pdf
from submission.technical_report.references import bibliography
from submission.technical_report.source import BIBLIOGRAPHY, LAYOUT, report_source
from submission.technical_report.systems import System, read_systems

SOURCE = "report.typ"


def write_technical_report(systems: Sequence[Sequence[Run]], team: Team, folder: Path) -> Path:
    """Draft the technical report of a submission; the same input gives the same bytes.

    Args:
        systems: the runs of each system, one for each split, evaluated.
        folder: for the PDF and what it is made from, `report.typ` with its layout, references and
            figures; it must be new or empty, for the text is there to be edited.

    Returns:
        The PDF, under the name that the challenge wants.

    Raises:
        InputError: runs that do not make the team's systems or are not evaluated, or a folder that
            is in use or cannot be written.
        ModuleNotFoundError: typst is not installed.
    """
    _require_new(folder)
    described = read_systems(systems, team)
    pdf = report_name(described[0].label)
    folder = folder.resolve()
    make_folder(folder.parent)
    with (
        write_errors(folder),
        tempfile.TemporaryDirectory(prefix=".report.", dir=folder.parent) as temporary,
    ):
        draft = Path(temporary) / "report"
        draft.mkdir()
        _write_draft(described, team, draft, pdf)
        if folder.exists():
            folder.rmdir()
        draft.rename(folder)
    return folder / pdf


def _require_new(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, expected a new or empty folder; choose another.")
    found = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    if found:
        raise InputError(
            f"{folder}: found '{found[0]}', expected a new or empty folder, for a report that was "
            "edited is not overwritten; choose another."
        )


def _write_draft(systems: Sequence[System], team: Team, draft: Path, pdf: str) -> None:
    authors = team.authors
    figures = write_figures(systems, draft / FOLDER)
    shutil.copyfile(Path(__file__).with_name(LAYOUT), draft / LAYOUT)
    for name, text in (
        (BIBLIOGRAPHY, bibliography()),
        (SOURCE, report_source(systems, authors, figures, pdf)),
    ):
        (draft / name).write_text(text, encoding="utf-8", newline="\n")
    (draft / pdf).write_bytes(compile_pdf(draft / SOURCE))
