"""The front end in C against the one in numpy, built for the host."""

import ctypes
import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.errors import InputError
from deploy.frontend import FRONT_ENDS, FrontEnd
from deploy.interpreters import quantize
from deploy.mcu.front_end_tables import front_end_header, map_columns, scratch_bytes
from deploy.resampling import resample

C_FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "mcu" / "c"
WARNINGS = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
SANITIZERS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

SPEC = FRONT_ENDS["dcase2024"]
SMALL = replace(
    SPEC, name="small", rate_hz=16_000, n_fft=512, win_length=400, hop_length=160, n_mels=40,
    f_min_hz=50.0, f_max_hz=7_600.0,
)  # fmt: skip
WHOLE = replace(
    SMALL,
    name="whole",
    n_fft=1024,
    win_length=1024,
    hop_length=1024,
    pre_emphasis=0.9,
    f_min_hz=0.0,
)
SHORT = replace(SMALL, name="short", n_fft=64, win_length=22, hop_length=7, n_mels=8)
SMALLEST = replace(SMALL, name="smallest", n_fft=16, win_length=2, hop_length=2, n_mels=1)
ALL = {spec.name: spec for spec in (*FRONT_ENDS.values(), SMALL, WHOLE, SHORT, SMALLEST)}
every_front_end = pytest.mark.parametrize("spec", ALL.values(), ids=ALL)

WAVES = [C_FOLDER / "programs" / "waves.c", "port.c"]

LABELS = ("airport", 'a "quoted" \\ name??/', "métro")
LEVEL, ZERO_POINT = 0.0695, 36

MODEL = """\
#ifndef MODEL_H
#define MODEL_H
#include <stdint.h>
#define MODEL_INPUT_ROWS {rows}
#define MODEL_INPUT_COLUMNS {columns}
#define MODEL_INPUT_CHANNELS 1
#define MODEL_OUTPUT_SIZE {outputs}
#define MODEL_ARENA_BYTES {arena}
union model_memory {{
    int8_t bytes[MODEL_ARENA_BYTES];
    float floats[MODEL_ARENA_BYTES / 4];
}};
extern union model_memory model_arena;
extern int8_t heard[MODEL_INPUT_ROWS][MODEL_INPUT_COLUMNS];
typedef void (*model_row_source)(int row, int8_t *values);
void model_run_rows(model_row_source source, int8_t output[MODEL_OUTPUT_SIZE]);
#endif
"""

NETWORK = """\
#include "model.h"
#include <string.h>
union model_memory model_arena;
int8_t heard[MODEL_INPUT_ROWS][MODEL_INPUT_COLUMNS];
void model_run_rows(model_row_source source, int8_t output[MODEL_OUTPUT_SIZE])
{
    memset(&model_arena, 0x7F, sizeof model_arena); /* NaNs for what relies on it */
    for (int row = 0; row < MODEL_INPUT_ROWS; row++) {
        source(row, heard[row]);
    }
    memcpy(output, heard, 1);
    memset(output + 1, 7, MODEL_OUTPUT_SIZE - 1);
}
"""

PORT = """\
#include "port.h"
#include <stdio.h>
#include <stdlib.h>
static FILE *files[8];
static int opened;
static uint64_t count;
int port_open(const char *path, char mode)
{
    files[opened] = fopen(path, mode == 'r' ? "rb" : "wb");
    return files[opened] ? opened++ : -1;
}
int port_read(int file, void *bytes, int size)
{
    return (int)fread(bytes, 1, (size_t)size, files[file]);
}
int port_write(int file, const void *bytes, int size)
{
    return (int)fwrite(bytes, 1, (size_t)size, files[file]);
}
void port_close(int file) { fclose(files[file]); }
void port_exit(int code) { exit(code); }
void port_start_counter(void) { count = 0; }
uint64_t port_counter(void) { return count += 10; }
"""

