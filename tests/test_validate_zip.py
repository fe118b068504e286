"""The container: a dangerous or damaged zip is refused, and a folder is read as its zip."""

from __future__ import annotations

import copy
import os
import shutil
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from submission.rules.faults import format_faults
from submission.validate import validate
from tests.package_files import CSV, FOLDER, META, Files, add, codes, write_zip

pytest_plugins = ["tests.package_fixtures"]

ZipEdit = Callable[[Path], object]


def append(name: str, content: bytes = b"x", **properties: Any) -> ZipEdit:
    """Append an entry of any name and with unusual properties."""

    def edit(path: Path) -> None:
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = name
        for key, value in properties.items():
            setattr(entry, key, value)
        with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a name twice
            archive.writestr(entry, content)

    return edit


def patch(change: Callable[[bytearray], object]) -> ZipEdit:
    """Change the bytes of the zip."""

    def edit(path: Path) -> None:
        data = bytearray(path.read_bytes())
        change(data)
        path.write_bytes(data)

    return edit


def set_encrypted(data: bytearray) -> None:
    data[data.index(b"PK\x01\x02") + 8] |= 1


def claim_size(data: bytearray) -> None:
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 10**9)


def damage_content(data: bytearray) -> None:
    name, extra = struct.unpack_from("<HH", data, 26)
    data[30 + name + extra + 40] ^= 0xFF


def add_many(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(1_001):
            archive.writestr(f"task1/{number}", b"")


def add_million(path: Path) -> None:
    """A listing of a million entries, each of the least size."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *[0] * 9, 1, *[0] * 6) + b"a"
    write_listing(path, entry * 1_000_000, 1_000_000)


def write_listing(path: Path, listing: bytes, entries: int) -> None:
    """A zip of nothing but its listing, which a long zip's record announces."""
    size, version = len(listing), 45
    counts = (entries, entries, size, 0)
    long_end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, version, version, 0, 0, *counts)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, size, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(listing + long_end + locator + end)


def hide_million(path: Path) -> None:
    """The same with an end that claims a small listing: readers believe the long zip's record."""
    add_million(path)
    data = path.read_bytes()
    path.write_bytes(data[:-10] + struct.pack("<2LH", 47, 0, 0))


def overlap(path: Path) -> None:
    """A second name for the content of the first file, as in a bomb of files that overlap."""
    with zipfile.ZipFile(path, "a") as archive:
        first = archive.infolist()[0]
        second = copy.copy(first)
        second.filename = second.orig_filename = f"{FOLDER}/again.txt"
        archive.filelist.append(second)
        archive.comment = b"changed"  # so that the listing is written anew


def gigabytes(path: Path) -> None:
    """Files of which each is plausible."""
    content = b"".join(b"%07d\n" % number for number in range(1_000_000))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(f"{FOLDER}/big0.txt", content)
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, place + 24, 99_000_000)
    end = data.rindex(b"PK\x05\x06")
    entry, packed = bytes(data[place:end]), struct.unpack_from("<L", data, place + 20)[0]
    entries, start = len(zipfile.ZipFile(path).namelist()), data.index(b"PK\x01\x02")
    more = b""
    for number in range(1, 25):  # each in its own bytes, but for headers that nobody reads
        copied = bytearray(entry.replace(b"big0", b"big%c" % (ord("a") + number)))
        struct.pack_into("<L", copied, 42, number * (packed + 1_000) + 10**8)
        more += copied
    struct.pack_into("<2H2L", data, end + 8, *[entries + 24] * 2, end - start + len(more), start)
    path.write_bytes(data[:end] + more + data[end:])


LINK = {"external_attr": (stat.S_IFLNK | 0o777) << 16, "create_system": 3}
PIPE = {"external_attr": (stat.S_IFIFO | 0o644) << 16, "create_system": 3}
DEFLATED, LZMA = {"compress_type": zipfile.ZIP_DEFLATED}, {"compress_type": zipfile.ZIP_LZMA}

