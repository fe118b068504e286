"""What an emulated program may ask of this computer: files of one folder, and an end."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO

OPEN, CLOSE, WRITE, READ, EXIT_EXTENDED = 0x01, 0x02, 0x05, 0x06, 0x20
ARGUMENTS = {OPEN: 3, CLOSE: 1, WRITE: 3, READ: 3, EXIT_EXTENDED: 2}
MODES = {1: "rb", 5: "wb"}
FAILED = -1

# Exit codes of port/port.h.
NO_FILE, SHORT_FILE, FAULT, STACK_OVERFLOW, INTERRUPT = 64, 65, 70, 71, 72


class Semihosting:
    """The computer's side of the calls of port/cortex_m/semihosting.c.

    Args:
        folder: the only folder whose files can be opened.
        read: address and number of bytes to those bytes of the program's memory.
        write: puts bytes at an address of the program's memory.

    Attributes:
        exit_code: what the program ended with; None as long as it has not.
    """

    def __init__(
        self, folder: Path, read: Callable[[int, int], bytes], write: Callable[[int, bytes], None]
    ) -> None:
        self.exit_code: int | None = None
        self._folder = folder.resolve()
        self._read = read
        self._write = write
        self._files: dict[int, IO[bytes]] = {}

    def call(self, operation: int, arguments: int) -> int:
        """Answer one call.

        Args:
            operation: the call's number; an unknown one fails.
            arguments: address of its arguments.

        Returns:
            The result of the call, -1 for one that failed.
        """
        if operation not in ARGUMENTS:
            return FAILED
        count = ARGUMENTS[operation]
        words = struct.unpack(f"<{count}I", self._read(arguments, 4 * count))
        if operation == EXIT_EXTENDED:
            self.exit_code = words[1]
            return 0
        if operation == OPEN:
            return self._open(self._read(words[0], words[2]).decode(errors="replace"), words[1])
        file = self._files.get(words[0])
        if file is None:
            return FAILED
        if operation == READ:
            content = file.read(words[2])
            self._write(words[1], content)
            return words[2] - len(content)
        if operation == WRITE:
            return words[2] - file.write(self._read(words[1], words[2]))
        del self._files[words[0]]
        file.close()
        return 0

    def close(self) -> None:
        """Close what the program left open."""
        for file in self._files.values():
            file.close()

    def _open(self, name: str, mode: int) -> int:
        if mode not in MODES or "\0" in name:
            return FAILED
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder):
            return FAILED
        handle = max(self._files, default=0) + 1
        try:
            self._files[handle] = path.open(MODES[mode])
        except OSError:
            return FAILED
        return handle
