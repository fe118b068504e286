"""The benchmark: how long it times, what it reports, and how two reports are compared."""

import copy
import gc
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import wave

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from mcu_model import write_model

import tinyscene
from deploy.bench import cold_start
from deploy.bench.compare import compare, read_report, schema
from deploy.bench.json_schema import KEYWORDS, mismatch
from deploy.bench.measure import Settings, measure
from deploy.bench.recording import one_second
from deploy.bench.text import format_report
from deploy.bench.timing import Timing, time_in_turn
from deploy.errors import InputError
from tests.signals import hear_ctrl_c
from tests.toy_models import write_toy

QUICK = Settings(max_seconds=0.1, cold_starts=1)
STAGES = (
    "read",
    "resample",
    "front_end",
    "network",
    "wave_to_probabilities",
    "file_to_probabilities",
)


# --- timing ---------------------------------------------------------------------------------------


class Clock:
    """A clock that only the stages move."""

    def __init__(self):
        self.ns = 0
        self.called = []

    def __call__(self):
        return self.ns

    def stage(self, name, milliseconds):
        """A stage that takes so long: a number, or a function of the seconds gone by."""

        def call():
            self.called.append(name)
            taken = milliseconds(self.ns / 1e9) if callable(milliseconds) else milliseconds
            self.ns += round(taken * 1e6)

        return call

    def run(self, max_seconds=15, after_block=lambda: None, **stages):
        calls = {name: self.stage(name, taken) for name, taken in stages.items()}
        return time_in_turn(calls, max_seconds=max_seconds, after_block=after_block, clock=self)


def test_steady_stages_are_timed_for_two_seconds():
    clock = Clock()
    timing = clock.run(one=1, two=4)
    assert timing.settled
    assert clock.ns / 1e9 == pytest.approx(0.5 + 2, abs=0.3)
    np.testing.assert_allclose(timing.percentile_ms(50), [1, 4])
    assert (timing.spread(50) == 0).all()
    assert timing.rounds >= 200


