"""Whether this process runs on the processor it sees, or on one that is emulated."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from deploy.machine.system_files import ROOT, read_fields, read_text

ELF_MACHINES = {3: "x86", 62: "x86", 40: "arm", 183: "arm", 243: "riscv"}
"""Families by the number at byte 18 of an ELF file; one family's processors run its 32-bit code."""

FAMILIES = {"x86": ("x86", "i386", "i486", "i586", "i686", "amd64"), "arm": ("arm", "aarch64")}
"""Beginnings of the names that the kernel gives its machine."""

CPUINFO_WORDS = {"x86": "vendor_id", "arm": "CPU implementer"}
"""Fields of /proc/cpuinfo that only kernels for that family write."""


def emulated(root: Path = ROOT, machine: str | None = None) -> bool:
    """Whether the processor is emulated: by QEMU or the like for one program, or as a whole.

    An emulator of one program answers for /proc/self, but not for /proc/thread-self, where the
    program that really runs is the emulator.

    Args:
        machine: what the kernel says it runs on, such as aarch64 (default: asked).
    """
    told = _family(platform.machine() if machine is None else machine)
    runs = root / "proc/thread-self/exe"
    fields = read_fields(root / "proc/cpuinfo")
    return (
        _name(runs).startswith("qemu-")
        or _differs(_elf_family(runs), told)
        or any(_differs(family, told) for family, word in CPUINFO_WORDS.items() if word in fields)
        or "QEMU" in fields.get("model name", "")
    )


def virtual_machine(root: Path = ROOT) -> bool:
    """Whether a hypervisor shares the processor out, as far as it is told."""
    return (
        "hypervisor" in read_fields(root / "proc/cpuinfo").get("flags", "").split()
        or read_text(root / "proc/device-tree/model") == "linux,dummy-virt"
        or read_text(root / "sys/hypervisor/type") is not None
    )


def _differs(found: str | None, told: str | None) -> bool:
    return found is not None and told is not None and found != told


def _family(machine: str) -> str | None:
    for family, beginnings in FAMILIES.items():
        if machine.lower().startswith(beginnings):
            return family
    return None


def _name(link: Path) -> str:
    try:
        return os.path.basename(os.readlink(link))
    except OSError:
        return ""


def _elf_family(program: Path) -> str | None:
    try:
        with open(program, "rb") as file:
            head = file.read(20)
    except OSError:
        return None
    if head[:4] != b"\x7fELF" or len(head) < 20:
        return None
    return ELF_MACHINES.get(int.from_bytes(head[18:20], "big" if head[5] == 2 else "little"))
