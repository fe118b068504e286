"""Models and recordings that cannot be used: `predict` and `bench`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deploy.audio import STREAMED, read_mono
from tests.bad_input.cases import Case
from tests.bad_input.spoil import (
    RATE_HZ,
    append,
    cut,
    edit,
    folder,
    remove,
    replace,
    set_json,
    wav,
    write,
)
from tests.toy_models import write_toy

CASES = [
    # --- models
    Case("no model", "bench absent.onnx", ("absent.onnx", "no such model file")),
    Case("model of another kind", "bench list.csv", ("list.csv", "'.csv'", "expected .tflite or")),
    Case("ONNX cut short", "bench toy.onnx", ("toy.onnx", "complete ONNX"), cut("toy.onnx")),
    Case(
        "TFLite cut short", "bench toy.tflite", ("toy.tflite", "export it again"), cut("toy.tflite")
    ),
    Case("no TFLite", "bench toy.tflite", ("toy.tflite: is not a"), write("toy.tflite", b"x" * 99)),
    Case(
        "model without its .json",
        "bench toy.onnx",
        ("toy.onnx.json: is missing", "keep it beside toy.onnx"),
        remove("toy.onnx.json"),
    ),
    Case(
        "model's .json without labels",
        "bench toy.onnx",
        ("toy.onnx.json", "labels", "export the model again"),
        set_json("toy.onnx.json", labels=None),
    ),
    Case(
        "model's .json with a word as a rate",
        "bench toy.onnx",
        ("toy.onnx.json", "rate_hz", "export the model again"),
        replace("toy.onnx.json", "32000", '"fast"'),
    ),
    Case(
        "model's .json with a rate of zero",
        "bench toy.onnx",
        ("toy.onnx.json", "rate_hz", "export the model again"),
        replace("toy.onnx.json", "32000", "0"),
    ),
    *(
        Case(
            f"model's .json with {title}",
            "bench toy.onnx",
            ("toy.onnx.json", "contradict each other", "export the model again"),
            replace("toy.onnx.json", old, new),
        )
        for title, old, new in (
            ("a window longer than the FFT", '"n_fft": 4096', '"n_fft": 2'),
            ("more filters than bins", '"n_mels": 256', '"n_mels": 100000'),
            ("frequencies beyond half the rate", "16000.0", "99999.0"),
        )
    ),
    *(
        Case(
            f"{kind} of another input",
            f"bench toy{kind}",
            (f"toy{kind}", "1x1x256x65", "export it again"),
            lambda place, kind=kind: write_toy(place / f"toy{kind}", mels=128),
        )
        for kind in (".onnx", ".tflite")
    ),
    *(
        Case(
            f"{kind} of other classes",
            f"bench toy{kind}",
            (f"toy{kind}", "found 3", "expected 10", "export it again"),
            lambda place, kind=kind: write_toy(place / f"toy{kind}", classes=3),
        )
        for kind in (".onnx", ".tflite")
    ),
    *(
        Case(
            f"timing for {seconds} seconds",
            f"bench toy.onnx --seconds {seconds}",
            ("--seconds", f"found '{seconds}'", "a number from 0.1 to 3600"),
        )
        for seconds in ("0", "1e9", "nan", "long")
    ),
    Case("no threads", "bench toy.onnx --threads 0", ("--threads", "0", "whole number from 1")),
    Case(
        "absurd threads", "bench toy.onnx --threads 100000", ("--threads", "whole number from 1 to")
    ),
    Case(
        "report below a file",
        "bench toy.onnx --seconds 0.1 --out list.csv/report.json",
        ("list.csv", "another place"),
    ),
    Case(
        "report onto a device",
        "bench toy.onnx --seconds 0.1 --out /dev/null",
        ("/dev/null", "a device, not a file"),
    ),
    Case(
        "disk full at a report",
        "bench toy.onnx --seconds 0.1 --wave audio/0.wav --out new.json",
        ("new.json: cannot be written", "free some space"),
        file_limit=4_000,  # beyond the table's size
    ),
    Case(
        "disk full at the noise to time",
        "bench toy.onnx",
        ("second.wav: cannot be written", "free some space"),
        file_limit=4_000,  # beyond the table's size
    ),
    Case(
        "unknown interpreter",
        "bench toy.tflite --backend jax",
        ("toy.tflite", "jax", "ai-edge-litert or tflite-runtime"),
    ),
    Case(
        "interpreter of other files",
        "bench toy.onnx --backend ai-edge-litert",
        ("toy.onnx", "ai-edge-litert", "use onnxruntime"),
    ),
    *(
        Case(
            f"float {kind} where int8 is required",
            f"bench toy{kind} --require-int8",
            (f"toy{kind}", "float32 input and float32 output", "expected int8", "full-int8"),
        )
        for kind in (".onnx", ".tflite")
    ),
    Case(
        "no recording to time", "bench toy.onnx --wave absent.wav", ("absent.wav", "no such file")
    ),
    Case(
        "text to time",
        "bench toy.onnx --wave list.csv",
        ("list.csv", "cannot be read as audio", "replace it"),
    ),
    *(
        Case(
            f"{title} to time", "bench toy.onnx --wave audio/1.wav", ("audio/1.wav", *words), spoil
        )
        for title, spoil, words in (
            (
                "half a second",
                wav("audio/1.wav", samples=22_050),
                ("found 22050 samples", "expected at least 1 s"),
            ),
            ("stereo", wav("audio/1.wav", channels=2), ("found 2 channels", "mix it down")),
            ("NaN samples", wav("audio/1.wav", value=np.nan), ("NaN or infinite", "again")),
            ("odd rate", wav("audio/1.wav", rate_hz=44_099, samples=44_099), ("44099 Hz", "44100")),
        )
    ),
    Case("one report", "bench compare a.json", ("B", "--help")),
    Case("no report", "bench compare absent.json absent.json", ("absent.json", "no such file")),
    Case(
        "report that is a device",
        "bench compare a.json a.json",
        ("a.json: is a pipe or a device", "expected a file"),
        lambda place: (place / "a.json").symlink_to("/dev/null"),
    ),
    Case(
        "report that is no JSON",
        "bench compare list.csv list.csv",
        ("list.csv", "is not valid JSON", "make it again"),
    ),
    *(
        Case(
            f"report that is {title}",
            "bench compare a.json a.json",
            ("a.json: is no report", *words, "measure again with --out"),
            write("a.json", text),
        )
        for title, text, words in (
            ("a list", "[1, 2]", ("found [1, 2], expected object",)),
            ("of another form", '{"schema": 2}', ("is missing",)),
            ("some other JSON", '{"labels": []}', ("schema: is missing",)),
        )
    ),
    # --- predictions
    Case("no recordings", "predict run --audio empty", ("empty", "no WAV"), folder("empty")),
    Case("no folder to predict", "predict run --audio absent", ("absent", "no such folder")),
    Case(
        "list names a missing file",
        "predict run --audio audio --list list.csv",
        ("list.csv: 1 of 4 files are not in audio", "x9.wav", "complete the folder"),
        append("list.csv", "audio/x9.wav\n"),
    ),
    Case("no list", "predict run --audio audio --list absent", ("absent", "evaluation list")),
    Case(
        "list leaves the folder",
        "predict run --audio audio --list list.csv",
        ("list.csv", "../run/run.json", "expected one such as 0.wav"),
        append("list.csv", "audio/../run/run.json\n"),
    ),
    Case(
        "list names a file twice",
        "predict run --audio audio --list list.csv",
        ("list.csv", "'0.wav' twice"),
        append("list.csv", "audio/0.wav\n"),
    ),
    *(
        Case(f"{title}, predicting", "predict run --audio audio", ("audio/1.wav: ", *words), spoil)
        for title, spoil, words in (
            (
                "half a second",
                wav("audio/1.wav", samples=22_050),
                ("found 22050 samples", "expected at least 1 s", "longer recording"),
            ),
            ("stereo", wav("audio/1.wav", channels=2), ("found 2 channels", "mix it down")),
            ("WAV cut short", cut("audio/1.wav"), ("cannot be read as audio", "replace it")),
            ("NaN samples", wav("audio/1.wav", value=np.nan), ("NaN or infinite", "again")),
            ("odd rate", wav("audio/1.wav", rate_hz=44_099, samples=44_099), ("44099 Hz", "44100")),
            ("samples as large as integers", wav("audio/1.wav", value=2e4), ("20000", "-1 to 1")),
            ("rate of 1 Hz", wav("audio/1.wav", rate_hz=1), ("found 1 Hz", "expected")),
            ("absurd rate", wav("audio/1.wav", rate_hz=2**31 - 1), ("2147483647 Hz", "expected")),
        )
    ),
    Case(
        "unknown system", "predict run --audio audio --system jax", ("system 'jax'", "torch-fp16")
    ),
    Case(
        "system without a file",
        "predict run --audio audio --system onnx-int8",
        ("run/models/onnx-int8.onnx: is missing", "tinyscene quantize run"),
    ),
    Case(
        "disk full at predictions",
        "predict run --audio audio",
        ("run/predictions/torch-fp16.part: cannot be written", "free some space"),
        file_limit=200,
        leaves=("run/predictions",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, run_case: Callable[[Case], None]) -> None:
    run_case(case)


@pytest.mark.parametrize("size", STREAMED)
def test_a_wav_written_before_its_length_was_known_is_whole(place, size):
    head = size.to_bytes(4, "little")
    edit("audio/1.wav", lambda data: data[:4] + head + data[8:])(place)
    assert read_mono(Path("audio/1.wav"))[0].shape == (RATE_HZ,)
