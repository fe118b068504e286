"""The workplace that the cases spoil, and what holds for every one of them."""

from __future__ import annotations

import re
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from baseline.run import Run
from submission.package import package
from submission.team import load_team
from tests.bad_input.cases import FAILED_CHECK, TRAIN, Case, call
from tests.bad_input.spoil import wav
from tests.conftest import write_tiny_dataset
from tests.synthetic_runs import write_evaluation_list, write_runs, write_team
from tests.toy_models import write_toy

NAMES = [f"{number}.wav" for number in range(3)]
NOISE = re.compile(r"^INFO: Created TensorFlow Lite .*\n", re.M)
"""What stands on standard error beside our sentence: LiteRT's greeting."""


@pytest.fixture(scope="session")
def sound_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, its store, a trained run, recordings, five packaged runs and their package."""
    place = tmp_path_factory.mktemp("sound")
    write_tiny_dataset(place / "data")
    assert call(f"{TRAIN} --out {place}/run".replace("data data", f"data {place}/data")) == 0
    for system in ("onnx-fp32", "tflite-int8"):
        write_toy(Run(place / "run").model_file(system))
    for suffix in (".onnx", ".tflite"):
        write_toy(place / f"toy{suffix}")
    (place / "audio").mkdir()
    for name in NAMES:
        wav(f"audio/{name}")(place)
    names = write_evaluation_list(place / "list.csv", NAMES)
    runs = write_runs(place / "runs", NAMES)
    package(
        runs, load_team(write_team(place / "team.yaml")), place / "task1.zip", evaluation_list=names
    )
    return place


@pytest.fixture
def place(sound_place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to spoil, as the current folder."""
    copy = tmp_path / "place"
    shutil.copytree(sound_place, copy)
    monkeypatch.chdir(copy)
    return copy


@pytest.fixture
def run_case(place: Path, capfd: pytest.CaptureFixture[str]) -> Callable[[Case], None]:
    """A function that runs a case and asserts what must be said and what must not be left."""

    def run(case: Case) -> None:
        case.spoil(place)
        before = content(place)
        capfd.readouterr()
        with nullcontext() if case.file_limit is None else limited_files(case.file_limit):
            code = call(case.command)
        said = capfd.readouterr()
        error = NOISE.sub("", said.err)
        assert "Traceback" not in error
        assert code == case.code, error or said.out
        if code == FAILED_CHECK:
            assert error == ""
        else:
            require_sentence(error)
        for word in case.words:
            assert word in (error or said.out)
        assert changes(before, content(place), case.leaves) == []

    return run


def require_sentence(text: str) -> None:
    """One line; a package's faults may follow, a line each with its code."""
    assert text.startswith("tinyscene: ")
    first, *rest = text.splitlines()
    assert first[-1] in ".?" or re.search(r": (tinyscene|pip install) \S[^:;]*$", first), first
    assert not first.endswith("?.")
    assert all(re.match(r"S\d{3} (fault|warning): |not valid: ", line) for line in rest), rest
    assert len(first) < 500


def content(place: Path) -> dict[str, bytes | None]:
    """All files and folders with what is in them."""
    return {
        str(path.relative_to(place)): None if path.is_dir() else path.read_bytes()
        for path in place.rglob("*")
        if "__pycache__" not in path.parts
    }


def changes(
    before: dict[str, bytes | None], after: dict[str, bytes | None], allowed: tuple[str, ...]
) -> list[str]:
    """Names of what was made, changed or removed, without what is allowed."""
    names = {
        name for name in before.keys() | after.keys() if before.get(name, 0) != after.get(name, 0)
    }
    return sorted(name for name in names if not name.startswith(allowed or ("\0",)))


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Writing beyond so many bytes of a file fails with an OSError, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
