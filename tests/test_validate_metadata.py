"""meta.yaml: every rule is broken alone, many in several ways; what is allowed is no fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from baseline.challenge import MAX_MACS, MAX_MODEL_BYTES
from tests.package_files import (
    AUTHOR,
    COAUTHOR,
    COMPLEXITY,
    DESCRIPTION,
    META,
    SPLIT_5,
    Edit,
    Files,
    both,
    codes,
    edit_bytes,
    edit_text,
    meta,
    no_meta,
    write_zip,
)
from tests.synthetic_runs import PARAMETERS

pytest_plugins = ["tests.package_fixtures"]


def aliased(data: bytes) -> bytes:
    """Both authors with one affiliation, as PyYAML writes it."""
    values = yaml.safe_load(data)
    first, second = values["submission"]["authors"]
    second["affiliation"] = first["affiliation"]
    return yaml.safe_dump(values).encode()


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


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_allowed_in_metadata_is_no_fault(
    name: str, files: Files, evaluation: Path, tmp_path: Path
) -> None:
    HARMLESS[name](files)
    assert codes(write_zip(tmp_path / "task1.zip", files), evaluation) == set()
