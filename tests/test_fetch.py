"""Fetching from a local server: resumed, verified, unpacked safely, refused with one sentence."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baseline import download as download_module
from baseline.clips import Dataset, list_path
from baseline.dataset_check import check_dataset
from baseline.download import PIECE_BYTES, download
from baseline.fetch import LIST_CLIPS, TOP_FOLDER, fetch, plain_text, read_record
from baseline.unpack import unpack
from deploy.errors import InputError
from tests.file_server import Server, start_of

LISTS = {"split5": 2, "split10": 4, "split25": 6, "split50": 8, "split100": 12, "test": 2}
BIG = np.random.default_rng(0).bytes(3_000_000)
DESCRIPTION = "<p>Ten scenes.</p><h2>License</h2><p>For <b>non-commercial</b> use &amp; study.</p>"


def md5(data: bytes) -> str:
    return "md5:" + hashlib.md5(data).hexdigest()


def zipped(members: dict[str, bytes], top: str = TOP_FOLDER) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{top}/{name}" if top else name, content)
    return data.getvalue()


def publish(server: Server, files: dict[str, bytes], **changes: object) -> None:
    """Put files and a record of them onto the server."""
    entries = []
    for name, data in files.items():
        server.files[f"/files/{name}/content"] = data
        links = {"self": f"{server.url}/files/{name}/content"}
        entries.append({"key": name, "size": len(data), "checksum": md5(data), "links": links})
    metadata = {"title": "A tiny TAU", "license": {"id": "other-nc"}, "description": DESCRIPTION}
    record = {"metadata": metadata, "files": entries} | changes
    server.files["/record"] = json.dumps(record).encode()


@pytest.fixture
def published(server: Server, tiny_dataset: Callable[..., Path]) -> Server:
    """The tiny dataset as a record of two audio zips, one of metadata and a readme."""
    folder = tiny_dataset("source")
    audio = {f"audio/{path.name}": path.read_bytes() for path in (folder / "audio").iterdir()}
    halves = dict(list(audio.items())[:8]), dict(list(audio.items())[8:])
    publish(
        server,
        {
            "tau.audio.1.zip": zipped(halves[0]),
            "tau.audio.2.zip": zipped(halves[1]),
            "tau.meta.zip": zipped({"meta.csv": (folder / "meta.csv").read_bytes()}),
            "README.md": b"# Read me",
        },
    )
    for name in LISTS:
        server.files[f"/lists/{name}.csv"] = list_path(folder, name).read_bytes()
    return server


def run(server: Server, folder: Path, *, accept_licence: bool = True) -> Dataset:
    return fetch(
        folder,
        record_url=f"{server.url}/record",
        lists_url=f"{server.url}/lists/",
        list_clips=LISTS,
        accept_licence=accept_licence,
        show_progress=False,
    )


def get_big(server: Server, path: Path, checksum: str | None = None) -> None:
    server.files.setdefault("/big", BIG)
    download(
        f"{server.url}/big",
        path,
        checksum=checksum or md5(BIG),
        size=len(BIG),
        show_progress=False,
    )


def test_whole_dataset(
    published: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = run(published, tmp_path / "tau")
    assert len(dataset.clips) == 16
    assert check_dataset(tmp_path / "tau", show_progress=False) == []
    assert (tmp_path / "tau" / "README.md").read_bytes() == b"# Read me"
    assert {path.suffix for path in (tmp_path / "tau" / "downloads").iterdir()} == {".done"}
    shown = capsys.readouterr().err
    assert "other-nc" in shown
    assert "For non-commercial use & study." in shown
    published.requests.clear()
    run(published, tmp_path / "tau")
    assert published.requests == [("/record", None)]  # nothing is downloaded twice


def test_licence_is_asked_for_before_anything_is_downloaded(
    published: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"has not been accepted; run again with --accept-licence"):
        run(published, tmp_path / "tau", accept_licence=False)
    assert "License" in capsys.readouterr().err
    assert published.requests == [("/record", None)]
    assert not (tmp_path / "tau").exists()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["no\n", "\n", ""])
def test_licence_declined_on_a_terminal(
    answer: str, published: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    with pytest.raises(InputError, match="was not accepted; nothing was downloaded"):
        run(published, tmp_path / "tau", accept_licence=False)


def test_licence_accepted_on_a_terminal(
    published: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    assert len(run(published, tmp_path / "tau", accept_licence=False).clips) == 16


def test_cut_connection_is_continued(server: Server, tmp_path: Path) -> None:
    server.cuts["/big"] = [1_000_000, 500_000]
    get_big(server, tmp_path / "big")
    assert (tmp_path / "big").read_bytes() == BIG
    starts = [start_of(wanted) for _, wanted in server.requests]
    assert len(starts) == 3
    assert starts[0] == 0
    assert 1_000_000 - PIECE_BYTES <= starts[1] <= 1_000_000
    assert 500_000 - PIECE_BYTES <= starts[2] - starts[1] <= 500_000


def test_later_run_continues_the_part(server: Server, tmp_path: Path) -> None:
    server.cuts["/big"] = [2_000_000, 0, 0, 0]
    with pytest.raises(InputError, match=r"cannot be downloaded .* what is downloaded is kept"):
        get_big(server, tmp_path / "big")
    assert not (tmp_path / "big").exists()
    kept = (tmp_path / "big.part").stat().st_size
    assert 2_000_000 - PIECE_BYTES <= kept <= 2_000_000
    server.requests.clear()
    server.cuts.clear()
    get_big(server, tmp_path / "big")
    assert server.requests == [("/big", f"bytes={kept}-")]
    assert (tmp_path / "big").read_bytes() == BIG
    assert not (tmp_path / "big.part").exists()


def test_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.knows_ranges = False
    server.cuts["/big"] = [1_000_000]
    get_big(server, tmp_path / "big")
    assert (tmp_path / "big").read_bytes() == BIG


@pytest.mark.parametrize("left", [b"x" * 10, b"y" * len(BIG)])
def test_foreign_part_is_found_out_by_the_checksum(
    left: bytes, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "big.part").write_bytes(left)
    with pytest.raises(InputError, match="does not have the checksum"):
        get_big(server, tmp_path / "big")
    assert list(tmp_path.iterdir()) == []
    get_big(server, tmp_path / "big")
    assert (tmp_path / "big").read_bytes() == BIG


def test_part_that_is_too_long_is_begun_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "big.part").write_bytes(BIG + b"more")
    get_big(server, tmp_path / "big")
    assert (tmp_path / "big").read_bytes() == BIG


def test_complete_file_is_left_alone_and_a_wrong_one_replaced(
    server: Server, tmp_path: Path
) -> None:
    get_big(server, tmp_path / "big")
    server.requests.clear()
    get_big(server, tmp_path / "big")
    assert server.requests == []
    (tmp_path / "big").write_bytes(b"rotten")
    get_big(server, tmp_path / "big")
    assert (tmp_path / "big").read_bytes() == BIG


def test_wrong_checksum(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"/big: .* does not have the checksum md5:0000"):
        get_big(server, tmp_path / "big", checksum="md5:" + "0" * 32)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [b"", b"more", None])
def test_size_that_differs(change: bytes | None, server: Server, tmp_path: Path) -> None:
    server.files["/big"] = BIG[:-1] if change is None else change and BIG + change
    with pytest.raises(InputError, match=r"/big: found \d+ bytes, expected 3000000"):
        get_big(server, tmp_path / "big")
    assert not (tmp_path / "big").exists()


def test_server_in_trouble_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.statuses["/big"] = [503, 429]
    get_big(server, tmp_path / "big")
    server.statuses["/other"] = [503] * 9
    server.files["/other"] = BIG
    with pytest.raises(InputError, match="the server has trouble, status 503"):
        download(f"{server.url}/other", tmp_path / "o", checksum=md5(BIG), size=len(BIG))


def test_missing_file(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="/none: the server refuses with status 404"):
        download(f"{server.url}/none", tmp_path / "n", checksum=md5(BIG), size=len(BIG))
    assert len(server.requests) == 1


def test_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "RETRY_WAIT_S", 0.0)
    with Server() as closed:
        url = closed.url
    with pytest.raises(InputError, match=f"{url}/record: cannot be downloaded .* connection"):
        fetch(tmp_path / "tau", record_url=f"{url}/record", accept_licence=True)
    with pytest.raises(InputError, match=f"{url}/big: cannot be downloaded"):
        download(f"{url}/big", tmp_path / "big", checksum=md5(BIG), size=len(BIG))


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"metadata": {"title": "t"}, "files": null}',
        json.dumps(
            {
                "metadata": {"title": "t"},
                "files": [{"key": "../x", "size": 1, "checksum": md5(b""), "links": {"self": ""}}],
            }
        ).encode(),
        json.dumps(
            {
                "metadata": {"title": "t"},
                "files": [{"key": "x", "size": 1, "checksum": "none", "links": {"self": ""}}],
            }
        ).encode(),
    ],
)
def test_answer_that_is_no_record(answer: bytes, server: Server) -> None:
    server.files["/record"] = answer
    with pytest.raises(InputError, match="/record: is not a record of Zenodo with files"):
        read_record(f"{server.url}/record")


@pytest.mark.parametrize("text", ["filename\na.wav\n", "filename\na.wav\na.wav\na.wav\na.wav\n"])
def test_list_of_another_length(text: str, published: Server, tmp_path: Path) -> None:
    published.files["/lists/split10.csv"] = text.encode()
    with pytest.raises(InputError, match=r"split10\.csv: found 1 clips, expected 4"):
        run(published, tmp_path / "tau")
    assert not list_path(tmp_path / "tau", "split10").exists()


def test_official_list_sizes() -> None:
    assert LIST_CLIPS == {
        "split5": 6_980,
        "split10": 13_960,
        "split25": 34_900,
        "split50": 69_800,
        "split100": 139_620,
        "test": 29_680,
    }


def test_folder_in_use_is_left_alone(published: Server, tmp_path: Path) -> None:
    (tmp_path / "tau").mkdir()
    (tmp_path / "tau" / "meta.csv").write_text("mine")
    with pytest.raises(InputError, match="found other files, expected an empty folder"):
        run(published, tmp_path / "tau")
    assert (tmp_path / "tau" / "meta.csv").read_text() == "mine"


def test_interrupted_fetch_goes_on(published: Server, tmp_path: Path) -> None:
    published.cuts["/files/tau.audio.2.zip/content"] = [500_000, 0, 0, 0]
    with pytest.raises(InputError, match=r"tau\.audio\.2\.zip/content: cannot be downloaded"):
        run(published, tmp_path / "tau")
    published.requests.clear()
    published.cuts.clear()
    assert len(run(published, tmp_path / "tau").clips) == 16
    wanted = dict(published.requests)
    assert "/files/tau.meta.zip/content" not in wanted
    assert start_of(wanted["/files/tau.audio.2.zip/content"]) >= 500_000 - PIECE_BYTES


def link_to(target: str) -> tuple[zipfile.ZipInfo, bytes]:
    member = zipfile.ZipInfo(f"{TOP_FOLDER}/audio/link")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member, target.encode()


UNSAFE: dict[str, tuple[str | zipfile.ZipInfo, bytes]] = {
    "parent": ("../evil", b""),
    "parent inside": (f"{TOP_FOLDER}/audio/../../../evil", b""),
    "absolute": ("/tmp/evil", b""),
    "drive": ("C:/evil", b""),
    "backslash": ("..\\evil", b""),
    "link": link_to("/etc/passwd"),
}


@pytest.mark.parametrize("case", UNSAFE)
def test_unsafe_zip_writes_nothing(case: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(f"{TOP_FOLDER}/meta.csv", b"fine")
        archive.writestr(*UNSAFE[case])
    folder = tmp_path / "a" / "b" / "tau"
    folder.mkdir(parents=True)
    with pytest.raises(InputError, match=r"evil\.zip: found the unsafe member"):
        unpack(tmp_path / "evil.zip", folder, top=TOP_FOLDER, show_progress=False)
    assert list(folder.iterdir()) == []


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[:-30],
    "empty": lambda data: b"",
    "text": lambda data: b"not a zip",
    "other data": lambda data: data.replace(b"0123456789", b"0123456780", 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_zip(damage: str, tmp_path: Path) -> None:
    data = zipped({"meta.csv": b"0123456789" * 9})
    (tmp_path / "cut.zip").write_bytes(DAMAGES[damage](data))
    with pytest.raises(InputError, match=r"cut\.zip: cannot be unpacked"):
        unpack(tmp_path / "cut.zip", tmp_path / "tau", top=TOP_FOLDER, show_progress=False)
    assert not (tmp_path / "tau" / "meta.csv").exists()


@given(st.lists(st.text("ab./\\:\x01é", min_size=1, max_size=12), max_size=4))
@settings(max_examples=150, deadline=None)
def test_no_name_leads_out_of_the_folder(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as base:
        archive, inner = Path(base) / "any.zip", Path(base) / "outer" / "inner"
        inner.mkdir(parents=True)
        with zipfile.ZipFile(archive, "w") as opened:
            for name in dict.fromkeys(names):
                opened.writestr(name, b"x")
        with suppress(InputError):
            unpack(archive, inner, top="a", show_progress=False)
        assert sorted(Path(base).iterdir()) == [archive, inner.parent]
        assert list(inner.parent.iterdir()) == [inner]


def test_plain_text() -> None:
    html = "<h1>A &lt;B&gt;</h1><ul><li>one<li>two</ul>three<br/>four &nbsp; five"
    assert plain_text(html).splitlines() == ["A <B>", "one", "two", "three", "four five"]


@given(st.text(max_size=80))
def test_plain_text_of_anything(html: str) -> None:
    plain_text(html)