CONTAINER: dict[str, tuple[set[str], ZipEdit]] = {
    "no zip": ({"S001"}, lambda path: path.write_bytes(b"hello")),
    "empty file": ({"S001"}, lambda path: path.write_bytes(b"")),
    "cut zip": ({"S001"}, lambda path: path.write_bytes(path.read_bytes()[:-50])),
    "damaged content": ({"S001"}, patch(damage_content)),
    "absolute name": ({"S002"}, append("/etc/passwd")),
    "parent folder": ({"S002"}, append("task1/../../evil")),
    "backslashes": ({"S002"}, append("task1\\evil.txt")),
    "drive": ({"S002"}, append("C:evil.txt")),
    "escape sequence": ({"S002"}, append("task1/\x1b[2Jevil")),
    "empty part": ({"S002"}, append("task1//evil")),
    "link": ({"S003"}, append(f"{FOLDER}/link", b"/etc/passwd", **LINK)),
    "named pipe": ({"S003"}, append(f"{FOLDER}/pipe", **PIPE)),
    "name twice": ({"S004"}, append(CSV)),
    "name twice but for case": ({"S004"}, append(CSV.upper())),
    "file and folder": ({"S004"}, append(CSV + "/", b"")),
    "bomb": ({"S005"}, append("task1/b", bytes(5 * 10**6), **DEFLATED)),
    "claimed size": ({"S005"}, patch(claim_size)),
    "many entries": ({"S005"}, add_many),
    "a million entries": ({"S005"}, add_million),
    "a million entries, hidden": ({"S005"}, hide_million),
    "gigabytes in all": ({"S005"}, gigabytes),
    "overlapping files": ({"S007"}, overlap),
    "encrypted": ({"S006"}, patch(set_encrypted)),
    "LZMA": ({"S006"}, append(f"{FOLDER}/x", **LZMA)),
}


@pytest.mark.parametrize("name", CONTAINER)
def test_each_dangerous_or_damaged_zip_is_refused(
    name: str, valid_zip: Path, evaluation: Path, tmp_path: Path
) -> None:
    expected, edit = CONTAINER[name]
    path = tmp_path / "task1.zip"
    shutil.copy(valid_zip, path)
    edit(path)
    assert codes(path, evaluation) == expected


def test_a_folder_is_validated_as_its_zip(files: Files, evaluation: Path, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert codes(tmp_path, evaluation) == codes(tmp_path / "task1", evaluation) == set()
    (tmp_path / CSV).unlink()
    assert codes(tmp_path, evaluation) == codes(tmp_path / "task1", evaluation) == {"S108"}
    os.symlink(tmp_path / META, tmp_path / CSV)
    assert codes(tmp_path, evaluation) == codes(tmp_path / "task1", evaluation) == {"S003"}


def test_names_in_a_zip_cannot_disturb_the_terminal(
    files: Files, evaluation: Path, tmp_path: Path
) -> None:
    add("task1/\x1b[2Jevil\n")(files)
    path = write_zip(tmp_path / "task1.zip", files)
    text = format_faults(validate(path, evaluation_list=evaluation))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2


def test_zips_inside_are_told_and_never_opened(
    files: Files, evaluation: Path, tmp_path: Path
) -> None:
    bomb = tmp_path / "bomb.zip"
    add_million(bomb)
    add(f"{FOLDER}/more.zip", bomb.read_bytes()[-1_000:])(files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation) == {"S111"}


def test_a_folder_of_too_many_files_is_not_walked_to_its_end(
    evaluation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("submission.archive.MAX_ENTRIES", 10)
    for number in range(30):
        (tmp_path / f"{number}.txt").touch()
    (fault,) = validate(tmp_path, evaluation_list=evaluation)
    assert fault.code == "S005"
    assert "found 11 files or more, expected at most 10" in fault.message


def test_a_hostile_package_is_told_in_a_sentence_a_fault(
    valid_zip: Path, evaluation: Path, tmp_path: Path
) -> None:
    for _, edit in CONTAINER.values():
        path = tmp_path / "task1.zip"
        shutil.copy(valid_zip, path)
        edit(path)
        for fault in validate(path, evaluation_list=evaluation):
            assert len(str(fault).splitlines()) == 1
            assert fault.message.endswith(".")
