"""Listening: the same answers as for each second alone, whatever the sound comes from."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import tracemalloc
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile

import tinyscene
from baseline.challenge import SCENES
from deploy.classifier import Classifier
from deploy.errors import InputError
from deploy.frontend import resample
from deploy.listen.command import listen
from deploy.listen.listener import LOWEST_DBFS, Answer, Listener
from deploy.listen.microphone import Microphone
from deploy.listen.sources import FileSource, open_pipe
from deploy.listen.views import JsonLines, LiveView, bar
from tests.signals import hear_ctrl_c
from tests.toy_models import write_toy

RATE_HZ = 44_100


def sound(seconds=4.0, rate_hz=RATE_HZ, seed=0):
    """Noise whose level rises, so that no two seconds are alike."""
    count = round(seconds * rate_hz)
    noise = np.random.default_rng(seed).uniform(-1, 1, count)
    return (noise * np.linspace(0.001, 0.9, count)).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("model") / "toy.tflite")


@pytest.fixture
def classifier(model):
    return Classifier(model)


def heard(listener, wave, block=3_000):
    parts = [wave[start : start + block] for start in range(0, len(wave), block)]
    answers = [answer for part in parts for answer in listener.hear(part)]
    return [*answers, *listener.finish()]


@pytest.mark.parametrize("rate_hz", [32_000, 44_100, 48_000])
@pytest.mark.parametrize("hop_s", [0.25, 0.5, 1.0])
def test_answers_are_those_of_each_second_alone(classifier, hop_s, rate_hz):
    wave = sound(rate_hz=rate_hz)
    answers = heard(Listener(classifier, rate_hz, hop_s=hop_s), wave)
    at_32k = resample(wave, rate_hz, 32_000)
    assert len(answers) == 1 + round(3 / hop_s)
    for index, answer in enumerate(answers):
        start = round(index * hop_s * 32_000)
        alone = classifier.probabilities(at_32k[start : start + 32_000], 32_000)
        np.testing.assert_allclose(answer.probabilities, alone, atol=1e-5)
        assert answer.time_s == pytest.approx(1 + index * hop_s)


def test_block_sizes_change_nothing(classifier):
    wave = sound(2.5)
    one, other = (heard(Listener(classifier, RATE_HZ), wave, block) for block in (100, 50_000))
    assert len(one) == len(other) == 7
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.probabilities, b.probabilities, atol=1e-6)


def test_hop_is_rounded_to_the_front_ends(classifier):
    assert Listener(classifier, RATE_HZ, hop_s=0.1).hop_s == 6 * 500 / 32_000
    assert Listener(classifier, RATE_HZ, hop_s=0.001).hop_s == 500 / 32_000


def test_smoothing_is_an_exponential_mean(classifier):
    wave = sound()
    plain = heard(Listener(classifier, RATE_HZ), wave)
    smooth = heard(Listener(classifier, RATE_HZ, smoothing_s=0.25 / np.log(2)), wave)
    expected = plain[0].probabilities
    for a, b in zip(plain[1:], smooth[1:], strict=True):
        expected = (expected + a.probabilities) / 2  # the constant halves in one hop
        np.testing.assert_allclose(b.probabilities, expected, atol=1e-6)


def test_level_and_clipping_are_those_of_the_new_samples(classifier):
    quiet = np.tile(np.float32([0.1, -0.1]), RATE_HZ)
    loud = np.tile(np.float32([1, -1]), RATE_HZ)
    answers = heard(Listener(classifier, RATE_HZ, hop_s=1.0), np.concatenate([quiet, loud]), 1_000)
    assert answers[0].level_dbfs == pytest.approx(-20)
    assert (answers[-1].level_dbfs, answers[-1].clipped) == (0, 1)
    silent = heard(Listener(classifier, RATE_HZ), np.zeros(RATE_HZ, np.float32))
    assert (silent[0].level_dbfs, silent[0].clipped) == (LOWEST_DBFS, 0)


@pytest.mark.filterwarnings("error")
def test_unusable_samples_are_heard_as_silence_and_counted(classifier):
    wave = sound(1.5)
    spoilt, repaired = wave.copy(), wave.copy()
    spoilt[[5, 20_000, 30_000, 40_000]] = [np.nan, np.inf, -np.inf, 1e30]
    repaired[[5, 20_000, 30_000, 40_000]] = 0
    listener = Listener(classifier, RATE_HZ)
    for a, b in zip(
        heard(listener, spoilt), heard(Listener(classifier, RATE_HZ), repaired), strict=True
    ):
        np.testing.assert_array_equal(a.probabilities, b.probabilities)
    assert listener.repaired == 4


def test_memory_does_not_grow(classifier):
    listener, block = Listener(classifier, RATE_HZ), sound(0.25)

    def hear(times):
        for _ in range(times):
            list(listener.hear(block))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    before, after = hear(50), hear(500)
    tracemalloc.stop()
    assert after - before < 20_000


# --- where the sound comes from


def piped(data, **settings):
    defaults = {"rate_hz": None, "sample_format": "S16_LE", "channels": 1}
    return open_pipe(io.BytesIO(data), **(defaults | settings))


def everything(source):
    return np.concatenate(list(source.blocks(0.05)))


def as_wav(wave, rate_hz=RATE_HZ):
    file = io.BytesIO()
    soundfile.write(file, wave, rate_hz, subtype="PCM_16", format="WAV")
    return file.getvalue()


def test_a_pipe_with_a_wav_header_tells_its_rate():
    wave = sound(0.3, 48_000)
    source = piped(as_wav(wave, 48_000))
    assert source.rate_hz == 48_000
    np.testing.assert_allclose(everything(source), wave, atol=1 / 2**15)


@pytest.mark.parametrize(
    ("sample_format", "dtype", "scale"),
    [("S16_LE", "<i2", 2**15), ("S32_LE", "<i4", 2**31), ("FLOAT_LE", "<f4", 1)],
)
def test_raw_samples_of_two_channels_are_averaged(sample_format, dtype, scale):
    wave = np.stack([sound(0.1, seed=1), sound(0.1, seed=2)], axis=1)
    data = (wave * scale * 0.99).astype(dtype).tobytes()
    source = piped(data, rate_hz=RATE_HZ, sample_format=sample_format, channels=2)
    np.testing.assert_allclose(everything(source), wave.mean(1) * 0.99, atol=1e-4)


def test_half_a_sample_at_the_end_is_left_out():
    data = np.arange(100, dtype="<i2").tobytes() + b"x"
    assert len(everything(piped(data, rate_hz=8_000))) == 100


@pytest.mark.parametrize(
    ("data", "settings", "words"),
    [
        (b"", {}, "standard input: is empty"),
        (b"\0" * 100, {}, "no WAV header; say the rate"),
        (b"\0" * 100, {"rate_hz": 3}, "found 3 Hz"),
        (b"RIFF\0\0\0\0JUNK", {}, "cannot be read as WAV"),
        (as_wav(sound(0.1), 1_000), {}, "found 1000 Hz"),
    ],
)
def test_pipes_that_cannot_be_heard(data, settings, words):
    with pytest.raises(InputError, match=words):
        piped(data, **settings)


def test_a_change_of_rate_ends_after_all_that_came_before(classifier, capsys):
    source = piped(as_wav(sound(1.5)) + as_wav(sound(1.5, 48_000), 48_000))
    out = io.StringIO()
    view = JsonLines(out, SCENES)
    with pytest.raises(InputError, match=r"after 1.5 s it changes from 44100 Hz .* to 48000 Hz"):
        listen(classifier, source, view, hop_s=0.25, smoothing_s=0)
    times = [json.loads(line)["time_s"] for line in out.getvalue().splitlines()]
    assert times == [1.0, 1.25, 1.5]
    assert "3 answers, 0 overruns" in capsys.readouterr().err


def test_a_file_of_several_channels(tmp_path):
    wave = np.stack([sound(0.5, seed=1), sound(0.5, seed=2)], axis=1)
    soundfile.write(tmp_path / "a.wav", wave, RATE_HZ, subtype="FLOAT")
    source = FileSource(tmp_path / "a.wav", in_real_time=False)
    np.testing.assert_allclose(everything(source), wave.mean(1), atol=1e-6)


class FakeSound(types.ModuleType):
    """What `Microphone` uses of sounddevice: gives some blocks of sound, then none."""

    class PortAudioError(Exception):
        pass

    def __init__(self, blocks, *, rate_hz=48_000, overflows=0):
        super().__init__("sounddevice")
        self._blocks, self._rate_hz, self._overflows = blocks, rate_hz, overflows

    def query_devices(self, device, _kind):
        if device is not None:
            raise self.PortAudioError(f"Error querying device {device}")
        return {"default_samplerate": float(self._rate_hz)}

    def check_input_settings(self, *_):
        pass

    def InputStream(self, _rate_hz, frames, _device, _channels, _dtype, *, callback):  # noqa: N802
        fake = self

        class Stream:
            def __enter__(self):
                for index, block in enumerate(fake._blocks):
                    status = types.SimpleNamespace(input_overflow=index < fake._overflows)
                    callback(block[:, None], frames, None, status)

            def __exit__(self, *_):
                pass

        return Stream()


@pytest.fixture
def plug(monkeypatch):
    def plug(*arguments, **settings):
        monkeypatch.setitem(sys.modules, "sounddevice", FakeSound(*arguments, **settings))
        monkeypatch.setattr("deploy.listen.microphone.SILENT_SECONDS", 0.05)

    return plug


def test_a_microphone_that_is_unplugged(classifier, plug, capsys):
    wave = sound(1.25, 48_000)
    plug(np.split(wave, 20), overflows=2)
    out = io.StringIO()
    with pytest.raises(InputError, match=r"gave no sample for .* plugged in"):
        listen(classifier, Microphone(), JsonLines(out, SCENES), hop_s=0.25, smoothing_s=0)
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [answer["time_s"] for answer in answers] == [1.0, 1.25]
    assert answers[-1]["overruns"] == 2
    assert "2 answers, 2 overruns" in capsys.readouterr().err


def test_what_a_microphone_gives_too_fast_is_counted(plug):
    plug([np.zeros(3_000, np.float32)] * 100)
    microphone = Microphone()
    blocks = microphone.blocks(3_000 / 48_000)
    waiting = sum(1 for _ in zip(range(80), blocks, strict=False))
    assert waiting == 80  # five seconds
    assert microphone.overruns == 20


def test_no_such_microphone(plug):
    plug([])
    with pytest.raises(InputError, match=r"Error querying device USB.*plug one in, or choose"):
        Microphone("USB")


def test_without_sounddevice(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(InputError, match="pip install sounddevice"):
        Microphone()


# --- how answers are shown


def answer(**settings):
    probabilities = np.full(10, 0.05)
    probabilities[3] = 0.55
    numbers = {"time_s": 1.25, "probabilities": probabilities, "level_dbfs": -30.0, "clipped": 0.0}
    return Answer(**(numbers | settings))


def test_json_lines_hold_everything():
    out = io.StringIO()
    JsonLines(out, SCENES).show(answer(), 2)
    line = json.loads(out.getvalue())
    assert line.pop("probabilities") == dict(zip(SCENES, answer().probabilities, strict=True))
    assert line == {
        "time_s": 1.25,
        "scene": "metro_station",
        "probability": 0.55,
        "level_dbfs": -30.0,
        "clipped": 0.0,
        "overruns": 2,
    }


def test_live_view_is_drawn_over():
    out = io.StringIO()
    view = LiveView(out, SCENES)
    view.show(answer(), 0)
    first = out.getvalue()
    assert first.count("\n") == len(SCENES) + 1
    assert "metro_station" in first
    assert "1.25 s  -30 dBFS  0 overruns" in first
    view.show(answer(level_dbfs=LOWEST_DBFS), 0)
    assert out.getvalue()[len(first) :].startswith(f"\x1b[{len(SCENES) + 1}A")
    assert "silent: is the microphone on?" in out.getvalue()


def test_clipping_is_shown():
    assert (
        "-30 dBFS, 20% clipped" in LiveView(io.StringIO(), SCENES).lines(answer(clipped=0.2), 0)[-1]
    )


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (30, 8), (12, 3), (1, 1)])
def test_live_view_keeps_within_the_terminal(columns, rows):
    view = LiveView(io.StringIO(), SCENES, lambda: os.terminal_size((columns, rows)))
    lines = [re.sub(r"\x1b\[\d*m", "", line) for line in view.lines(answer(), 0)]
    assert max(map(len, lines)) < max(2, columns)
    assert len(lines) <= max(2, rows - 1)
    assert any(line.startswith("metro_station"[: columns - 1]) for line in lines)


def test_bars():
    assert (bar(0), bar(1), bar(0.5)) == ("", "█" * 30, "█" * 15)
    assert bar(1 / 60) == "▌"


def test_bars_on_a_terminal_that_knows_ascii_alone():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    LiveView(out, SCENES).show(answer(), 0)
    out.seek(0)
    assert "55.0%  ################\x1b" in out.read()


# --- the command


def command(*words, **settings):
    return subprocess.run(
        [sys.executable, tinyscene.__file__, "listen", *words], capture_output=True, **settings
    )


def test_the_command_hears_standard_input(model):
    done = command("-", "--model", model, "--hop", "0.5", input=as_wav(sound(2)))
    assert done.returncode == 0
    assert [json.loads(line)["time_s"] for line in done.stdout.splitlines()] == [1.0, 1.5, 2.0]
    assert b"3 answers, 0 overruns" in done.stderr


def test_the_command_plays_a_file_as_fast_as_it_can(model, tmp_path):
    soundfile.write(tmp_path / "long.wav", sound(60), RATE_HZ)
    done = command(tmp_path / "long.wav", "--model", model, "--fast", timeout=30)
    assert len(done.stdout.splitlines()) == 237


def test_closed_standard_input_is_told(model):
    line = f"{sys.executable} {tinyscene.__file__} listen - --model {model} <&-"
    done = subprocess.run(line, shell=True, capture_output=True, text=True)
    assert done.returncode == 2
    assert "standard input: is closed" in done.stderr


def test_ctrl_c_keeps_what_was_answered(model):
    words = [sys.executable, tinyscene.__file__, "listen", "-", "--model", model]
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=hear_ctrl_c,
    ) as process:
        process.stdin.write(as_wav(sound(3)))
        process.stdin.flush()
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, error = process.communicate()
    assert process.returncode == 130
    assert all(json.loads(line)["scene"] for line in [first, *rest.splitlines()])
    assert b"answers, 0 overruns" in error
    assert b"Traceback" not in error


def test_reader_that_has_seen_enough(model, tmp_path):
    soundfile.write(tmp_path / "long.wav", sound(20), RATE_HZ)
    done = subprocess.run(
        f"{sys.executable} {Path(tinyscene.__file__)} listen long.wav --fast --model {model} "
        "| head -n 1",
        shell=True,
        capture_output=True,
        cwd=tmp_path,
    )
    assert len(done.stdout.splitlines()) == 1
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(("name", "dtype"), [("FLOAT_LE", "<f4"), ("FLOAT64_LE", "<f8")])
@pytest.mark.parametrize("channels", [1, 2])
def test_floats_of_any_bits_are_heard_without_warnings(classifier, recwarn, name, dtype, channels):
    bits = np.random.default_rng(0).bytes(2 * RATE_HZ * channels * np.dtype(dtype).itemsize)
    source = piped(bits, rate_hz=RATE_HZ, sample_format=name, channels=channels)
    listener = Listener(classifier, RATE_HZ)
    answers = [answer for block in source.blocks(0.1) for answer in listener.hear(block)]
    answers += listener.finish()
    assert len(answers) == 5
    assert all(np.isfinite(answer.probabilities).all() for answer in answers)
    assert listener.repaired > RATE_HZ / 2
    assert [str(warning.message) for warning in recwarn] == []
