"""The label of a submitted system and the names of its files."""

from __future__ import annotations

import re

from baseline.challenge import DEFAULT_YEAR, YEARS

TASK = "task1"
"""Top-level folder of a package, and third part of every label."""

PARTS = 4
INDICES = range(1, 5)
"""Indices that the challenge's general rules allow: up to four systems a team."""

TEMPLATE_INDICES = range(1, 4)
"""Indices in this task's own template."""

LABEL_FORM = f"[Last name]_[Institute]_{TASK}_[index]"

Problem = tuple[str, str]
"""Code of the broken rule and a sentence."""


def make_label(lastname: str, institute: str, index: int) -> str:
    """A system's label, such as `Doe_TINY_task1_1`."""
    return f"{lastname}_{institute}_{TASK}_{index}"


def label_problems(label: str) -> list[Problem]:
    """What is wrong or risky with a label; empty if nothing is."""
    parts = label.split("_")
    if len(parts) != PARTS or parts[2] != TASK or not all(map(_is_name, parts)):
        return [("S104", f"label '{label}' is not of the form {LABEL_FORM}, four parts in all.")]
    return [*_index_problems(label, parts[3]), *_character_problems(label)]


def csv_name(label: str, split: int, year: int = DEFAULT_YEAR) -> str:
    """Name of a system's output CSV for a split, in percent."""
    return YEARS[year].output_csv.format(label=label, split=split)


def csv_names(label: str, year: int = DEFAULT_YEAR) -> dict[int, str]:
    """Split to name of its output CSV."""
    return {split: csv_name(label, split, year) for split in YEARS[year].splits}


def metadata_name(label: str) -> str:
    """Name of a system's metadata file."""
    return f"{label}.meta.yaml"


def report_name(label: str) -> str:
    """Name of the technical report, one for all systems of a team: their label without index."""
    return f"{label.rpartition('_')[0]}.technical_report.pdf"


def _is_name(part: str) -> bool:
    return bool(part) and part == part.strip() and not re.search(r"[\\/:\x00-\x1f]", part)


def _index_problems(label: str, index: str) -> list[Problem]:
    if index not in map(str, INDICES):
        expected = f"{INDICES[0]} to {INDICES[-1]}"
        return [("S105", f"label '{label}' has the index '{index}', expected {expected}.")]
    if int(index) not in TEMPLATE_INDICES:
        last = TEMPLATE_INDICES[-1]
        return [
            ("S106", f"label '{label}' has the index {index}, the task's template ends at {last}.")
        ]
    return []


def _character_problems(label: str) -> list[Problem]:
    unusual = sorted(set(re.findall(r"[^A-Za-z0-9_-]", label)))
    if not unusual:
        return []
    found = ", ".join(map(repr, unusual))
    return [("S107", f"label '{label}' has {found}, expected ASCII letters, digits and hyphens.")]
