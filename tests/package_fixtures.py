"""A valid package and what it is made from, as fixtures."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from baseline.run import Run
from deploy.files import write_json
from submission.package import package
from submission.team import load_team
from tests.package_files import NAMES, Files
from tests.synthetic_runs import write_evaluation_list, write_report, write_runs, write_team


@pytest.fixture(scope="session")
def made_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """A run for each split; not to be changed."""
    return write_runs(tmp_path_factory.mktemp("runs"), NAMES)


@pytest.fixture
def runs(made_runs: list[Run], tmp_path: Path) -> list[Run]:
    """The same runs, to be changed."""
    shutil.copytree(made_runs[0].folder.parent, tmp_path / "runs")
    copies = [Run(tmp_path / "runs" / run.folder.name) for run in made_runs]
    for run in copies:
        write_json(run.record_file, run.record | {"data": str(tmp_path / "runs" / "data")})
    return copies


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The list of the evaluation files."""
    return write_evaluation_list(tmp_path_factory.mktemp("list") / "fold1_test.csv", NAMES)


@pytest.fixture(scope="session")
def valid_zip(
    made_runs: list[Run], evaluation: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A valid package of the runs; not to be changed."""
    folder = tmp_path_factory.mktemp("valid")
    team = load_team(write_team(folder / "team.yaml"))
    out = folder / "task1.zip"
    package(
        made_runs, team, out, evaluation_list=evaluation, report=write_report(folder / "report.pdf")
    )
    return out


@pytest.fixture
def files(valid_zip: Path) -> Files:
    """The files of a valid package, to be changed."""
    with zipfile.ZipFile(valid_zip) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
