"""How the machine is at this moment: clock, temperature, throttling, load."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.machine.system_files import ROOT, read_number, read_text

FLAGS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
"""Meaning of a Raspberry Pi's firmware's low bits; 16 bits higher: was so since the start."""

CPU_ZONES = ("cpu", "x86_pkg_temp", "soc")
"""Beginnings of the types of thermal zones that are the processor's."""

CPU_SENSORS = ("k10temp", "coretemp", "zenpower")
"""Names of hardware monitors that are."""

PROCESSOR_FIELD = 36
"""Of /proc/self/stat behind the program's name: the core it ran on last."""

FIRMWARE_SECONDS = 5.0


@dataclass(frozen=True)
class MachineState:
    """What of it the machine tells; None is not told."""

    governor: str | None
    frequency_hz: int | None
    """Of the core that asks."""
    frequency_min_hz: int | None
    frequency_max_hz: int | None
    temperature_celsius: float | None
    """Of the processor."""
    flags_now: list[str] | None
    """Of `FLAGS`, those that are up."""
    flags_since_boot: list[str] | None
    throttle_events: int | None
    """Times that a PC's cores were slowed down for their heat, since it was started."""
    load_average: float | None
    """Processes that ran or wanted to, over the last minute."""


def read_state(root: Path = ROOT) -> MachineState:
    """How the machine is now.

    Args:
        root: folder above proc and sys.
    """
    clock = _frequency_folder(root)
    bits = _firmware_bits(root)
    return MachineState(
        governor=read_text(clock / "scaling_governor"),
        frequency_hz=_hz(clock / "scaling_cur_freq"),
        frequency_min_hz=_hz(clock / "scaling_min_freq"),
        frequency_max_hz=_hz(clock / "scaling_max_freq"),
        temperature_celsius=_temperature(root),
        flags_now=_flags_now(root, bits),
        flags_since_boot=None if bits is None else _flags(bits >> 16),
        throttle_events=_throttle_events(root),
        load_average=_load_average(root),
    )


def read_frequency_hz(root: Path = ROOT) -> int | None:
    """Frequency of the core that asks."""
    return _hz(_frequency_folder(root) / "scaling_cur_freq")


def _frequency_folder(root: Path) -> Path:
    _, _, fields = (read_text(root / "proc/self/stat") or "").rpartition(")")
    core = [*fields.split(), *["0"] * (PROCESSOR_FIELD + 1)][PROCESSOR_FIELD]
    return root / f"sys/devices/system/cpu/cpu{core}/cpufreq"


def _hz(path: Path) -> int | None:
    kilohertz = read_number(path)
    return None if kilohertz is None else kilohertz * 1000


def _temperature(root: Path) -> float | None:
    found = [*_zones(root), *_sensors(root)]
    readings = [reading for reading in map(read_number, found) if reading is not None]
    return readings[0] / 1000 if readings else None


def _zones(root: Path) -> list[Path]:
    types = {
        zone / "temp": read_text(zone / "type") or ""
        for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*"))
    }
    return [path for path, kind in types.items() if kind.startswith(CPU_ZONES)]


def _sensors(root: Path) -> list[Path]:
    return [
        monitor / "temp1_input"
        for monitor in sorted((root / "sys/class/hwmon").glob("hwmon*"))
        if read_text(monitor / "name") in CPU_SENSORS
    ]


def _firmware_bits(root: Path) -> int | None:
    for path in (root / "sys/devices/platform").glob("soc*/*firmware/get_throttled"):
        return read_number(path, base=16)
    return _ask_firmware()


def _ask_firmware() -> int | None:
    """Bits from a line such as 'throttled=0x50005'."""
    command = shutil.which("vcgencmd")
    if command is None:
        return None
    try:
        answer = subprocess.run(
            [command, "get_throttled"], capture_output=True, text=True, timeout=FIRMWARE_SECONDS
        )
        return int(answer.stdout.partition("=")[2], 16)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _flags_now(root: Path, bits: int | None) -> list[str] | None:
    alarms = [
        read_number(monitor / "in0_lcrit_alarm")
        for monitor in (root / "sys/class/hwmon").glob("hwmon*")
        if read_text(monitor / "name") == "rpi_volt"
    ]
    if bits is None and not alarms:
        return None
    return _flags((bits or 0) | any(alarms))


def _flags(bits: int) -> list[str]:
    return [flag for bit, flag in enumerate(FLAGS) if bits >> bit & 1]


def _throttle_events(root: Path) -> int | None:
    cores = (root / "sys/devices/system/cpu").glob("cpu*/thermal_throttle/core_throttle_count")
    counts = [count for count in map(read_number, cores) if count is not None]
    return sum(counts) if counts else None


def _load_average(root: Path) -> float | None:
    words = (read_text(root / "proc/loadavg") or "").split()
    try:
        return float(words[0])
    except (IndexError, ValueError):
        return None
