"""The end of a zip file, which says how long its listing is before that is read.

Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

END = struct.Struct("<4s4H2LH")
"""Signature, disks, entries here and in all, bytes and place of the listing, comment's length."""

END_64 = struct.Struct("<4sQ2H2L4Q")
"""Signature, its length, versions, disks, entries, bytes and place of the listing."""

LOCATOR_64 = struct.Struct("<4sLQL")
"""Signature, disk, place of `END_64`, disks; right before `END`."""

LONGEST_COMMENT = 65_535
SIGNATURE, SIGNATURE_64, SIGNATURE_LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"


def listing_bytes(path: Path) -> int:
    """Bytes of the listing (central directory) that a reader of the zip will take in.

    Raises:
        zipfile.BadZipFile: there is no end of a zip file.
        OSError: the file cannot be read.
    """
    longest = END_64.size + LOCATOR_64.size + END.size + LONGEST_COMMENT
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - longest))
        tail = file.read()
    place = tail.rfind(SIGNATURE)
    if place < 0 or place + END.size > len(tail):
        raise zipfile.BadZipFile("there is no end of a zip file")
    listing: int = END.unpack_from(tail, place)[5]
    return max(listing, _listing_64(tail[:place]))


def _listing_64(before: bytes) -> int:
    """The same by the record that long zips have before the end; 0 where there is none."""
    place = len(before) - LOCATOR_64.size - END_64.size
    has_locator = before[-LOCATOR_64.size :].startswith(SIGNATURE_LOCATOR)
    if place < 0 or not has_locator or not before.startswith(SIGNATURE_64, place):
        return 0
    listing: int = END_64.unpack_from(before, place)[8]
    return listing
