"""Unpacking a zip that somebody else made."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from baseline.progress import progress_bar
from deploy.errors import InputError
from deploy.files import make_folder


def unpack(archive: Path, folder: Path, *, top: str, show_progress: bool = True) -> None:
    """Unpack a zip into a folder; files of the same name are replaced, one at a time and whole.

    Args:
        archive: the zip.
        folder: where to.
        top: first folder of the zip's names, left out where it is there.
        show_progress: on standard error.

    Raises:
        InputError: not a readable zip, too large for the disk, or a member is a link or would lie
            outside the folder; nothing was written unless the zip's data are damaged.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [
                (member, folder / _safe_name(archive, member, top))
                for member in opened.infolist()
                if not member.is_dir()
            ]
            make_folder(folder)
            _require_space(archive, folder, sum(member.file_size for member, _ in members))
            title = f"unpack {archive.name}"
            with progress_bar(len(members), title, "file", show=show_progress) as progress:
                for member, target in members:
                    _extract(opened, member, target)
                    progress.update()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            f"{archive}: cannot be unpacked ({error}); remove it and download it again."
        ) from error
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror or error}); free some space and run "
            "again."
        ) from error


def _safe_name(archive: Path, member: zipfile.ZipInfo, top: str) -> PurePosixPath:
    name = PurePosixPath(member.filename)
    # zipfile has already cut names at NUL and, on Windows, turned backslashes into slashes.
    outside = name.is_absolute() or ".." in name.parts or "\\" in member.filename
    kind = stat.S_IFMT(member.external_attr >> 16)
    if outside or not name.parts or ":" in name.parts[0] or kind not in (0, stat.S_IFREG):
        raise InputError(
            f"{archive}: found the unsafe member '{member.filename}', expected plain files under "
            "one folder; do not use this archive."
        )
    return name.relative_to(top) if name.parts[0] == top and len(name.parts) > 1 else name


def _require_space(archive: Path, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{folder}: found {free / 1e6:,.0f} MB of free space, expected {needed / 1e6:,.0f} MB "
            f"to unpack {archive.name}; free some space and run again."
        )


def _extract(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with opened.open(member) as source, open(part, "wb") as file:
        shutil.copyfileobj(source, file)
    os.replace(part, target)
