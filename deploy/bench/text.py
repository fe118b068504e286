"""A report of a benchmark as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.table import format_table

UNKNOWN = "not told"


def format_report(report: dict[str, Any]) -> str:
    """The report of `deploy.bench.measure` for people."""
    parts = (_what(report), _where(report), _stages(report), _totals(report), _warnings(report))
    return "\n\n".join("\n".join(lines) for lines in parts)


def stage_name(stage: str) -> str:
    """A stage's name in a report as words."""
    return stage.replace("_", " ")


def _what(report: dict[str, Any]) -> Iterator[str]:
    model, runs, threads = report["model"], report["interpreter"], report["settings"]["threads"]
    types = f"{model['input_type']} in, {model['output_type']} out"
    yield f"{model['name']}: {model['file_bytes']:,} bytes, {types}"
    delegate = f" with {runs['delegate']}" if runs["delegate"] else ""
    count = "1 thread" if threads == 1 else f"{threads} threads"
    yield f"{runs['name']} {runs['version'] or ''}{delegate}, {count}"


def _where(report: dict[str, Any]) -> Iterator[str]:
    machine, found = report["environment"], report["disturbance"]
    names = [machine["board"], machine["processor"] or machine["machine"]]
    kind = " (virtual machine)" if machine["virtual_machine"] else ""
    kind = " (emulated)" if machine["emulated"] else kind
    yield f"{', '.join(filter(None, names))}{kind}: {machine['cores']} cores, {_memory(machine)}"
    python = f"Python {machine['python']} ({machine['python_bits']} bits)"
    yield f"{machine['distribution'] or machine['system']}, {python}, numpy {machine['numpy']}"
    yield f"clock {_clock(found)}; temperature {_temperature(found)}; {_throttling(found)}"


def _memory(machine: dict[str, Any]) -> str:
    size = machine["memory_bytes"]
    return "memory not told" if size is None else f"{size / 2**30:.1f} GiB"


def _clock(found: dict[str, Any]) -> str:
    lowest, highest = found["frequency_lowest_hz"], found["frequency_highest_hz"]
    if lowest is None:
        return UNKNOWN
    range_mhz = {f"{lowest / 1e6:.0f}": None, f"{highest / 1e6:.0f}": None}
    return f"{' to '.join(range_mhz)} MHz, governor {found['before']['governor'] or UNKNOWN}"


def _temperature(found: dict[str, Any]) -> str:
    before, after = (found[when]["temperature_celsius"] for when in ("before", "after"))
    return UNKNOWN if before is None or after is None else f"{before:.0f} to {after:.0f} °C"


def _throttling(found: dict[str, Any]) -> str:
    flags = found["after"]["flags_now"]
    return f"throttling {UNKNOWN if flags is None else ', '.join(flags) or 'none'}"


def _stages(report: dict[str, Any]) -> Iterator[str]:
    latencies, spreads = report["latency_ms"], report["spread_share"]
    percentiles = list(next(iter(latencies.values())))
    rows = [
        [stage_name(stage), *(f"{ms:.3f}" for ms in values.values()), _percent(spreads[stage])]
        for stage, values in latencies.items()
    ]
    yield format_table(["milliseconds", *percentiles, "spread %"], rows)
    blocks = len(next(iter(report["block_median_ms"].values())))
    yield f"{report['calls']:,} calls each, in turn; spread between the medians of {blocks} blocks"


def _percent(spreads: dict[str, float]) -> str:
    return f"{100 * spreads['p50']:.1f}"


def _totals(report: dict[str, Any]) -> Iterator[str]:
    clips = report["throughput_clips_per_s"]
    rates = (f"{rate:.0f} from {stage.partition('_')[0]}" for stage, rate in clips.items())
    yield f"clips/s, one at a time: {', '.join(rates)}"
    yield f"cold start: {_cold_start(report['cold_start_ms'])}"
    peak, growth = report["memory"]["peak_bytes"], report["memory"]["growth_bytes"]
    yield f"memory: {_megabytes(peak)} at the first answer, {_megabytes(growth)} more over the run"


def _cold_start(times: dict[str, Any] | None) -> str:
    if times is None:
        return "not measured"
    span = f"{times['lowest']:.0f} to {times['highest']:.0f}"
    many = f"{times['processes']} processes, files in the page cache"
    return f"{times['median']:.0f} ms to the first answer ({span}; {many})"


def _warnings(report: dict[str, Any]) -> Iterator[str]:
    yield "warnings:" if report["warnings"] else "no warnings"
    yield from (f"- {warning}" for warning in report["warnings"])


def _megabytes(size: int | None) -> str:
    return UNKNOWN if size is None else f"{size / 1e6:.1f} MB"
