"""A flatbuffer builder that stores equal vectors and equal tables once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import flatbuffers
import numpy as np

DATA_ALIGNMENT = 16
"""Bytes; the schema asks it of the buffers, so that their values can be read in place."""


class CompactBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """Takes what the generated classes' `Pack` writes.

    A flatbuffer refers to its parts by offset, so two places may refer to one part. Vectors of
    offsets are not shared: these count from where they stand, so equal bytes are not equal content.
    """

    def __init__(self) -> None:
        super().__init__(1 << 16)
        self._places: dict[Hashable, int] = {}
        self._fields: list[tuple[int, int, Any, Any]] = []

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802
        """Write a vector of numbers, or find the equal one."""
        key = (x.dtype.str, x.tobytes())
        if key not in self._places:
            self._places[key] = super().CreateNumpyVector(x)
        return self._places[key]

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802, N803
        """Begin a vector; one of bytes is aligned as a buffer's data."""
        wide = DATA_ALIGNMENT if elemSize == 1 else alignment
        offset: int = super().StartVector(elemSize, numElems, wide)
        return offset

    # The fields of a table are held back until its end, when they are all known.

    def StartObject(self, numfields: int) -> None:  # noqa: N802
        """Begin a table."""
        self._fields = []
        super().StartObject(numfields)

    def PrependSlot(self, flags: Any, o: int, x: Any, d: Any) -> None:  # noqa: N802
        """Note a number of the table; the default value is not stored."""
        if x != d:
            self._fields.append((flags.bytewidth, o, flags, x))

    def PrependUOffsetTRelativeSlot(self, o: int, x: int, d: int) -> None:  # noqa: N802
        """Note a vector, string or table that the table refers to."""
        if x != d:
            self._fields.append((flatbuffers.number_types.UOffsetTFlags.bytewidth, o, None, x))

    def EndObject(self) -> int:  # noqa: N802
        """Write the table, or find the equal one."""
        key = repr(self._fields)
        if key not in self._places:
            self._write_fields()
            self._places[key] = super().EndObject()
        self.nested = False
        return self._places[key]

    def _write_fields(self) -> None:
        # Widest first, so that no padding is needed between them.
        for _, slot, flags, value in sorted(self._fields, key=lambda field: (-field[0], field[1])):
            if flags is None:
                super().PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                super().PrependSlot(flags, slot, value, None)
