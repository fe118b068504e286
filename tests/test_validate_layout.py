"""Files, folders and labels: every rule is broken alone, and what is allowed is no fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.package_files import (
    FOLDER,
    PDF,
    Edit,
    Files,
    add,
    both,
    codes,
    relabel,
    rename,
    systems,
    write_zip,
)

pytest_plugins = ["tests.package_fixtures"]


HARMLESS: dict[str, Edit] = {
    "nothing changed": both(),
    "report at the top": rename(PDF, "report.PDF"),
    "folder entries": both(add("task1/", b""), add(f"{FOLDER}/", b"")),
    "hyphen in the label": relabel("Van-Doe_TINY2_task1_3"),
    "three systems": systems(3),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_allowed_in_layout_and_labels_is_no_fault(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    HARMLESS[name](files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation) == set()
