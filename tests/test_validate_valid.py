"""Valid packages of every kind: no fault, and no warning but those that are meant."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from submission.validate import validate
from tests.package_files import META, NAMES, FastLoader
from tests.valid_packages import COUNT, write_valid_package

pytest_plugins = ["tests.package_fixtures"]

MEANT = {"S106", "S112", "S316"}
"""A fourth system, no report, unknown results."""

QUICK = range(4)
"""Seeds of the packages that are validated in every test run."""


@pytest.fixture(scope="session")
def metadata(valid_zip: Path) -> Any:
    """What a valid meta.yaml says."""
    with zipfile.ZipFile(valid_zip) as archive:
        return yaml.load(archive.read(META), FastLoader)


@pytest.mark.parametrize(
    "seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, COUNT))]
)
def test_a_valid_package_has_no_fault(
    seed: int, metadata: dict[str, Any], evaluation: Path, tmp_path: Path
) -> None:
    path = write_valid_package(tmp_path, metadata, NAMES, seed)
    found = validate(path, evaluation_list=evaluation)
    assert [fault for fault in found if fault.code not in MEANT] == []
