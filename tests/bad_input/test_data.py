"""Recordings, lists and stores that are broken: `data`, and `train` where it prepares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.bad_input.cases import CLIP, FAILED_CHECK, TRAIN, Case
from tests.bad_input.spoil import append, both, cut, edit, folder, remove, replace, wav, write

CASES = [
    Case("empty folder", "data prepare empty", ("empty/meta.csv", "no such file"), folder("empty")),
    Case("no folder", "data check absent", ("absent/meta.csv", "no such file", "give the folder")),
    Case("folder is a file", "data check list.csv", ("list.csv/meta.csv", "cannot be read")),
    Case(
        "WAV cut short",
        "data check data",
        ("unreadable file: 1", "bus-lisbon-2-0-0-a.wav"),
        cut(CLIP),
        code=FAILED_CHECK,
    ),
    Case(
        "all kinds of recordings checked at once",
        "data check data",
        ("missing file: 1", "unreadable file: 1", "samples not finite: 1", "wrong rate: 1"),
        both(
            remove(CLIP),
            write(CLIP.replace("-0-a", "-1-a"), ""),
            wav("data/audio/tram-lisbon-3-0-0-a.wav", value=np.nan),
            wav("data/audio/tram-lisbon-3-0-1-a.wav", rate_hz=48_000, samples=48_000),
        ),
        code=FAILED_CHECK,
    ),
    Case(
        "lists checked",
        "data check data --lists-only",
        ("duplicate row: 1, for example meta.csv", "list row that meta.csv lacks: 1"),
        both(
            edit("data/meta.csv", lambda d: d + d.splitlines(keepends=True)[-1]),
            append("data/split_setup/test.csv", "audio/absent.wav\n"),
        ),
        code=FAILED_CHECK,
    ),
    *(
        Case(
            f"{title}, preparing",
            "data prepare data --store new --workers 1",
            (CLIP, *words),
            spoil,
            leaves=("new.partial", "new.lock"),
        )
        for title, spoil, words in (
            ("WAV cut short", cut(CLIP), ("132,344 bytes are there", "replace it")),
            ("WAV of no bytes", write(CLIP, ""), ("cannot be read as audio", "replace it")),
            ("WAV without samples", wav(CLIP, samples=0), ("holds no samples", "replace it")),
            ("text named .wav", write(CLIP, "sound\n" * 99), ("cannot be read as audio",)),
            ("NaN samples", wav(CLIP, value=np.nan), ("NaN or infinite samples", "again")),
            ("infinite samples", wav(CLIP, value=np.inf), ("NaN or infinite samples", "again")),
            ("stereo", wav(CLIP, channels=2), ("found 2 channels", "expected 1", "convert")),
            ("48 kHz", wav(CLIP, rate_hz=48_000), ("found 48000 Hz", "expected 44100 Hz")),
            ("half a second", wav(CLIP, samples=22_050), ("found 22050", "expected 44100")),
        )
    ),
    Case("recording gone", TRAIN, (CLIP, "meta.csv lists it", "put it back"), remove(CLIP)),
    *(
        Case(f"meta.csv {title}", TRAIN, ("data/meta.csv: ", *words), spoil)
        for title, spoil, words in (
            (
                "without a column",
                replace("data/meta.csv", "scene_label", "label"),
                ("column 'scene_label' is missing", "found 'filename', 'label'", "expected TAB"),
            ),
            ("empty", write("data/meta.csv", ""), ("cannot be read as a TAB separated table",)),
            (
                "with a header only",
                write("data/meta.csv", "filename\tscene_label\tidentifier\tsource_label\n"),
                ("holds no rows", "expected at least one clip"),
            ),
            (
                "with a row twice",
                edit("data/meta.csv", lambda d: d + d.splitlines(keepends=True)[-1]),
                ("line 18 repeats 'audio/", "remove the repeated lines"),
            ),
            (
                "with an unknown scene",
                replace("data/meta.csv", "\ttram", "\tbeach"),
                ("line 6", "unknown scene 'beach'", "expected one of airport"),
            ),
            (
                "not in UTF-8",
                edit("data/meta.csv", lambda d: d.replace(b"lisbon-3", b"lisb\xf3n-3")),
                ("utf-8", "get the file again"),
            ),
            (
                "with commas",
                edit("data/meta.csv", lambda d: d.replace(b"\t", b",")),
                ("column 'filename' is missing", "expected TAB separated"),
            ),
            (
                "with an empty field",
                replace("data/meta.csv", "\ttram", "\t"),
                ("line 6 has an empty field", "complete the line"),
            ),
        )
    ),
    Case(
        "split list names an unknown clip",
        TRAIN,
        ("split100.csv: line 14 names 'audio/absent.wav'", "meta.csv lacks", "same dataset"),
        append("data/split_setup/split100.csv", "audio/absent.wav\n"),
    ),
    Case(
        "split list empty",
        TRAIN,
        ("split100.csv: holds no rows", "get the file again"),
        write("data/split_setup/split100.csv", "filename\n"),
    ),
    Case(
        "split list missing",
        TRAIN,
        ("split100.csv: there is no such list", "tinyscene data fetch"),
        remove("data/split_setup/split100.csv"),
    ),
    Case(
        "test list missing",
        TRAIN,
        ("test.csv: there is no such list", "tinyscene data fetch"),
        remove("data/split_setup/test.csv"),
    ),
    Case(
        "unknown front end to prepare for",
        "data prepare data --store new --front-end mel",
        ("front end 'mel'", "dcase2024"),
    ),
    Case(
        "disk full while preparing",
        "data prepare data --store new --workers 1",
        ("new: cannot be written", "free some space"),
        file_limit=100_000,
        leaves=("new.partial", "new.lock"),
    ),
    Case("no workers", "data prepare data --store new --workers 0", ("--workers", "0", "expected")),
    Case("sample over other files", "data sample audio", ("audio", "empty folder")),
    Case(
        "sample of a negative seed",
        "data sample new --seed -1",
        ("seed", "-1", "whole number from 0"),
    ),
    Case("sample below a file", "data sample list.csv/new", ("list.csv/new", "another place")),
    Case("fetch over other files", "data fetch audio --accept-licence", ("audio", "empty folder")),
    Case("fetch over a file", "data fetch list.csv --accept-licence", ("list.csv", "is a file")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, run_case: Callable[[Case], None]) -> None:
    run_case(case)
