"""Where `tinyscene mcu` writes: nothing of the user's goes away, nothing half-written stays."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mcu_model import write_model

import tinyscene
from deploy.errors import InputError
from deploy.folders import WHOLE, replacing_folder
from deploy.mcu.project import open_project, write_project
from tests.bad_input.conftest import content, limited_files


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def written(model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "firmware"
    write_project(model, folder, target="cortex-m4", rounding="exact")
    return folder


@pytest.fixture
def firmware(written, tmp_path) -> Path:
    """A copy of the project of one's own."""
    return Path(shutil.copytree(written, tmp_path / "firmware"))


def refused(capsys, model: Path, out: Path | str, watched: Path) -> str:
    """The one sentence of a refused `mcu`, which changes nothing in a folder."""
    before = content(watched)
    capsys.readouterr()
    assert tinyscene.main(["mcu", str(model), "--out", str(out)]) == 2
    (sentence,) = capsys.readouterr().err.strip().splitlines()
    assert content(watched) == before
    return sentence


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", "{", '{"name": "my web project"}', '{"target": "generic", "rounding": "exact"}'],
)
def test_a_project_of_another_kind_is_kept(model, tmp_path, capsys, text):
    other = tmp_path / "other"
    other.mkdir()
    (other / "project.json").write_text(text)
    (other / "thesis.tex").write_text("years of work")
    assert "holds other files, such as 'project.json'" in refused(capsys, model, other, tmp_path)


@pytest.mark.parametrize("name", ["my_board.c", "port/my_board/board.h", ".git/HEAD", "notes/"])
def test_files_added_to_a_project_are_kept(model, firmware, capsys, name):
    path = firmware / name
    path.parent.mkdir(exist_ok=True)
    path.mkdir() if name.endswith("/") else path.write_text("mine")
    sentence = refused(capsys, model, firmware, firmware.parent)
    assert f"holds '{Path(name).parts[0]}" in sentence
    assert "which TinyScene did not write; move it away" in sentence


@pytest.mark.parametrize(
    ("here", "out"), [(".", "."), (".", "../firmware"), ("golden", ".."), (".", "..")]
)
def test_the_current_folder_is_not_replaced(model, firmware, capsys, monkeypatch, here, out):
    monkeypatch.chdir(firmware / here)
    assert "you are in this folder" in refused(capsys, model, out, firmware.parent)


def test_a_relative_folder_beside_the_current_one(model, firmware, monkeypatch):
    here = firmware.parent / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    write_project(model, Path("../firmware"), target="generic", rounding="exact")
    assert open_project(firmware).target == "generic"
    write_project(model, Path("../new/firmware"), target="generic", rounding="exact")
    assert sorted(path.name for path in firmware.parent.iterdir()) == ["firmware", "here", "new"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_followed(model, firmware, exists):
    if not exists:
        shutil.rmtree(firmware)
    link = firmware.with_name("link")
    link.symlink_to("firmware")
    write_project(model, link, target="generic", rounding="exact")
    assert link.is_symlink()
    assert open_project(firmware).target == "generic"


def test_a_mount_point_is_refused(model, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path)
    sentence = refused(capsys, model, tmp_path, tmp_path)
    assert "is a mount point" in sentence
    assert "name a folder inside it" in sentence


@pytest.mark.parametrize("limit", [0, 100, 10_000])
def test_a_full_disk_is_said_in_one_sentence(firmware, limit):
    before = content(firmware.parent)
    with pytest.raises(InputError) as caught, limited_files(limit), replacing_folder(firmware) as f:
        (f / "big").write_bytes(bytes(20_000))
    assert str(caught.value).startswith(f"{firmware}: cannot be written (")
    assert str(caught.value).endswith("free some space or choose another place.")
    assert content(firmware.parent) == before


def test_a_disk_that_fills_up_leaves_the_earlier_project(model, firmware, capsys):
    with limited_files(40_000):  # less than golden/waves.bin
        sentence = refused(capsys, model, firmware, firmware.parent)
    assert sentence == (
        f"tinyscene: {firmware}: cannot be written (File too large); "
        "free some space or choose another place."
    )


KILLED = """
import os, signal, sys
from pathlib import Path
from deploy.folders import replacing_folder
with replacing_folder(Path(sys.argv[1])) as whole:
    (whole / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_command_left_is_removed_by_the_next(firmware):
    command = [sys.executable, "-c", KILLED, str(firmware)]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    (left,) = firmware.parent.glob(".firmware.tinyscene-*")
    assert (left / WHOLE / "half").is_file()
    with replacing_folder(firmware) as whole:
        (whole / "new").write_text("new")
    assert [path.name for path in firmware.parent.iterdir()] == ["firmware"]
    assert [path.name for path in firmware.iterdir()] == ["new"]


def test_what_a_running_command_writes_is_left_alone(firmware):
    running = firmware.with_name(".firmware.tinyscene-running")
    (running / WHOLE).mkdir(parents=True)
    handle = os.open(running, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with replacing_folder(firmware):
        pass
    assert running.is_dir()
    os.close(handle)
    with replacing_folder(firmware):
        pass
    assert not running.exists()


def test_folders_of_a_like_name_are_left_alone(firmware):
    mine = firmware.with_name(".firmware.tinyscene-mine")
    mine.mkdir()
    (mine / "notes").write_text("mine")
    with replacing_folder(firmware):
        pass
    assert (mine / "notes").read_text() == "mine"


def test_the_earlier_folder_comes_back_if_the_new_one_cannot_take_its_place(firmware, monkeypatch):
    replace, before = os.replace, content(firmware.parent)

    def fail(source, target) -> None:
        if Path(source).name == WHOLE:
            raise OSError(16, "Device or resource busy")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match="busy"), replacing_folder(firmware) as whole:
        (whole / "new").write_text("new")
    assert content(firmware.parent) == before


@pytest.mark.parametrize("label", ["\ud800", "\x1b[2J", ""])
def test_a_label_that_is_no_text_is_refused(tmp_path, capsys, label):
    model = write_model(tmp_path)
    path = tmp_path / "small.tflite.json"
    info = json.loads(path.read_text())
    info["labels"][1] = label
    path.write_text(json.dumps(info))
    assert "label 1 is" in refused(capsys, model, tmp_path / "firmware", tmp_path)
