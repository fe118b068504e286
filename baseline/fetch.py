"""Getting the public dataset: the record's files from Zenodo, the challenge's lists from GitHub."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from baseline.challenge import SPLIT_CLIPS, TEST_CLIPS
from baseline.clips import Dataset, list_path, read_dataset, read_list
from baseline.download import download, get
from baseline.unpack import unpack
from deploy.errors import InputError
from deploy.files import make_folder, write_text

RECORD_URL = "https://zenodo.org/api/records/6337421"
"""TAU Urban Acoustic Scenes 2022 Mobile, development dataset."""

LISTS_URL = "https://github.com/CPJKU/dcase2024_task1_baseline/releases/download/files/"
"""Where the challenge's organisers keep `split5.csv` to `split100.csv` and `test.csv`."""

LIST_CLIPS = {f"split{split}": clips for split, clips in SPLIT_CLIPS.items()} | {"test": TEST_CLIPS}
"""List name to its number of clips; no checksums are published for the lists."""

TOP_FOLDER = "TAU-urban-acoustic-scenes-2022-mobile-development"
"""Folder that all names in the record's zips begin with."""

DOWNLOADS = "downloads"
"""Folder of what is on its way, with a note for each file that has arrived."""


@dataclass(frozen=True)
class RemoteFile:
    """One file of a record."""

    name: str
    url: str
    size: int
    """Bytes."""
    checksum: str
    """As in `md5:0123...`."""


@dataclass(frozen=True)
class Record:
    """What a Zenodo record says of itself."""

    title: str
    licence: str
    """The licence's short name, and the part of the description that speaks of it."""
    files: tuple[RemoteFile, ...]


def fetch(
    folder: Path,
    *,
    record_url: str = RECORD_URL,
    lists_url: str = LISTS_URL,
    list_clips: Mapping[str, int] = LIST_CLIPS,
    accept_licence: bool = False,
    show_progress: bool = True,
) -> Dataset:
    """Download the dataset and the challenge's lists into a folder, in TAU's layout.

    What has arrived stays: run again, it goes on where it stopped. Each zip is removed once it is
    unpacked.

    Args:
        folder: new, empty, or left by an earlier run.
        record_url: of the record in Zenodo's API.
        lists_url: folder of the lists.
        list_clips: list name to the number of clips it must have.
        accept_licence: do not ask; the licence is shown all the same.
        show_progress: on standard error.

    Raises:
        InputError: offline, licence not accepted, folder in use for something else, disk full, a
            checksum or a number of clips that differs, an unsafe zip.
    """
    _refuse_foreign(folder)
    record = read_record(record_url)
    _agree(record, accept_licence)
    make_folder(folder / DOWNLOADS)
    for name, clips in list_clips.items():
        _fetch_list(folder, name, lists_url, clips)
    for file in sorted(record.files, key=lambda file: file.size):
        _fetch_file(folder, file, show_progress)
    for path in (folder / DOWNLOADS).iterdir():
        if path.suffix != ".done":  # parts of killed runs
            path.unlink()
    return read_dataset(folder)


def read_record(url: str) -> Record:
    """Ask Zenodo's API for a record.

    Raises:
        InputError: offline, or the answer is not a record with files.
    """
    response = get(url)
    try:
        answer = response.json()
        metadata = answer["metadata"]
        files = tuple(map(_remote_file, answer["files"]))
        return Record(metadata["title"], _licence(metadata), files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{url}: is not a record of Zenodo with files ({error!r}); check the address."
        ) from error


def _remote_file(entry: dict[str, Any]) -> RemoteFile:
    name, checksum = entry["key"], entry["checksum"]
    if Path(name).name != name or name == "..":
        raise ValueError(f"unsafe file name {name!r}")
    if not re.fullmatch(r"md5:[0-9a-f]{32}", checksum):
        raise ValueError(f"{name}: checksum {checksum!r}, expected md5")
    return RemoteFile(name, entry["links"]["self"], int(entry["size"]), checksum)


def _licence(metadata: dict[str, Any]) -> str:
    text = plain_text(metadata.get("description", ""))
    headings = [match.start() for match in re.finditer(r"^\W*licen[cs]e\b", text, re.I | re.M)]
    section = text[headings[-1] :] if headings else text
    name = (metadata.get("license") or {}).get("id", "not named")
    return f"{name}\n\n{section}"


def plain_text(html: str) -> str:
    """The text of a piece of HTML, a line for each paragraph, item or heading."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.pieces).splitlines())
    return "\n".join(line for line in lines if line)


BLOCKS = {"p", "br", "li", "ul", "ol", "div", "tr", "pre", "h1", "h2", "h3", "h4", "h5", "h6"}


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.handle_starttag(tag, [])

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def _agree(record: Record, accepted: bool) -> None:
    gigabytes = sum(file.size for file in record.files) / 1e9
    print(
        f"{record.title}: {len(record.files)} files, {gigabytes:.1f} GB\n"
        f"Licence of audio and metadata, for non-commercial use only: {record.licence}\n",
        file=sys.stderr,
    )
    if accepted:
        return
    if not sys.stdin.isatty():
        raise InputError(
            "the dataset's licence, shown above, has not been accepted; run again with "
            "--accept-licence if you accept it."
        )
    print("Do you accept this licence? (yes/no) ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("yes", "y"):
        raise InputError("the dataset's licence was not accepted; nothing was downloaded.")


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, expected a folder; choose another place.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / DOWNLOADS).is_dir():
        raise InputError(
            f"{folder}: found other files, expected an empty folder or one that an earlier fetch "
            "began; choose another folder."
        )


def _fetch_list(folder: Path, name: str, lists_url: str, clips: int) -> None:
    target = list_path(folder, name)
    if target.is_file() and len(read_list(target)) == clips:
        return
    url = f"{lists_url.rstrip('/')}/{name}.csv"
    arrived = folder / DOWNLOADS / f"{name}.csv"
    write_text(arrived, get(url).content.decode("utf-8-sig", errors="replace"))
    found = read_list(arrived).nunique()
    if found != clips:
        raise InputError(f"{url}: found {found} clips, expected {clips}; report it to the authors.")
    make_folder(target.parent)
    os.replace(arrived, target)


def _fetch_file(folder: Path, file: RemoteFile, show_progress: bool) -> None:
    downloaded = folder / DOWNLOADS / file.name
    done = folder / DOWNLOADS / f"{file.name}.done"
    if done.is_file() and done.read_text() == file.checksum:
        return
    download(
        file.url,
        downloaded,
        checksum=file.checksum,
        size=file.size,
        show_progress=show_progress,
    )
    if downloaded.suffix == ".zip":
        unpack(downloaded, folder, top=TOP_FOLDER, show_progress=show_progress)
    else:
        os.replace(downloaded, folder / file.name)
    write_text(done, file.checksum)
    downloaded.unlink(missing_ok=True)
