"""What an ELF file of a 32-bit little-endian processor holds: sizes, symbols, and what to load."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ELF_START = b"\x7fELF\x01\x01"
WRITABLE, IN_MEMORY = 1, 2
WITHOUT_CONTENT = 8
SYMBOL_TABLE = 2
LOADED = 1
OBJECT, FUNCTION = 1, 2


@dataclass(frozen=True)
class Sizes:
    """Bytes that a program takes of a microcontroller.

    Attributes:
        flash: code, constants, and the first values of variables.
        ram: variables and the stack.
        stack: the part of ram that is set aside for the stack.
    """

    flash: int
    ram: int
    stack: int


@dataclass(frozen=True)
class _Section:
    name: str
    kind: int
    flags: int
    offset: int
    size: int
    link: int


def sizes(elf: Path) -> Sizes:
    """How much flash and RAM a program takes.

    Raises:
        ValueError: not such an ELF file.
    """
    in_memory = [section for section in _sections(_read(elf)) if section.flags & IN_MEMORY]
    return Sizes(
        flash=sum(s.size for s in in_memory if s.kind != WITHOUT_CONTENT),
        ram=sum(s.size for s in in_memory if s.flags & WRITABLE),
        stack=sum(s.size for s in in_memory if s.name == ".stack"),
    )


def symbol_sizes(elf: Path) -> dict[str, int]:
    """Bytes of each function and variable by name, those of one name added up.

    Raises:
        ValueError: not such an ELF file.
    """
    content = _read(elf)
    sections = _sections(content)
    found: dict[str, int] = {}
    for table in (section for section in sections if section.kind == SYMBOL_TABLE):
        names = sections[table.link]
        body = content[table.offset : table.offset + table.size]
        for name, _, size, info, _, _ in struct.iter_unpack("<IIIBBH", body):
            if size and info & 15 in (OBJECT, FUNCTION):
                word = _word(content, names.offset + name)
                found[word] = found.get(word, 0) + size
    return found


def segments(elf: Path) -> Iterator[tuple[int, bytes]]:
    """Pairs of an address and the bytes that must stand there before the program starts.

    Raises:
        ValueError: not such an ELF file.
    """
    content = _read(elf)
    (table,) = struct.unpack_from("<I", content, 28)
    size, count = struct.unpack_from("<HH", content, 42)
    for index in range(count):
        kind, offset, _, address, bytes_ = struct.unpack_from("<5I", content, table + index * size)
        if kind == LOADED and bytes_:
            yield address, content[offset : offset + bytes_]


def _read(elf: Path) -> bytes:
    content = elf.read_bytes()
    if not content.startswith(ELF_START):
        raise ValueError(f"{elf}: not a 32-bit little-endian ELF file")
    return content


def _sections(content: bytes) -> list[_Section]:
    (table,) = struct.unpack_from("<I", content, 32)
    size, count, names_index = struct.unpack_from("<HHH", content, 46)
    rows = [struct.unpack_from("<7I", content, table + index * size) for index in range(count)]
    names = rows[names_index][4]
    return [
        _Section(_word(content, names + name), kind, flags, offset, bytes_, link)
        for name, kind, flags, _, offset, bytes_, link in rows
    ]


def _word(content: bytes, start: int) -> str:
    return content[start : content.index(0, start)].decode()
