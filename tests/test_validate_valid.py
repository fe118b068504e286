"""No false alarms, no exceptions on any input, and faults that say where and what."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baseline.challenge import EVALUATION_CLIPS, MAX_MACS, MAX_MODEL_BYTES, SCENES, SPLITS
from baseline.run import Run
from deploy.errors import InputError
from submission.faults import RULES, format_faults
from submission.package import package
from submission.predictions import COLUMNS, evaluation_names, write_predictions
from submission.team import load_team
from submission.validate import validate
from tests.package_files import (
    AUTHOR,
    COAUTHOR,
    COMPLEXITY,
    CSV,
    DESCRIPTION,
    DEVELOPMENT,
    FOLDER,
    META,
    PDF,
    SPLIT_5,
    Edit,
    Files,
    add,
    both,
    cell,
    codes,
    decision,
    edit_bytes,
    edit_cells,
    edit_lines,
    edit_text,
    meta,
    no_meta,
    relabel,
    remove,
    rename,
    systems,
    write_zip,
)
from tests.synthetic_runs import (
    MACS,
    PARAMETERS,
    write_evaluation_list,
    write_report,
    write_runs,
    write_team,
)

pytest_plugins = ["tests.package_fixtures"]

quick = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# --- what is allowed -----------------------------------------------------------------------------


def aliased(data: bytes) -> bytes:
    """Both authors with one affiliation, as PyYAML writes it."""
    values = yaml.safe_load(data)
    first, second = values["submission"]["authors"]
    second["affiliation"] = first["affiliation"]
    return yaml.safe_dump(values).encode()


HARMLESS: dict[str, Edit] = {
    "nothing changed": both(),
    "CRLF": edit_bytes(lambda data: data.replace(b"\n", b"\r\n")),
    "no last line end": edit_bytes(lambda data: data.rstrip(b"\n")),
    "empty lines at the end": edit_bytes(lambda data: data + b"\n\n"),
    "other row order": edit_lines(lambda lines: [lines[0], *lines[:0:-1]]),
    "a tie": decision("bus", "0.5", "0.5"),
    "certainty": decision("airport", "1"),
    "whole numbers everywhere": edit_lines(
        lambda lines: [lines[0], *(b"%d.wav\tbus\t0\t1%b\n" % (n, b"\t0" * 8) for n in range(12))]
    ),
    "exponents": decision("bus", "1e-5", "9.9999E-1"),
    "sum 1.001": decision("bus", "0.001", "1"),
    "sum 0.999": decision("airport", "0.999"),
    "report at the top": rename(PDF, "report.PDF"),
    "folder entries": both(add("task1/", b""), add(f"{FOLDER}/", b"")),
    "YAML with CRLF": edit_bytes(lambda data: data.replace(b"\n", b"\r\n"), META),
    "YAML with aliases": edit_bytes(aliased, META),
    "YAML with a comment and a mark": edit_bytes(
        lambda data: b"\xef\xbb\xbf# hello\n" + data, META
    ),
    "JSON": edit_bytes(lambda data: json.dumps(yaml.safe_load(data)).encode(), META),
    "!!null": edit_text("null", "!!null", META, count=99),
    "tags in a list": meta(*DESCRIPTION, "data_augmentation", value=["mixup", "freq-mixstyle"]),
    "affiliation of no keys": meta(*AUTHOR, "affiliation", value={}),
    "corresponding left out": no_meta(*COAUTHOR, "corresponding"),
    "external dataset": meta(
        "system",
        "external_datasets",
        value=[{"name": "MicIRP", "url": "http://micirp.blogspot.com", "total_audio_length": 1}],
    ),
    "source code": meta("system", "source_code", value="https://example.org/code"),
    "32 bits": meta(*COMPLEXITY, "total_parameters", value=PARAMETERS // 2),
    "whole number": meta(*SPLIT_5, "device_wise", "a", "accuracy", value=55),
    "at both limits": both(
        meta(*COMPLEXITY, "macs", value=MAX_MACS),
        meta(*COMPLEXITY, "total_parameters", value=MAX_MODEL_BYTES),
        meta(*COMPLEXITY, "total_model_size", value=MAX_MODEL_BYTES),
    ),
    "ten characters": meta("submission", "abbreviation", value="tinytinyti"),
    "hyphen in the label": relabel("Van-Doe_TINY2_task1_3"),
    "three systems": systems(3),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_allowed_is_no_fault(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    HARMLESS[name](files)
    path = write_zip(tmp_path / "task1.zip", files)
    assert validate(path, evaluation_list=evaluation) == []


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


def test_a_folder_is_validated_as_its_zip(files: Files, evaluation: Path, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert codes(tmp_path, evaluation) == codes(tmp_path / "task1", evaluation) == set()
    (tmp_path / CSV).unlink()
    assert codes(tmp_path, evaluation) == codes(tmp_path / "task1", evaluation) == {"S108"}
    os.symlink(tmp_path / META, tmp_path / CSV)
    assert codes(tmp_path, evaluation) == codes(tmp_path / "task1", evaluation) == {"S003"}


def test_a_package_agrees_with_the_runs_that_it_was_made_from(
    valid_zip: Path, files: Files, evaluation: Path, made_runs: list[Run], tmp_path: Path
) -> None:
    assert codes(valid_zip, evaluation, made_runs) == set()
    assert codes(valid_zip, evaluation, made_runs[1:3]) == set()
    assert codes(valid_zip, evaluation, [*made_runs, made_runs[0]]) == {"S402"}
    systems(2)(files)  # of which only the second is theirs
    meta(*COMPLEXITY, "macs", value=MACS - 1)(files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation, made_runs) == set()


# --- no input makes it fail ----------------------------------------------------------------------

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


# --- places, sentences and groups ----------------------------------------------------------------

SENTENCES: dict[str, tuple[Edit, str, str]] = {
    "cell": (
        cell("bus", "high"),
        "3.wav",
        "found 'high' for bus, expected a number such as 0.25.",
    ),
    "scene": (
        cell("scene_label", "metro_stat"),
        "3.wav",
        "found the unknown scene 'metro_stat'; did you mean 'metro_station', expected one of",
    ),
    "two rows": (
        both(edit_cells(lambda c: c.pop(), line=3), edit_cells(lambda c: c.pop(), line=9)),
        "1.wav",
        "found 11 fields, expected 12 (as on line 9).",
    ),
    "limit": (
        meta(*COMPLEXITY, "macs", value=30_000_001),
        "macs: 30000001",
        "found 30,000,001 MACs, expected at most 30,000,000.",
    ),
    "range": (
        meta(*SPLIT_5, "device_wise", "a", "accuracy", value=101),
        "accuracy: 101",
        "key 'results.development_dataset.split_5.device_wise.a.accuracy': found 101, "
        "expected at most 100.",
    ),
    "type": (
        meta("submission", "name", value=12),
        "name: 12",
        "key 'submission.name': found 12, expected text.",
    ),
    "e-mail": (
        meta(*AUTHOR, "email", value="nobody"),
        "email: nobody",
        "key 'submission.authors.0.email': found 'nobody', expected an e-mail address.",
    ),
    "unknown key": (
        meta(*COMPLEXITY, "mac", value=1),
        "mac: 1",
        "unknown key 'system.complexity.mac'; did you mean 'macs'?",
    ),
    "unknown scene": (
        meta(*SPLIT_5, "class_wise", "trams", value={"accuracy": 1, "logloss": 1}),
        "trams:",
        "key 'results.development_dataset.split_5.class_wise.trams': is unknown; "
        "did you mean 'tram'?",
    ),
    "missing key": (
        no_meta(*COMPLEXITY, "macs"),
        "complexity:",
        "key 'system.complexity.macs' is missing.",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_fault_says_where_what_was_found_and_what_was_expected(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    edit, line, message = SENTENCES[name]
    edit(files)
    found = validate(write_zip(tmp_path / "task1.zip", files), evaluation_list=evaluation)
    fault = next(fault for fault in found if message in fault.message)
    assert fault.line is not None
    assert files[fault.file].decode().splitlines()[fault.line - 1].strip().startswith(line)


def test_thousands_of_bad_rows_are_one_fault_with_a_count(files: Files, tmp_path: Path) -> None:
    names = [f"{number}.wav" for number in range(5_000)]
    rows = [f"{name}\tbus\t" + "\t".join(["0.2"] * 10) for name in names]
    files[CSV] = "\n".join(["\t".join(COLUMNS), *rows]).encode()
    evaluation = write_evaluation_list(tmp_path / "list.csv", names)
    found = validate(write_zip(tmp_path / "task1.zip", files), evaluation_list=evaluation)
    (fault,) = [fault for fault in found if fault.code == "S215"]
    assert fault.line == 2
    assert "sum to 2, expected a sum of 1 within 0.001" in fault.message
    assert "(as on 4,999 more lines: 3, 4, 5 and 4,996 more)" in fault.message


def test_faults_are_told_a_line_each(files: Files, evaluation: Path, tmp_path: Path) -> None:
    both(cell("bus", "high"), remove(PDF))(files)
    path = write_zip(tmp_path / "task1.zip", files)
    text = format_faults(validate(path, evaluation_list=evaluation))
    assert text.splitlines() == [
        "S112 warning: task1: found no .pdf file, expected a technical report.",
        f"S212 fault: {CSV}:5: found 'high' for bus, expected a number such as 0.25.",
        "not valid: 1 fault, 1 warning",
    ]
    assert format_faults([]) == "valid: 0 faults, 0 warnings"


def test_names_in_a_zip_cannot_disturb_the_terminal(
    files: Files, evaluation: Path, tmp_path: Path
) -> None:
    add("task1/\x1b[2Jevil\n")(files)
    path = write_zip(tmp_path / "task1.zip", files)
    text = format_faults(validate(path, evaluation_list=evaluation))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2


def test_nothing_to_validate_is_bad_input(valid_zip: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such package"):
        validate(tmp_path / "none.zip")
    with pytest.raises(InputError, match="there is no such evaluation list"):
        validate(valid_zip, evaluation_list=tmp_path / "none.csv")


def test_without_a_list_the_official_evaluation_set_is_expected(valid_zip: Path) -> None:
    found = validate(valid_zip)
    assert {fault.code for fault in found} == {"S206", "S210"}
    assert f"found 12 rows, expected {EVALUATION_CLIPS:,}" in found[0].message


@pytest.mark.slow
def test_a_full_size_package_is_valid(tmp_path: Path) -> None:
    runs = write_runs(tmp_path / "runs", evaluation_names(None))
    out = tmp_path / "task1.zip"
    team = load_team(write_team(tmp_path / "team.yaml"))
    package(runs, team, out, report=write_report(tmp_path / "report.pdf"))
    assert validate(out, runs=runs) == []
