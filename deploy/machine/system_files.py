"""The small files in which Linux tells of the machine; what is absent or odd is None."""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/")
"""Above /proc and /sys; another folder in tests."""


def read_text(path: Path) -> str | None:
    """What a file says, without the blanks, line ends and NUL bytes around it."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \t\n") or None
    except OSError:
        return None


def read_number(path: Path, base: int = 10) -> int | None:
    """The whole number in a file."""
    try:
        return int(read_text(path) or "", base)
    except ValueError:
        return None


def read_fields(path: Path, separator: str = ":") -> dict[str, str]:
    """Lines such as 'VmHWM: 1672 kB' by name, the first of a name; empty if there is no file."""
    fields: dict[str, str] = {}
    for line in (read_text(path) or "").splitlines():
        name, found, value = line.partition(separator)
        if found:
            fields.setdefault(name.strip(), value.strip())
    return fields


def read_bytes_field(path: Path, name: str) -> int | None:
    """A size that a file such as /proc/self/status gives as '1672 kB', in bytes."""
    number, _, unit = read_fields(path).get(name, "").partition(" ")
    return int(number) * 1024 if number.isdecimal() and unit == "kB" else None