def test_stages_are_called_in_turn():
    clock = Clock()
    clock.run(a=1, b=2, c=3)
    assert clock.called == ["a", "b", "c"] * (len(clock.called) // 3)


def test_slow_stages_are_timed_until_there_are_enough_calls_for_a_percentile():
    timing = Clock().run(max_seconds=100, one=40)
    assert timing.settled
    assert 200 <= timing.rounds < 220


def test_a_clock_that_speeds_up_near_the_end_is_waited_for():
    timing = Clock().run(one=lambda now: 3 if now < 2.3 else 1)
    assert timing.settled
    assert [np.median(block) for block in timing.blocks[-4:]] == [1] * 4
    assert np.median(timing.blocks[-6]) == 3


def test_a_drift_ends_with_the_time_given():
    clock = Clock()
    timing = clock.run(max_seconds=6, one=lambda now: 1 + now)
    assert not timing.settled
    assert 6 <= clock.ns / 1e9 < 7


def test_the_spread_is_that_of_the_blocks():
    lows = [1.0, 1.1, 1.2, 1.4, 9.0, 1.3]
    blocks = [np.array([[low], [low], [2 * low]]) for low in lows]
    timing = Timing(("one",), tuple(blocks), settled=True)
    first, median, third = statistics.quantiles(lows, n=4, method="inclusive")
    assert timing.spread(50) == timing.spread(100) == pytest.approx((third - first) / median)


def test_the_jitter_of_a_stage_of_no_length_does_not_matter():
    rng = np.random.default_rng(0)
    timing = Clock().run(long=5, nothing=lambda _: rng.uniform(1e-4, 1e-2))
    assert timing.settled
    assert timing.matters().tolist() == [True, False]


def test_percentiles_are_those_of_the_standard_library():
    rng = np.random.default_rng(0)
    timing = Clock().run(one=lambda _: rng.gamma(2, 1))
    values = np.concatenate(timing.blocks)[:, 0]
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    for percentile in (50, 90, 99):
        assert timing.percentile_ms(percentile) == pytest.approx(cuts[percentile - 1])
    assert timing.percentile_ms(100) == values.max()
    assert timing.mean_ms() == pytest.approx(statistics.fmean(values))


def test_what_is_done_between_blocks_is_not_timed():
    clock = Clock()

    def look():
        clock.ns += 10**8

    assert (Clock.run(clock, one=1, after_block=look).percentile_ms(100) == 1).all()


def test_garbage_is_collected_again_after_a_stage_that_fails():
    def fail(_):
        assert not gc.isenabled()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Clock().run(one=fail)
    assert gc.isenabled()


# --- the recording --------------------------------------------------------------------------------


def write_wave(path, samples, rate_hz=44_100, subtype="PCM_24"):
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder that temporary files go to."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def test_a_long_recording_is_cut_to_its_first_second(tmp_path, temporary):
    samples = np.random.default_rng(0).uniform(-1, 1, 50_000)
    samples[:2] = 1, -1
    with one_second(write_wave(tmp_path / "long.wav", samples, 16_000)) as second:
        written, rate_hz = soundfile.read(second.path)
        assert (second.source, second.rewritten, second.rate_hz) == ("long.wav", True, 16_000)
    assert rate_hz == 16_000
    np.testing.assert_allclose(written, samples[:16_000], atol=2**-15)
    assert list(temporary.iterdir()) == []


def test_a_recording_of_a_second_is_read_itself(tmp_path, temporary):
    path = write_wave(tmp_path / "one.wav", np.zeros(48_000), 48_000)
    with one_second(path) as second:
        assert (second.path, second.rewritten) == (path, False)
        assert list(temporary.iterdir()) == []


def test_noise_is_a_second_at_44100_hz(temporary):
    with one_second(None) as second, wave.open(str(second.path)) as file:
        assert (file.getframerate(), file.getnframes()) == (44_100, 44_100)
        assert np.frombuffer(file.readframes(44_100), "<i2").std() == pytest.approx(3277, rel=0.02)
        assert second.source is None


# --- reports --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A real report, of an int8 network."""
    return measure(write_model(tmp_path_factory.mktemp("model")), QUICK)


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_reports_fit_the_schema(suffix, tmp_path, capsys):
    jsonschema = pytest.importorskip("jsonschema")
    model, out = write_toy(tmp_path / f"toy{suffix}"), tmp_path / "report.json"
    options = ["--seconds", "0.1", "--json", "--out", str(out)]
    assert tinyscene.main(["bench", str(model), *options]) == 0
    said = capsys.readouterr()
    written = json.loads(out.read_text())
    assert json.loads(said.out) == written == read_report(out)
    jsonschema.validate(written, schema(), jsonschema.Draft202012Validator)
    assert [line for line in said.err.splitlines() if line.startswith("tinyscene: warning: ")] == [
        f"tinyscene: warning: {warning}" for warning in written["warnings"]
    ]


def test_what_is_reported(report, tmp_path):
    assert tuple(report["latency_ms"]) == STAGES
    for latency in report["latency_ms"].values():
        assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["worst"]
    assert report["model"]["input_type"] == report["model"]["output_type"] == "int8"
    assert report["interpreter"]["name"] == "ai-edge-litert"
    assert report["recording"] == {"source": None, "rate_hz": 44_100, "rewritten": False}
    assert report["cold_start_ms"]["processes"] == 1
    assert report["memory"]["peak_bytes"] is None or report["memory"]["peak_bytes"] > 2**20
    assert not report["settled"], "a tenth of a second is not enough"
    assert any("did not settle" in warning for warning in report["warnings"])


def test_the_table_shows_every_stage_and_every_warning(report):
    table = format_report(report)
    for stage in STAGES:
        p50 = f"{report['latency_ms'][stage]['p50']:.3f}"
        (line,) = [x for x in table.splitlines() if x.startswith(stage.replace("_", " "))]
        assert p50 in line.split()
    for warning in report["warnings"]:
        assert f"- {warning}" in table


def test_the_table_of_a_raspberry_pi(report):
    found = copy.deepcopy(report)
    found["environment"] |= {"board": "Raspberry Pi 4 Model B", "processor": "Cortex-A72"}
    found["disturbance"] |= {"frequency_lowest_hz": 6 * 10**8, "frequency_highest_hz": 18 * 10**8}
    for when, celsius in (("before", 48.7), ("after", 53.2)):
        found["disturbance"][when] |= {
            "governor": "ondemand",
            "temperature_celsius": celsius,
            "flags_now": ["throttled"],
        }
    table = format_report(found)
    assert "Raspberry Pi 4 Model B, Cortex-A72" in table
    assert "clock 600 to 1800 MHz, governor ondemand; temperature 49 to 53 °C; throttling " in table


def test_the_table_of_a_machine_that_tells_nothing(report):
    found = copy.deepcopy(report)
    found["cold_start_ms"] = found["memory"]["peak_bytes"] = found["interpreter"]["version"] = None
    found["environment"] |= {"board": None, "memory_bytes": None, "distribution": None}
    found["warnings"] = []
    table = format_report(found)
    assert "cold start: not measured" in table
    assert "None" not in table
    assert table.endswith("no warnings")


def test_an_emulated_processor_is_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr("deploy.machine.description.emulated", lambda _: True)
    found = measure(write_toy(tmp_path / "toy.onnx"), QUICK)
    assert found["environment"]["emulated"]
    assert "speed means nothing" in found["warnings"][0]


def test_int8_can_be_required(tmp_path, report):
    asked = Settings(max_seconds=0.1, cold_starts=0, require_int8=True)
    with pytest.raises(InputError, match="found float32 input and float32 output, expected int8"):
        measure(write_toy(tmp_path / "toy.tflite"), asked)
    found = measure(write_model(tmp_path / "int8"), asked)
    assert found["settings"]["require_int8"]
    assert found["cold_start_ms"] is None


def test_an_interpreter_asked_for_is_not_replaced_by_another(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tflite_runtime", None)
    model = str(write_toy(tmp_path / "toy.tflite"))
    assert tinyscene.main(["bench", model, "--backend", "tflite-runtime"]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "toy.tflite: cannot be run (" in sentence
    assert "tflite_runtime" in sentence
    assert sentence.endswith("pip install tflite-runtime")


@pytest.mark.parametrize(
    ("executable", "words"),
    [
        ("#!/bin/sh\necho 'ImportError: no numpy' >&2; exit 1\n", "did not answer (ImportError"),
        ("#!/bin/sh\necho nothing of use\n", "did not answer (Expecting value"),
        ("no program", "cannot be started ("),
    ],
)
def test_a_process_that_does_not_answer_is_one_warning(executable, words, tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text(executable)
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    found = measure(write_toy(tmp_path / "toy.onnx"), QUICK)
    assert found["cold_start_ms"] is found["memory"]["peak_bytes"] is None
    (warning,) = [w for w in found["warnings"] if "the cold start was not measured" in w]
    assert words in warning
    assert mismatch(json.loads(json.dumps(found)), schema()) is None


def test_a_folder_of_our_name_where_the_user_stands_is_not_ours(tmp_path, monkeypatch):
    model = write_toy(tmp_path / "toy.onnx")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "__init__.py").write_text("raise SystemExit('not ours')")
    monkeypatch.chdir(tmp_path)
    path = write_wave(tmp_path / "one.wav", np.zeros(44_100))
    found = cold_start.cold_start(model, path, threads=1, backend="onnxruntime")
    assert found.milliseconds > 0
    assert found.delegate is None


def test_the_interpreter_that_says_it_uses_xnnpack_is_reported(tmp_path, monkeypatch):
    greeting = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
    answer = '{"answered_ns": 1, "peak_memory_bytes": null}'
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho '{greeting}' >&2\necho '{answer}'\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    found = cold_start.cold_start(tmp_path, tmp_path, threads=1, backend="ai-edge-litert")
    assert found.delegate == "XNNPACK"


# --- the schema -----------------------------------------------------------------------------------


def test_the_schema_is_one_and_uses_only_what_we_check():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    assert keywords(schema()) <= KEYWORDS


def keywords(part):
    """All keywords of a schema; what stands below properties and $defs are names."""
    found = set(part)
    for key in ("properties", "$defs"):
        for child in part.get(key, {}).values():
            found |= keywords(child)
    for key in ("items", "additionalProperties"):
        if isinstance(part.get(key), dict):
            found |= keywords(part[key])
    return found


def places(value, path=()):
    """The ways to all values inside a value."""
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, child in items:
        yield (*path, key)
        yield from places(child, (*path, key))


def of_one_form(report):
    """A copy with lists as long on any machine, so that the same examples are drawn."""
    found = copy.deepcopy(report)
    found["block_median_ms"] = {stage: [1.0, 2.0] for stage in STAGES}
    found["warnings"] = ["it was hot."]
    found["environment"]["thread_settings"] = {"OMP_NUM_THREADS": "1"}
    for when in ("before", "after"):
        found["disturbance"][when] |= {"flags_now": ["throttled"], "flags_since_boot": None}
    return found


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.floats(-2, 2),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
    st.just(["x"]),
    st.just({"x": 1}),
)


@given(data=st.data())
@settings(derandomize=True, max_examples=300, deadline=None)
def test_our_check_agrees_with_jsonschema(report, data):
    jsonschema = pytest.importorskip("jsonschema")
    spoilt = of_one_form(report)
    for _ in range(data.draw(st.integers(1, 2))):
        *way, last = data.draw(st.sampled_from(sorted(places(spoilt), key=str)))
        parent = spoilt
        for key in way:
            parent = parent[key]
        action = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "remove":
            del parent[last]
        elif action == "add" and isinstance(parent, dict):
            parent["more"] = copy.deepcopy(data.draw(VALUES))
        else:
            parent[last] = copy.deepcopy(data.draw(VALUES))
    fits = jsonschema.Draft202012Validator(schema()).is_valid(spoilt)
    assert (mismatch(spoilt, schema()) is None) == fits


@pytest.mark.parametrize(
    ("value", "part", "expected"),
    [
        (True, {"type": "integer"}, "the whole: found True, expected integer"),
        (float("nan"), {"type": "number"}, "the whole: found nan, expected number"),
        (10**15, {"type": "integer"}, None),
        (10**400, {"type": "integer"}, "expected integer"),
        (1e308, {"type": "number"}, "the whole: found 1e+308, expected number"),
        (3.0, {"type": "integer"}, None),
        (True, {"const": 1}, "the whole: found True, expected 1"),
        ({"a": [0, -1]}, {"properties": {"a": {"items": {"minimum": 0}}}}, "a[1]: found -1, "),
        ({"a": 0}, {"properties": {"a": {"exclusiveMinimum": 0}}}, "a: found 0, expected more "),
        ({}, {"required": ["a"]}, "a: is missing"),
        ({"b": {"c": 1}}, {"properties": {"b": {"additionalProperties": False}}}, "b.c: is unkn"),
        ("x" * 99, {"enum": ["a", "b"]}, "..., expected 'a' or 'b'"),
    ],
)
def test_the_first_mismatch_is_named(value, part, expected):
    found = mismatch(value, part)
    assert found is None if expected is None else expected in found


# --- comparing ------------------------------------------------------------------------------------


def altered(report, *, factor=1.0, spread=0.01):
    """A report with other times and spreads."""
    found = copy.deepcopy(report)
    for stage in STAGES:
        for name in found["latency_ms"][stage]:
            found["latency_ms"][stage][name] *= factor
            found["spread_share"][stage][name] = spread
    return found


def row(text, name):
    (line,) = [line for line in text.splitlines() if line.startswith(name)]
    return line.removeprefix(name).split()


def test_ratios_are_of_the_second_to_the_first(report):
    text = compare(altered(report), altered(report, factor=1.5))
    for stage in STAGES:
        assert row(text, stage.replace("_", " ")) == ["1.50"] * 4
    assert row(compare(altered(report, factor=2), altered(report)), "network") == ["0.50"] * 4


@pytest.mark.parametrize(
    ("factor", "spreads", "marked"),
    [
        (1.04, (0, 0), True),
        (1.06, (0, 0), False),
        (0.8, (0.2, 0), True),
        (0.7, (0, 0.2), False),
        (0.7, (0.2, 0.2), True),
    ],
)
def test_ratios_within_the_spread_are_marked(report, factor, spreads, marked):
    first = altered(report, spread=spreads[0])
    text = compare(first, altered(report, factor=factor, spread=spreads[1]))
    assert ("~" in row(text, "front end")) is marked
    assert "means nothing" in text


def test_what_differs_is_listed(report):
    first, second = altered(report), altered(report)
    assert "threads and machine are the same" in compare(first, second)
    second["settings"]["threads"] = 4
    second["environment"]["board"] = "Raspberry Pi 5"
    second["disturbance"]["before"]["governor"] = "performance"
    second["warnings"] = ["it was hot."]
    text = compare(first, second)
    assert row(text, "settings.threads") == ["1", "4"]
    assert row(text, "environment.board")[-3:] == ["Raspberry", "Pi", "5"]
    assert row(text, "disturbance.before.governor")[-1] == "performance"
    assert "model.sha256" not in text
    assert "warning of B: it was hot." in text


def test_reports_without_cold_starts_are_compared(report):
    second = altered(report)
    second["cold_start_ms"] = second["memory"]["peak_bytes"] = None
    text = compare(altered(report), second)
    assert "cold start" not in text
    assert row(text, "model file:") == ["1.00"]


def test_the_command_compares(report, tmp_path, capsys):
    for name, factor in (("a.json", 1), ("b.json", 2)):
        (tmp_path / name).write_text(json.dumps(altered(report, factor=factor)))
    arguments = ["bench", "compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    assert tinyscene.main(arguments) == 0
    assert row(capsys.readouterr().out, "network") == ["2.00"] * 4


# --- stopping -------------------------------------------------------------------------------------


def wait_for(condition, process):
    until = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.01)


def children(process):
    try:
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
            return file.read().split()
    except OSError:
        return []


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs Linux's /proc")
@pytest.mark.parametrize(("seconds", "stage"), [("60", "timing"), ("0.1", "cold start")])
def test_stopping_leaves_nothing(seconds, stage, tmp_path, temporary):
    model, out = write_toy(tmp_path / "toy.onnx"), tmp_path / "out" / "report.json"
    command = [sys.executable, "-m", "tinyscene", "bench", str(model), "--out", str(out)]
    process = subprocess.Popen(
        [*command, "--seconds", seconds],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    wait_for(lambda: any(temporary.glob("tinyscene-*")), process)
    if stage == "cold start":
        wait_for(lambda: children(process), process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all processes
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped" in error
    assert "Traceback" not in error
    assert not out.exists()
    assert not any(temporary.glob("tinyscene-*"))