STRAIN = """\
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "frontend.h"
#include "scene.h"
/* Recordings of any length in chunks of their own size, so that none can be read beyond its end. */
static void push(int samples, int chunk)
{
    static uint32_t noise = 1;
    for (int left = samples; left > 0; left -= chunk) {
        const int count = left < chunk ? left : chunk;
        int16_t *copy = malloc((size_t)count * sizeof *copy);
        for (int i = 0; i < count; i++) {
            noise = noise * 1664525u + 1013904223u;
            copy[i] = (int16_t)(noise >> 24 & 1 ? 32767 : -32768);
        }
        scene_push_samples(copy, count);
        free(copy);
    }
}
int main(void)
{
    int8_t logits[SCENE_LABELS];
    const int half = FRONTEND_WINDOW / 2;
    const int lengths[] = {0, 1, 2, half, half + 1, half + 2, half + 3, 2 * half, SCENE_HOP,
                           2 * half + SCENE_HOP + 1, 7 * half + 5, 20 * half + SCENE_HOP};
    push(5000, 100);
    scene_finish();
    scene_run(logits);
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        scene_reset();
        push(lengths[i], 1 + 37 * (int)i);
        scene_run(logits);
        scene_finish();
        push(100, 100);
        scene_finish();
        scene_run(logits);
    }
    return 0;
}
"""


def compiler():
    """The command of a C compiler."""
    if shutil.which("cc"):
        return ["cc"]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    return pytest.skip("no C compiler: neither cc nor the Python package ziglang is there")


def write_project(folder, spec):
    """The front end's C files with a network that only remembers what it heard."""
    folder.mkdir()
    columns = map_columns(spec, (1, spec.n_mels, spec.frames(spec.rate_hz), 1))
    scale = LEVEL / spec.deviation
    tables = front_end_header(spec, scale, ZERO_POINT, columns, LABELS)
    model = MODEL.format(
        rows=spec.n_mels, columns=columns, outputs=len(LABELS), arena=scratch_bytes(spec)
    )
    texts = {"frontend_tables.h": tables, "model.h": model, "network.c": NETWORK, "port.c": PORT}
    for name, text in (texts | {"strain.c": STRAIN}).items():
        (folder / name).write_text(text)
    for source in (*C_FOLDER.glob("frontend.*"), *C_FOLDER.glob("scene.*")):
        shutil.copy(source, folder)
    return folder


