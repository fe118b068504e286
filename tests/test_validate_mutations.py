"""A package with one fault: exactly the rules that it breaks are told."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from submission.rules.catalogue import RULES
from submission.rules.csv_files import check_csv
from submission.rules.metadata import check_metadata
from tests.package_files import CSV, META, NAMES, Files, codes, write_zip
from tests.package_mutations import CSVS, LAYOUT, METADATA, MUTATIONS
from tests.synthetic_runs import LABEL

pytest_plugins = ["tests.package_fixtures"]


@pytest.mark.parametrize("name", CSVS)
def test_each_fault_of_a_csv_is_found_and_no_other(name: str, files: Files) -> None:
    expected, edit = CSVS[name]
    edit(files)
    faults = check_csv(files[CSV], pd.Index(NAMES), CSV)
    assert {fault.code for fault in faults} == expected


@pytest.mark.parametrize("name", METADATA)
def test_each_fault_of_metadata_is_found_and_no_other(name: str, files: Files) -> None:
    expected, edit = METADATA[name]
    edit(files)
    faults, _ = check_metadata(files[META], LABEL, META)
    assert {fault.code for fault in faults} == expected


@pytest.mark.parametrize("name", LAYOUT)
def test_each_fault_of_layout_or_label_is_found_and_no_other(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    expected, edit = LAYOUT[name]
    edit(files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation) == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTATIONS)
def test_each_fault_of_a_whole_package_is_found_and_no_other(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    expected, edit = MUTATIONS[name]
    edit(files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation) == expected


def test_more_than_sixty_faults_have_a_code_to_themselves() -> None:
    alone = [next(iter(expected)) for expected, _ in MUTATIONS.values() if len(expected) == 1]
    assert sum(RULES[code].severity == "fault" for code in alone) >= 60
