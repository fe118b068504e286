"""The container: a dangerous or damaged zip is refused, and a folder is read as its zip."""

from __future__ import annotations

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

from submission.faults import format_faults
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
