"""Random packages: no false alarms when they are valid, no exception when they are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baseline.challenge import SCENES, SPLITS
from submission.predictions import write_predictions
from submission.rules.catalogue import RULES
from submission.rules.faults import format_faults
from submission.validate import validate
from tests.package_files import (
    AUTHOR,
    COMPLEXITY,
    CSV,
    DESCRIPTION,
    DEVELOPMENT,
    META,
    SPLIT_5,
    Files,
    codes,
    edit_bytes,
    meta,
    write_zip,
)
from tests.synthetic_runs import write_evaluation_list

pytest_plugins = ["tests.package_fixtures"]

quick = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

file_names = st.lists(
    st.text(st.sampled_from("abz019-_ äß'"), min_size=1, max_size=8).map(
        lambda stem: stem + ".wav"
    ),
    min_size=2,
    max_size=9,
    unique=True,
)

words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12
)


@quick
@given(
    names=file_names,
    seed=st.integers(0, 2**32 - 1),
    sharpness=st.sampled_from([0.0, 1e-6, 1.0, 30.0]),
    line_end=st.sampled_from([b"\n", b"\r\n"]),
    text=words,
)
def test_random_valid_packages_have_no_fault(
    names: list[str],
    seed: int,
    sharpness: float,
    line_end: bytes,
    text: str,
    files: Files,
    tmp_path: Path,
) -> None:
    generator = np.random.default_rng(seed)
    files = dict(files)
    for split in SPLITS:
        logits = sharpness * generator.normal(size=(len(names), len(SCENES)))
        powers = np.exp(logits - logits.max(1, keepdims=True))
        shuffled = [names[position] for position in generator.permutation(len(names))]
        write_predictions(tmp_path / "x.csv", shuffled, powers / powers.sum(1, keepdims=True))
        content = (tmp_path / "x.csv").read_bytes().replace(b"\n", line_end)
        files[CSV.replace("_25", f"_{split}")] = content
    meta("submission", "name", value=text)(files)
    meta(*AUTHOR, "lastname", value=text)(files)
    evaluation = write_evaluation_list(tmp_path / "list.csv", names)
    found = codes(write_zip(tmp_path / "task1.zip", files), evaluation)
    assert found <= {"S217"}  # without any sharpness two splits may be alike


damages = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4)), min_size=1, max_size=4
)


@quick
@given(where=st.sampled_from(["zip", CSV, META]), damages=damages)
def test_damaged_bytes_are_told_and_never_an_exception(
    where: str, damages: list[tuple[float, bytes]], files: Files, evaluation: Path, tmp_path: Path
) -> None:
    def damage(data: bytes) -> bytes:
        changed = bytearray(data)
        for position, content in damages:
            start = int(position * len(changed))
            changed[start : start + max(1, len(content))] = content
        return bytes(changed)

    path, files = tmp_path / "task1.zip", dict(files)
    if where in files:
        edit_bytes(damage, where)(files)
    write_zip(path, files)
    if where == "zip":
        path.write_bytes(damage(path.read_bytes()))
    format_faults(validate(path, evaluation_list=evaluation))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=5,
)


@quick
@given(
    place=st.sampled_from(
        [("submission",), AUTHOR, COMPLEXITY, DESCRIPTION, DEVELOPMENT, (*SPLIT_5, "class_wise")]
    ),
    value=anything,
)
def test_any_value_for_a_section_is_a_fault_and_never_an_exception(
    place: tuple[str | int, ...], value: Any, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    files = dict(files)
    meta(*place, value=value)(files)
    found = validate(write_zip(tmp_path / "task1.zip", files), evaluation_list=evaluation)
    assert found
    assert all(fault.code in RULES and fault.line for fault in found)