def build(folder, target, *options, program=()):
    sources = [folder / name for name in ("frontend.c", "scene.c", "network.c", *program)]
    command = [
        *compiler(),
        *WARNINGS,
        *options,
        "-I",
        folder,
        "-I",
        C_FOLDER / "port",
        *sources,
        "-o",
        folder / target,
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / target


class Listener:
    """The C files of a front end, loaded."""

    def __init__(self, spec, library):
        self.spec = spec
        self.columns = spec.frames(spec.rate_hz)
        self.c = ctypes.CDLL(str(library))

    def log_mel(self, samples):
        """Log-mel of a whole recording before quantisation, (n_mels, frames)."""
        columns = np.empty((self.spec.frames(len(samples)), self.spec.n_mels), np.float32)
        for index, column in enumerate(columns):
            start = index * self.spec.hop_length - self.spec.padding()
            self.c.frontend_log_mel(pointer(samples), len(samples), start, pointer(column))
        return columns.T

    def push(self, samples, chunks=()):
        """Push samples in chunks of the given sizes, and the rest at once."""
        first = 0
        for size in (*chunks, len(samples)):
            piece = np.array(samples[first : first + size])
            computed = self.c.scene_push_samples(pointer(piece), len(piece))
            first += size
        return computed

    def heard(self):
        """The map that the network hears now, (n_mels, columns)."""
        logits = np.zeros(len(LABELS), np.int8)
        self.c.scene_run(pointer(logits))
        values = (ctypes.c_int8 * (self.spec.n_mels * self.columns)).in_dll(self.c, "heard")
        assert logits.tolist() == [values[0], 7, 7]
        return np.array(values, np.int8).reshape(self.spec.n_mels, self.columns)

    def hear(self, samples, chunks=()):
        """The map of the end of a recording."""
        self.c.scene_reset()
        self.push(samples, chunks)
        self.c.scene_finish()
        return self.heard()


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


@pytest.fixture(scope="module")
def listener(tmp_path_factory):
    """A function from a front end to its C files, loaded."""
    folder = tmp_path_factory.mktemp("front_end")
    made = {}

    def load(spec):
        if spec.name not in made:
            project = write_project(folder / spec.name, spec)
            made[spec.name] = Listener(spec, build(project, "scene.so", "-shared", "-fPIC"))
        return made[spec.name]

    return load


@pytest.fixture(scope="module")
def small(listener):
    return listener(SMALL)


def as_int16(wave):
    return np.clip(np.round(wave * 2**15), -(2**15), 2**15 - 1).astype(np.int16)


def in_python(spec, samples):
    """Log-mel (n_mels, frames) of int16 samples."""
    return spec.log_mel(samples[None].astype(np.float32) / 2**15)[0, 0]


def levels(spec, log_mel):
    """As the interpreter of the network quantises it."""
    quantization = (LEVEL / spec.deviation, ZERO_POINT)
    return quantize(log_mel, {"dtype": np.int8, "quantization": quantization})


def assert_same_levels(found, expected, share=0.999):
    error = np.abs(found.astype(int) - expected)
    assert found.shape == expected.shape
    assert error.max() <= 1
    assert (error == 0).mean() > share


def made_sounds(rate_hz):
    """A second each of sounds that are hard for a transform in float32, by name."""
    time = np.arange(rate_hz) / rate_hz
    rng = np.random.default_rng(0)
    waves = {
        "silence": 0 * time,
        "last bit": rng.integers(-1, 2, rate_hz) / 2**15,
        "noise": rng.normal(0, 0.1, rate_hz),
        "full-scale noise": rng.uniform(-1, 1, rate_hz),
        "square wave": np.sign(np.sin(2 * np.pi * 100 * time + 0.1)),
        "fastest square wave": 1 - 2.0 * (np.arange(rate_hz) % 2),
        "constant": 1 + 0 * time,
        "tone": np.sin(2 * np.pi * 1_000 * time),
        "quiet tone": 0.001 * np.sin(2 * np.pi * 440.3 * time),
        "click": (np.arange(rate_hz) == rate_hz // 3) * 1.0,
    }
    return {name: as_int16(wave) for name, wave in waves.items()}


@pytest.fixture(scope="module")
def recordings(shared):
    """A function from a rate to the real recordings at it, int16."""
    paths = sorted((shared / "data" / "real").glob("*.wav"))
    assert paths

    def at(rate_hz):
        waves = (soundfile.read(path, dtype="float32") for path in paths)
        return [as_int16(resample(wave, hz, rate_hz)) for wave, hz in waves]

    return at


@every_front_end
def test_log_mel_of_real_recordings(listener, recordings, spec):
    for samples in recordings(spec.rate_hz):
        error = np.abs(listener(spec).log_mel(samples) - in_python(spec, samples))
        assert error.mean() < 1e-5
        assert error.max() < 2e-3


@every_front_end
def test_levels_of_real_recordings(listener, recordings, spec):
    """Second by second, as the classifier hears them."""
    for samples in recordings(spec.rate_hz):
        seconds = samples[: len(samples) // spec.rate_hz * spec.rate_hz].reshape(-1, spec.rate_hz)
        found = np.stack([listener(spec).hear(second) for second in seconds])
        expected = np.stack([levels(spec, in_python(spec, second)) for second in seconds])
        assert_same_levels(found, expected)


@every_front_end
@pytest.mark.parametrize("name", made_sounds(16))
def test_made_sounds(listener, spec, name):
    samples = made_sounds(spec.rate_hz)[name]
    expected = in_python(spec, samples)
    assert np.abs(listener(spec).log_mel(samples) - expected).mean() < 1e-3
    # Where nothing changes, a mel that lies between two levels does so in all columns.
    assert_same_levels(listener(spec).hear(samples), levels(spec, expected), share=0.998)


@every_front_end
def test_lengths_of_recordings(listener, spec):
    """The end is reflected wherever it lies between two columns."""
    samples = made_sounds(spec.rate_hz)["noise"]
    shortest = spec.padding() + spec.samples_lost + 1
    for length in {*range(shortest, shortest + 5), *range(9_000, 9_000 + spec.hop_length, 61)}:
        expected = levels(spec, in_python(spec, samples[:length]))[:, -listener(spec).columns :]
        found = listener(spec).hear(samples[:length])
        assert_same_levels(found[:, -expected.shape[1] :], expected)
        assert (found[:, : -expected.shape[1]] == levels(spec, silence(spec))).all()


def silence(spec):
    return np.float32((np.log(spec.log_offset) - spec.mean) / spec.deviation)


@settings(deadline=None, max_examples=40)
@given(chunks=st.lists(st.integers(0, 3_000), max_size=30))
def test_chunks_make_no_difference(small, chunks):
    samples = made_sounds(SMALL.rate_hz)["noise"]
    np.testing.assert_array_equal(small.hear(samples, chunks), small.hear(samples))


@every_front_end
def test_single_samples_make_no_difference(listener, spec):
    samples = made_sounds(spec.rate_hz)["full-scale noise"]
    chunks = [1] * len(samples)
    np.testing.assert_array_equal(
        listener(spec).hear(samples, chunks), listener(spec).hear(samples)
    )


@pytest.mark.parametrize("spec", [SPEC, FRONT_ENDS["cpjku2023"], SMALL, SHORT])
def test_network_runs_at_any_hop_of_a_long_recording(listener, recordings, spec):
    there = listener(spec)
    samples = recordings(spec.rate_hz)[0][: 3 * spec.rate_hz]
    expected = levels(spec, in_python(spec, samples))
    there.c.scene_reset()
    for first in range(0, len(samples), spec.rate_hz // 7):
        computed = there.push(samples[first : first + spec.rate_hz // 7])
        assert there.c.scene_ready() == (computed >= there.columns)
        if there.c.scene_ready():
            stretch = expected[:, computed - there.columns : computed]
            assert_same_levels(there.heard(), stretch)
    waiting = spec.padding() // spec.hop_length + 1
    assert expected.shape[1] - waiting <= computed < expected.shape[1]


def test_nothing_is_heard_but_between_reset_and_finish(small):
    noise = made_sounds(SMALL.rate_hz)["noise"]
    before = small.hear(noise)
    small.push(noise[::-1])
    small.c.scene_finish()
    np.testing.assert_array_equal(small.heard(), before)
    small.c.scene_reset()
    assert not small.c.scene_ready()
    assert (small.heard() == levels(SMALL, silence(SMALL))).all()


def test_nothing_is_heard_before_the_first_reset(tmp_path):
    project = write_project(tmp_path / "new", SMALL)
    new = Listener(SMALL, build(project, "scene.so", "-shared", "-fPIC"))
    assert new.push(made_sounds(SMALL.rate_hz)["noise"]) == 0
    new.c.scene_finish()
    assert not new.c.scene_ready()
    assert not new.heard().any()


def test_too_short_a_recording_has_no_columns(small):
    found = small.hear(made_sounds(SMALL.rate_hz)["noise"][: SMALL.padding()])
    assert (found == levels(SMALL, silence(SMALL))).all()


def test_labels_are_those_given(small):
    names = (ctypes.c_char_p * len(LABELS)).in_dll(small.c, "scene_labels")
    assert tuple(name.decode() for name in names) == LABELS


def test_program_classifies_recordings(tmp_path):
    """waves.c under the sanitizers."""
    project = write_project(tmp_path / "waves", SMALL)
    program = build(project, "waves", *sanitizers(), program=WAVES)
    seconds = [made_sounds(SMALL.rate_hz)[name] for name in ("noise", "tone")]
    np.concatenate(seconds).tofile(tmp_path / "waves.bin")
    assert run(program, tmp_path).returncode == 0
    assert not (tmp_path / "maps.bin").exists()
    (tmp_path / "want_maps").touch()
    assert run(program, tmp_path).returncode == 0
    maps = np.fromfile(tmp_path / "maps.bin", np.int8).reshape(2, SMALL.n_mels, -1)
    assert_same_levels(maps, np.stack([levels(SMALL, in_python(SMALL, s)) for s in seconds]))
    logits = np.fromfile(tmp_path / "outputs.bin", np.int8)
    assert logits.tolist() == [maps[0, 0, 0], 7, 7, maps[1, 0, 0], 7, 7]
    counts = np.fromfile(tmp_path / "counts.bin", np.uint64)
    assert counts.tolist() == [10 * (SMALL.rate_hz // 160 + 1), 10]


@pytest.mark.parametrize(
    ("samples", "code"),
    [(None, 64), (0, 0), (100, 65), (SMALL.rate_hz - 1, 65), (2 * SMALL.rate_hz + 160, 65)],
)
def test_program_says_that_recordings_are_incomplete(tmp_path, samples, code):
    project = write_project(tmp_path / "waves", SMALL)
    program = build(project, "waves", program=WAVES)
    if samples is not None:
        np.zeros(samples, np.int16).tofile(tmp_path / "waves.bin")
    assert run(program, tmp_path).returncode == code


@pytest.mark.slow
@every_front_end
def test_nothing_undefined_happens(tmp_path, spec):
    program = build(
        write_project(tmp_path / "strain", spec), "strain", *sanitizers(), program=["strain.c"]
    )
    done = run(program, tmp_path)
    assert done.returncode == 0, done.stderr


def sanitizers():
    return SANITIZERS if compiler() == ["cc"] else ["-fsanitize=undefined"]


def run(program, folder):
    return subprocess.run(
        [program],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"ASAN_OPTIONS": "detect_leaks=0"},
    )


def test_tables_stay_within_their_share_of_flash():
    """Of dcase2024: window, cosines, bins and shares; about 20 kB were set aside."""
    header = front_end_header(SPEC, LEVEL, ZERO_POINT, 65, LABELS)
    sizes = re.findall(r"static const (\w+) \w+\[(\d+)\]", header)
    assert sum(int(count) * {"float": 4, "uint16_t": 2}[kind] for kind, count in sizes) < 20_000


def test_every_number_of_the_header_is_explained():
    header = front_end_header(SPEC, LEVEL, ZERO_POINT, 65, LABELS)
    defined = re.findall(r"^#define (?:SCENE|FRONTEND)_\w+ .*$", header, re.MULTILINE)
    assert len(defined) > 15
    assert all(line.endswith("*/") for line in defined if "LABEL_NAMES" not in line)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_fft": 4000}, "found n_fft 4000, expected a power of two from 16 on"),
        ({"n_fft": 8, "win_length": 8, "hop_length": 4, "n_mels": 2}, "found n_fft 8"),
        ({"win_length": 3071}, "found win_length 3071"),
        ({"hop_length": 4000}, "hop_length 4000, expected an even window and a hop no longer"),
        ({"log_offset": 0.0}, "found log_offset 0, expected at least 1.2e-38"),
        ({"rate_hz": 31, "f_max_hz": 15.5, "n_mels": 4}, "another form than triangles"),
    ],
)
def test_what_c_cannot_do_is_refused(change, message):
    with pytest.raises(InputError, match=re.escape(message)):
        front_end_header(replace(SPEC, **change), LEVEL, ZERO_POINT, 65, LABELS)


def test_filters_of_another_form_are_refused(monkeypatch):
    normalised = SPEC.mel_filters() / SPEC.mel_filters().sum(axis=0)
    monkeypatch.setattr(FrontEnd, "mel_filters", lambda self: normalised)
    with pytest.raises(InputError, match="triangles that each begin at the peak of the one before"):
        front_end_header(SPEC, LEVEL, ZERO_POINT, 65, LABELS)


@pytest.mark.parametrize("shape", [(1, 256, 65, 2), (1, 1, 256, 65), (1, 256, 64, 1), (256, 65)])
def test_inputs_of_another_shape_are_refused(shape):
    assert map_columns(SPEC, (1, 256, 65, 1)) == 65
    with pytest.raises(InputError, match=re.escape(f"found shape {shape}")):
        map_columns(SPEC, shape)
