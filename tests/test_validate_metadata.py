"""meta.yaml: every rule is broken alone, many in several ways; what is allowed is no fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from baseline.challenge import MAX_MACS, MAX_MODEL_BYTES
from submission.rules_metadata import check_metadata
from tests.package_files import (
    AUTHOR,
    COAUTHOR,
    COMPLEXITY,
    DESCRIPTION,
    DEVELOPMENT,
    META,
    SPLIT_5,
    Edit,
    Files,
    Mutations,
    both,
    codes,
    edit_bytes,
    edit_meta,
    edit_text,
    label_of,
    meta,
    no_meta,
    write_zip,
)
from tests.synthetic_runs import LABEL, PARAMETERS

pytest_plugins = ["tests.package_fixtures"]

BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (key, key, b", ".join([b"*%c" % (key - 1)] * 9)) for key in b"bcdefghi"
)
"""A text of 400 bytes that stands for 400 million values."""

MERGE_BOMB = b"a: &a {x: 1}\n" + b"".join(
    b"%c: &%c {<<: [%s]}\n" % (key, key, b", ".join([b"*%c" % (key - 1)] * 9))
    for key in b"bcdefghi"
)


def fractions(values: Any) -> None:
    results = values["results"]["development_dataset"]["split_5"]
    groups = [results["class_wise"], results["device_wise"], {"overall": results["overall"]}]
    for row in [row for group in groups for row in group.values()]:
        row["accuracy"] /= 100


def aliased(data: bytes) -> bytes:
    """Both authors with one affiliation, as PyYAML writes it."""
    values = yaml.safe_load(data)
    first, second = values["submission"]["authors"]
    second["affiliation"] = first["affiliation"]
    return yaml.safe_dump(values).encode()


def end(text: bytes) -> Edit:
    return edit_bytes(lambda data: data + text, META)


def start(text: bytes) -> Edit:
    return edit_bytes(lambda data: text + data, META)


def whole(text: bytes) -> Edit:
    return edit_bytes(lambda _: text, META)


METADATA: Mutations = {
    "not YAML": ({"S301"}, start(b"a: [1\n")),
    "TAB in YAML": ({"S301"}, start(b"a:\n\tb: 1\n")),
    "empty YAML": ({"S301"}, whole(b"")),
    "YAML not UTF-8": ({"S301"}, start(b"# \xff\n")),
    "control character": ({"S301"}, start(b"# \x01\n")),
    "two documents": ({"S301"}, end(b"---\na: 1\n")),
    "huge YAML": ({"S301"}, end(b"# x\n" * 60_000)),
    "forced tag": ({"S301"}, edit_text(": tiny", ": !!bool perhaps", META)),
    "impossible date": ({"S301"}, edit_text(": tiny", ": 2024-99-99", META)),
    "Python tag": ({"S302"}, edit_text(": tiny", ": !!python/name:os.system", META)),
    "Python call": ({"S302"}, end(b"x: !!python/object/apply:os.abort []\n")),
    "own tag": ({"S302"}, edit_text(": tiny", ": !mine tiny", META)),
    "alias bomb": ({"S303"}, whole(BOMB)),
    "merge bomb": ({"S303"}, whole(MERGE_BOMB)),
    "endless alias": ({"S303"}, end(b"x: &x [*x]\n")),
    "deep nesting": ({"S303"}, whole(b"x: " + b"[" * 500)),
    "deep but readable": ({"S303"}, end(b"x: " + b"[" * 50 + b"]" * 50 + b"\n")),
    "key twice": ({"S304"}, edit_text(": tiny", ": tiny\n  abbreviation: tiny", META)),
    "author's key twice": ({"S304"}, edit_text(": Jo", ": Jo\n    firstname: Jo", META)),
    "a list": ({"S307"}, whole(b"- 1\n")),
    "a text": ({"S307"}, whole(b"hello\n")),
    "unknown section": ({"S305"}, end(b"extra: 1\n")),
    "number as key": ({"S305"}, end(b"1: 1\n")),
    "unknown key": ({"S305"}, meta(*COMPLEXITY, "memory", value=1)),
    "unknown author's key": ({"S305"}, meta(*AUTHOR, "orcid", value="0000")),
    "unknown scene": (
        {"S305"},
        meta(*SPLIT_5, "class_wise", "beach", value={"accuracy": 1.0, "logloss": 1.0}),
    ),
    "unknown split": ({"S305", "S306"}, meta(*DEVELOPMENT, "split_75", value={})),
    "key misspelt": ({"S305", "S306"}, edit_text("framework", "framwork", META)),
    "scene misspelt": ({"S305", "S306"}, edit_text("tram:", "trams:", META)),
    "no submission": ({"S306"}, no_meta("submission")),
    "no label": ({"S306"}, no_meta("submission", "label")),
    "no abbreviation": ({"S306"}, no_meta("submission", "abbreviation")),
    "no e-mail": ({"S306"}, no_meta(*AUTHOR, "email")),
    "no affiliation": ({"S306"}, no_meta(*AUTHOR, "affiliation")),
    "no tag": ({"S306"}, no_meta(*DESCRIPTION, "pipeline")),
    "no MACs": ({"S306"}, no_meta(*COMPLEXITY, "macs")),
    "no source_code": ({"S306"}, no_meta("system", "source_code")),
    "no external_datasets": ({"S306"}, no_meta("system", "external_datasets")),
    "no split": ({"S306"}, no_meta(*SPLIT_5)),
    "no overall": ({"S306"}, no_meta(*SPLIT_5, "overall")),
    "no scene": ({"S306"}, no_meta(*SPLIT_5, "class_wise", "tram")),
    "no device": ({"S306"}, no_meta(*SPLIT_5, "device_wise", "s6")),
    "no logloss": ({"S306"}, no_meta(*SPLIT_5, "device_wise", "a", "logloss")),
    "MACs unknown": ({"S307"}, meta(*COMPLEXITY, "macs", value=None)),
    "MACs as text": ({"S307"}, meta(*COMPLEXITY, "macs", value="29.4 M")),
    "float": ({"S307"}, meta(*COMPLEXITY, "total_parameters", value=float(PARAMETERS))),
    "name is a number": ({"S307"}, meta("submission", "name", value=1)),
    "tag is a number": ({"S307"}, meta(*DESCRIPTION, "input_sampling_rate", value=32_000)),
    "tags in a mapping": ({"S307"}, meta(*DESCRIPTION, "pipeline", value={"a": "b"})),
    "corresponding as text": ({"S307"}, meta(*COAUTHOR, "corresponding", value="no")),
    "authors no list": ({"S307"}, meta("submission", "authors", value="Doe")),
    "dataset no list": ({"S307"}, meta("system", "external_datasets", value="AudioSet")),
    "accuracy as text": ({"S307"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value="5 %")),
    "accuracy is true": ({"S307"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=True)),
    "scene no mapping": ({"S307"}, meta(*SPLIT_5, "class_wise", "tram", value=55.0)),
    "scenes no mapping": ({"S307"}, meta(*SPLIT_5, "class_wise", value=[])),
    "empty name": ({"S308"}, meta("submission", "name", value="")),
    "no authors": ({"S308"}, meta("submission", "authors", value=[])),
    "e-mail": ({"S308"}, meta(*AUTHOR, "email", value="jo at example.org")),
    "accuracy 101": ({"S308"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=101.0)),
    "accuracy -1": ({"S308"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=-1)),
    "accuracy NaN": ({"S308"}, edit_text("accuracy: ", "accuracy: .nan # ", META)),
    "logloss -1": ({"S308"}, meta(*SPLIT_5, "overall", "logloss", value=-1.0)),
    "logloss infinite": ({"S308"}, edit_text("logloss: ", "logloss: .inf # ", META)),
    "0 parameters": ({"S308", "S314"}, meta(*COMPLEXITY, "total_parameters", value=0)),
    "label of another": ({"S309"}, meta("submission", "label", value=label_of(2))),
    "long abbreviation": ({"S310"}, meta("submission", "abbreviation", value="tinytinytin")),
    "nobody corresponding": ({"S311"}, meta(*AUTHOR, "corresponding", value=False)),
    "two corresponding": ({"S311"}, meta(*COAUTHOR, "corresponding", value=True)),
    "MACs over": ({"S312"}, meta(*COMPLEXITY, "macs", value=MAX_MACS + 1)),
    "size over": (
        {"S313"},
        both(
            meta(*COMPLEXITY, "total_parameters", value=64_001),
            meta(*COMPLEXITY, "total_model_size", value=128_002),
        ),
    ),
    "size in kB": ({"S314"}, meta(*COMPLEXITY, "total_model_size", value=122)),
    "12 bits": ({"S314"}, meta(*COMPLEXITY, "total_model_size", value=PARAMETERS * 3 // 2)),
    "not the mean": ({"S315"}, meta(*SPLIT_5, "overall", "accuracy", value=99.0)),
    "unknown result": ({"S316"}, meta(*SPLIT_5, "device_wise", "a", "accuracy", value=None)),
    "fractions": ({"S317"}, edit_meta(fractions)),
}

HARMLESS: dict[str, Edit] = {
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
}


@pytest.mark.parametrize("name", METADATA)
def test_each_fault_of_metadata_is_found(name: str, files: Files) -> None:
    expected, edit = METADATA[name]
    edit(files)
    faults, _ = check_metadata(files[META], LABEL, META)
    assert {fault.code for fault in faults} == expected


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_allowed_in_metadata_is_no_fault(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    HARMLESS[name](files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation) == set()
