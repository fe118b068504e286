"""What else the machine did while something was measured, and whether that spoils it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.machine.state import FLAGS, MachineState, read_frequency_hz, read_state
from deploy.machine.system_files import ROOT, read_bytes_field, read_text

MAX_OTHER_CORES = 0.1
"""Work of other processes that goes unnoticed: a desktop at rest does less."""

MAX_STOLEN_CORES = 0.02
MAX_SWITCHES_PER_SECOND = 20.0
"""A kernel's own threads take the core away a few times a second."""

MAX_FREQUENCY_CHANGE = 0.02
MAX_WARMING_CELSIUS = 10.0
"""A board that has warmed up for less is not yet as slow as it will be."""

IDLE_FIELDS = (3, 4)
STEAL_FIELD = 7
GUEST_FIELDS = 8
"""Of the first line of /proc/stat: idle and waiting; taken by the hypervisor; from here on counted
before."""


@dataclass(frozen=True)
class Disturbance:
    """What happened from the beginning of a measurement to its end; None is not told."""

    seconds: float
    other_cores: float | None
    """Cores that other processes kept busy, on average."""
    stolen_cores: float | None
    """Cores that the hypervisor gave to others though this machine wanted them, on average."""
    switches_per_second: float | None
    """How often another process took the core away from this one."""
    frequency_lowest_hz: int | None
    frequency_highest_hz: int | None
    memory_growth_bytes: int | None
    """Of this process, from its first sample to its last."""
    before: MachineState
    after: MachineState


class Watch:
    """Watches the machine from its making until `stop`; `sample` in between, untimed."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._before = read_state(root)
        self._frequencies: list[int] = []
        self._memory: list[int] = []
        self._counts = _Counts.read(root)

    def sample(self) -> None:
        """Note the frequency and the memory in use."""
        frequency = read_frequency_hz(self._root)
        memory = read_bytes_field(self._root / "proc/self/status", "VmRSS")
        self._frequencies += [] if frequency is None else [frequency]
        self._memory += [] if memory is None else [memory]

    def stop(self) -> Disturbance:
        """What happened since the watch was made."""
        counts = _Counts.read(self._root)
        past = self._counts
        seconds = counts.seconds - past.seconds
        own = counts.own_seconds - past.own_seconds
        busy = _rate(past.busy_seconds, counts.busy_seconds, seconds)
        return Disturbance(
            seconds=seconds,
            other_cores=None if busy is None else max(0.0, busy - own / seconds),
            stolen_cores=_rate(past.stolen_seconds, counts.stolen_seconds, seconds),
            switches_per_second=_rate(past.switches, counts.switches, seconds),
            frequency_lowest_hz=min(self._frequencies, default=None),
            frequency_highest_hz=max(self._frequencies, default=None),
            memory_growth_bytes=self._memory[-1] - self._memory[0] if self._memory else None,
            before=self._before,
            after=read_state(self._root),
        )


def warnings(found: Disturbance) -> list[str]:
    """What makes a measurement doubtful, a sentence each; none on a quiet machine."""
    return [*_load_warnings(found), *_clock_warnings(found), *_heat_warnings(found)]


def _load_warnings(found: Disturbance) -> Iterator[str]:
    if (found.other_cores or 0) > MAX_OTHER_CORES:
        yield (
            f"other processes kept {found.other_cores:.1f} cores busy meanwhile; "
            "stop them and measure again."
        )
    if (found.stolen_cores or 0) > MAX_STOLEN_CORES:
        yield (
            f"the hypervisor took {found.stolen_cores:.2f} cores away for other machines; "
            "measure on a machine of your own."
        )
    if (found.switches_per_second or 0) > MAX_SWITCHES_PER_SECOND:
        yield (
            f"other processes took the core away {found.switches_per_second:.0f} times a second; "
            "stop them and measure again."
        )


def _clock_warnings(found: Disturbance) -> Iterator[str]:
    governor = found.before.governor
    if governor not in (None, "performance"):
        yield (
            f"the governor of the clock is '{governor}', with which the clock changes; choose "
            "'performance': echo performance | sudo tee "
            "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        )
    lowest, highest = found.frequency_lowest_hz, found.frequency_highest_hz
    if lowest and highest and highest / lowest - 1 > MAX_FREQUENCY_CHANGE:
        yield f"the clock changed between {lowest / 1e6:.0f} and {highest / 1e6:.0f} MHz meanwhile."


def _heat_warnings(found: Disturbance) -> Iterator[str]:
    before, after = found.before, found.after
    current = {*(before.flags_now or ()), *(after.flags_now or ())}
    past = {*(after.flags_since_boot or ())} - current
    if current:
        yield f"the board reports {_listed(current)}; give it a better power supply or cooling."
    if past:
        yield f"the board has had {_listed(past)} since it was started; watch supply and cooling."
    if (after.throttle_events or 0) > (before.throttle_events or 0):
        yield "the processor was slowed down for its heat meanwhile; let it cool down."
    if before.temperature_celsius is None or after.temperature_celsius is None:
        return
    if after.temperature_celsius - before.temperature_celsius > MAX_WARMING_CELSIUS:
        yield (
            f"the processor warmed from {before.temperature_celsius:.0f} to "
            f"{after.temperature_celsius:.0f} °C; measure once more while it is warm."
        )


def _listed(flags: set[str]) -> str:
    return ", ".join(flag for flag in FLAGS if flag in flags)


@dataclass(frozen=True)
class _Counts:
    """Counters that only grow."""

    seconds: float
    own_seconds: float
    """Of processor time."""
    busy_seconds: float | None
    """Of all cores and processes."""
    stolen_seconds: float | None
    switches: int | None

    @classmethod
    def read(cls, root: Path) -> _Counts:
        ticks = _ticks(root)
        busy = [ticks[i] for i in range(STEAL_FIELD) if i not in IDLE_FIELDS] if ticks else []
        return cls(
            time.perf_counter(),
            time.process_time(),
            sum(busy) / _ticks_per_second() if ticks else None,
            ticks[STEAL_FIELD] / _ticks_per_second() if ticks else None,
            _involuntary_switches(),
        )


def _rate(before: float | None, after: float | None, seconds: float) -> float | None:
    return None if before is None or after is None else (after - before) / seconds


def _ticks(root: Path) -> list[int]:
    """Of all cores together: user, nice, system, idle, waiting, interrupts (two), stolen."""
    words = ((read_text(root / "proc/stat") or "").splitlines() or [""])[0].split()
    counts = words[1 : GUEST_FIELDS + 1]
    told = words[:1] == ["cpu"] and len(counts) == GUEST_FIELDS and all(map(str.isdecimal, counts))
    ticks = [int(count) for count in counts] if told else []
    return ticks if any(ticks) else []  # some sandboxes write zeros


def _ticks_per_second() -> int:
    return os.sysconf("SC_CLK_TCK")


def _involuntary_switches() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
