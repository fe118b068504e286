"""The outcome of a validation for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from submission.rules.faults import Fault, is_valid

FORMAT = 1
"""Number of the object's form: keys may be added to it, none changes its meaning."""


def outcome(package: Path, year: int, faults: Sequence[Fault]) -> dict[str, Any]:
    """What was found, as plain values.

    Returns:
        `format`, `package`, `year`, `valid`, `counts` of faults and of warnings, and `faults` in
        the order in which `validate` gives them: `code`, `severity`, `file`, `line` (counted from
        1, or None) and `message`, which tells what was found and what was expected.
    """
    severities = [fault.severity for fault in faults]
    return {
        "format": FORMAT,
        "package": str(package),
        "year": year,
        "valid": is_valid(faults),
        "counts": {severity: severities.count(severity) for severity in ("fault", "warning")},
        "faults": [asdict(fault) | {"severity": fault.severity} for fault in faults],
    }


def format_json(package: Path, year: int, faults: Sequence[Fault]) -> str:
    """The same as a JSON object."""
    return json.dumps(outcome(package, year, faults), indent=2, ensure_ascii=False)
