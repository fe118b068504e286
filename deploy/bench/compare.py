"""Two reports of a benchmark side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from deploy.bench.json_schema import mismatch
from deploy.bench.text import stage_name
from deploy.errors import InputError
from deploy.files import read_json
from deploy.table import format_table

LEAST_CHANGE = 0.05
"""Two runs of the same thing differ by this much, however little their blocks do."""

COMPARED = (
    "model.name",
    "model.sha256",
    "model.input_type",
    "interpreter.name",
    "interpreter.version",
    "interpreter.delegate",
    "settings.threads",
    "recording.rate_hz",
    "environment.board",
    "environment.processor",
    "environment.machine",
    "environment.cores",
    "environment.usable_cores",
    "environment.emulated",
    "environment.kernel",
    "environment.python",
    "environment.python_bits",
    "environment.numpy",
    "environment.thread_settings",
    "disturbance.before.governor",
)
"""What a difference in speed may come from."""


def schema() -> dict[str, Any]:
    """JSON Schema of a report."""
    text = files("deploy.bench").joinpath("report.schema.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def read_report(path: Path) -> dict[str, Any]:
    """Read a report that `tinyscene bench --out` wrote.

    Raises:
        InputError: missing, not JSON, or not such a report.
    """
    report = read_json(path)
    if fault := mismatch(report, schema()):
        raise InputError(
            f"{path}: is no report of this version of tinyscene bench ({fault[:200]}); "
            "measure again with --out."
        )
    found: dict[str, Any] = report
    return found


def compare(first: dict[str, Any], second: dict[str, Any]) -> str:
    """The second report's times as multiples of the first's, and what differs besides.

    Args:
        first, second: as `read_report` gives them.

    Returns:
        A table; ratios that the spread within the runs could explain are marked.
    """
    parts = (_ratios(first, second), _differences(first, second), _doubts(first, second))
    return "\n\n".join("\n".join(lines) for lines in parts).rstrip()


def _ratios(first: dict[str, Any], second: dict[str, Any]) -> Iterator[str]:
    percentiles = list(next(iter(first["latency_ms"].values())))
    rows = [
        [stage_name(stage), *(_ratio(first, second, stage, name) for name in percentiles)]
        for stage in first["latency_ms"]
    ]
    yield format_table(["time of B / A", *percentiles], rows)
    yield (
        "~ means nothing: it is within the spreads of both runs' blocks and the "
        f"{100 * LEAST_CHANGE:.0f} % by which two runs of the same thing differ anyway; worst is "
        "a single call."
    )
    yield from _totals(first, second)


def _ratio(first: dict[str, Any], second: dict[str, Any], stage: str, name: str) -> str:
    before, after = (report["latency_ms"][stage][name] for report in (first, second))
    return _marked(before, after, *(r["spread_share"][stage][name] for r in (first, second)))


def _marked(before: float, after: float, *spreads: float) -> str:
    if not before:
        return "-"
    nothing = abs(after / before - 1) <= LEAST_CHANGE + sum(spreads)
    return f"{after / before:.2f}{' ~' if nothing else ''}"


def _totals(first: dict[str, Any], second: dict[str, Any]) -> Iterator[str]:
    starts = [report["cold_start_ms"] for report in (first, second)]
    if all(starts):
        before, after = (start["median"] for start in starts)
        spreads = [(start["highest"] - start["lowest"]) / start["median"] for start in starts]
        yield f"cold start: {_marked(before, after, *spreads)}"
    peaks = [report["memory"]["peak_bytes"] for report in (first, second)]
    if all(peaks):
        yield f"peak memory: {peaks[1] / peaks[0]:.2f}"
    sizes = [report["model"]["file_bytes"] for report in (first, second)]
    yield f"model file: {sizes[1] / sizes[0]:.2f}"


def _differences(first: dict[str, Any], second: dict[str, Any]) -> Iterator[str]:
    places = [place for place in COMPARED if _at(first, place) != _at(second, place)]
    if places:
        rows = [[p, _shown(_at(first, p)), _shown(_at(second, p))] for p in places]
        yield format_table(["what differs", "A", "B"], rows)
    else:
        yield "model, interpreter, threads and machine are the same."


def _doubts(first: dict[str, Any], second: dict[str, Any]) -> Iterator[str]:
    for name, report in (("A", first), ("B", second)):
        for warning in report["warnings"]:
            yield f"warning of {name}: {warning}"


def _at(report: dict[str, Any], place: str) -> Any:
    value: Any = report
    for name in place.split("."):
        value = value[name]
    return value


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:12]}..."
