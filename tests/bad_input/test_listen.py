"""Sound and models that cannot be used: `listen` and `classify`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.bad_input.cases import Case
from tests.bad_input.spoil import cut, folder, remove, wav, write

MODEL = "--model toy.tflite"

CASES = [
    Case("no source", f"listen {MODEL}", ("one of FILE, - (standard input) and --microphone",)),
    Case("two sources", f"listen audio/1.wav --microphone {MODEL}", ("give one of FILE",)),
    Case("no model to listen with", "listen audio/1.wav", ("--model", "--help")),
    Case("absent model", "listen audio/1.wav --model no.tflite", ("no.tflite", "no such model")),
    Case(
        "model without its .json, listening",
        f"listen audio/1.wav {MODEL}",
        ("toy.tflite.json: is missing", "keep it beside"),
        remove("toy.tflite.json"),
    ),
    Case(
        "interpreter of another kind of file",
        f"listen audio/1.wav {MODEL} --backend onnxruntime",
        ("onnxruntime runs no .tflite", "use ai-edge-litert or tflite-runtime"),
    ),
    Case(
        "interpreter that is not installed",
        f"listen audio/1.wav {MODEL} --backend tflite-runtime",
        ("tflite_runtime", "pip install tflite-runtime"),
    ),
    Case("no file to hear", f"listen no.wav {MODEL}", ("no.wav", "no such file")),
    Case("a folder to hear", f"listen audio {MODEL}", ("audio", "is a folder, expected a file")),
    Case("name that no file can have", f"listen {'x' * 300}.wav {MODEL}", ("cannot be read",)),
    *(
        Case(f"hop of {hop}", f"listen audio/1.wav {MODEL} --hop {hop}", ("--hop", "from 0.01 to"))
        for hop in ("0", "-1", "nan", "60", "often")
    ),
    Case(
        "negative smoothing",
        f"listen audio/1.wav {MODEL} --smoothing -1",
        ("--smoothing", "from 0 to 3600"),
    ),
    *(
        Case(
            f"{title}, listening",
            f"listen audio/1.wav {MODEL} --fast",
            ("audio/1.wav: ", *words),
            spoil,
        )
        for title, spoil, words in (
            ("WAV cut short", cut("audio/1.wav"), ("cannot be read as audio", "replace it")),
            ("NaN samples", wav("audio/1.wav", value=np.nan), ("NaN or infinite", "again")),
            ("no sound at all", write("audio/1.wav", b""), ("cannot be read as audio",)),
            ("rate of 1 Hz", wav("audio/1.wav", rate_hz=1), ("found 1 Hz", "expected")),
        )
    ),
    Case(
        "half a second to hear",
        f"listen audio/1.wav {MODEL} --fast",
        ("less than a second of sound", "give a longer"),
        wav("audio/1.wav", samples=22_050),
    ),
    # --- whole recordings
    Case("no model to classify with", "classify audio/1.wav", ("--model",)),
    Case("folder without recordings", f"classify empty {MODEL}", ("no WAV",), folder("empty")),
    Case(
        "bad model, classifying",
        f"classify audio {MODEL}",
        ("toy.tflite", "export it again"),
        cut("toy.tflite"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, run_case: Callable[[Case], None]) -> None:
    run_case(case)
