"""The verbs `mcu`, `mcu test`, `mcu report` and `estimate`, on a small network that hears."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from mcu_model import FRONT_END, LABELS, write_model

import tinyscene
from deploy.errors import InputError
from deploy.mcu import emulator, estimate, machines, project, toolchain
from deploy.mcu.boards import BOARDS, board
from deploy.mcu.emulator import Emulator
from deploy.mcu.project import TARGETS, open_project, write_project
from deploy.mcu.toolchain import Toolchain
from deploy.mcu.verification import verify

HAS_COMPILER = shutil.which("cc") or "zig" in toolchain.installed()
needs_compiler = pytest.mark.skipif(not HAS_COMPILER, reason="no C compiler and no ziglang")
needs_gcc_and_qemu = pytest.mark.skipif(
    "gcc" not in toolchain.installed() or not shutil.which(emulator.QEMU),
    reason="arm-none-eabi-gcc and qemu-system-arm are not installed",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def written(model, tmp_path_factory) -> Path:
    """A project for the default target."""
    folder = tmp_path_factory.mktemp("project") / "firmware"
    write_project(model, folder, target="cortex-m4", rounding="exact")
    return folder


@pytest.fixture
def firmware(written, tmp_path) -> Path:
    """A copy of the project of one's own."""
    return Path(shutil.copytree(written, tmp_path / "firmware"))


def refused(capsys, *arguments) -> str:
    """The one sentence of a refused command."""
    capsys.readouterr()
    assert tinyscene.main([str(argument) for argument in arguments]) == 2
    (sentence,) = capsys.readouterr().err.strip().splitlines()
    return sentence


def emulations() -> list[object]:
    """Every board with each toolchain and emulator that may be installed."""
    combinations = []
    for known in BOARDS:
        emulators: list[Emulator] = ["qemu"] if known.in_qemu else []
        emulators += ["unicorn"] if known.unicorn_processor else []
        for tools in ("gcc", "zig"):
            for kind in emulators:
                name = f"{known.name}-{tools}-{kind}"
                combinations.append(pytest.param(known.name, tools, kind, id=name))
    return combinations


def machine_or_skip(name: str, tools: Toolchain, kind: Emulator) -> machines.EmulatedBoard:
    if tools not in toolchain.installed():
        pytest.skip(f"{tools} is not installed")
    if kind not in emulator.installed(board(name)):
        pytest.skip(f"{kind} is not installed")
    return machines.EmulatedBoard(board(name), tools, kind)


def test_command_writes_a_project_and_prints_its_plan(model, tmp_path, capsys):
    folder = tmp_path / "firmware"
    assert tinyscene.main(["mcu", str(model), "--out", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "rows held" in printed
    assert "arena" in printed
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert {"model.h", "model.c", "weights.h", "kernels.h", "kernels_dsp.c"} <= files
    assert {"kernels_portable.c", "kernels_mve.c", "frontend.c", "scene.h"} <= files
    assert {"port/mps2-an386/board.ld", "Makefile", "CMakeLists.txt", "README.md"} <= files
    assert {"golden/inputs.bin", "golden/outputs.bin", "golden/model.tflite"} <= files
    assert "STM32" in (folder / "README.md").read_text()
    assert "@BOARD@" not in (folder / "Makefile").read_text()


def test_network_without_front_end_gets_no_scene(model, tmp_path):
    alone = Path(shutil.copy(model, tmp_path / "alone.tflite"))
    write_project(alone, tmp_path / "firmware", target="generic", rounding="exact")
    assert not (tmp_path / "firmware" / "scene.h").exists()
    assert not open_project(tmp_path / "firmware").has_front_end


@pytest.mark.slow
@needs_compiler
def test_command_compares_with_litert_tflm_and_python(written, capsys):
    assert tinyscene.main(["mcu", "test", str(written), "--board", "host"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("ok  ") == 5
    assert "TFLM: 8 inputs, largest difference 0" in printed


@pytest.mark.slow
@needs_compiler
def test_fast_rounding_is_close(model, tmp_path):
    write_project(model, tmp_path / "firmware", target="generic", rounding="fast")
    checks = verify(open_project(tmp_path / "firmware"), machines.machine("host"))
    assert all(check.passed for check in checks)


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("weights.h", "_scales[24] = {\n    ", "_scales[24] = {\n    9999 + "),
        ("model.c", ".zero_point = -128,", ".zero_point = -127,"),
        ("frontend_tables.h", "LEVELS_PER_UNIT ", "LEVELS_PER_UNIT 1.5f * "),
    ],
)
def test_wrong_firmware_is_found(firmware, capsys, name, right, wrong):
    text = (firmware / name).read_text()
    assert right in text
    (firmware / name).write_text(text.replace(right, wrong))
    assert tinyscene.main(["mcu", "test", str(firmware), "--board", "host"]) == 1
    assert "FAIL" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
@pytest.mark.parametrize("sanitizer", ["address,undefined", None])
def test_strict_compilers_and_sanitizers_find_nothing(written, tmp_path, sanitizer):
    flags = ("-pedantic-errors", "-Werror", "-Wconversion", "-Wshadow")
    if sanitizer:
        flags = (f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", "-g")
    checks = verify(open_project(written), machines.Host(flags))
    assert all(check.passed for check in checks)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tools", "kind"), emulations())
def test_every_board_equals_tflm(written, name, tools, kind):
    checks = verify(open_project(written), machine_or_skip(name, tools, kind))
    assert [check.name for check in checks if not check.passed] == []


@pytest.mark.slow
@needs_gcc_and_qemu
def test_report_counts_every_layer(written, capsys):
    arguments = ["mcu", "report", str(written), "--board", "netduinoplus2", "--json"]
    assert tinyscene.main(arguments) == 0
    cost = json.loads(capsys.readouterr().out)
    assert "emulation" in cost["kind"]
    layers = {layer["index"]: layer["instructions"] for layer in cost["layers"]}
    assert all(layers.values())
    total = cost["network_instructions"]
    assert 0.8 * total < sum(layers.values()) < 1.1 * total
    assert cost["ram_bytes"] < 64_000
    assert tinyscene.main(arguments[:-1]) == 0
    assert "per MAC" in capsys.readouterr().out


@pytest.mark.slow
@needs_gcc_and_qemu
def test_make_runs_the_golden_inputs(firmware):
    for name in ("host", "mps2-an386"):
        done = subprocess.run(
            ["make", f"BOARD={name}", "run"], cwd=firmware, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "warning" not in done.stderr


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_a_board(model, tmp_path, target):
    write_project(model, tmp_path / target, target=target, rounding="exact")
    assert open_project(tmp_path / target).board in {"host", *(known.name for known in BOARDS)}


def test_earlier_project_is_replaced_whole(firmware, model):
    content = json.loads((firmware / "project.json").read_text())
    content["files"].append("stale.c")  # as another version may have written it
    (firmware / "project.json").write_text(json.dumps(content))
    (firmware / "stale.c").write_text("int stale;")
    (firmware / "build" / "host").mkdir(parents=True)
    (firmware / "build" / "host" / "network.elf").write_text("made of it")
    write_project(model, firmware, target="generic", rounding="exact")
    assert not (firmware / "stale.c").exists()
    assert not (firmware / "build").exists()
    assert open_project(firmware).target == "generic"
    assert [path.name for path in firmware.parent.iterdir()] == [firmware.name]


def test_a_failure_leaves_the_earlier_project(firmware, model, monkeypatch):
    before = (firmware / "project.json").read_text()

    def fail(*_: object) -> np.ndarray:
        raise InputError("LiteRT crashed.")

    monkeypatch.setattr(project, "reference_outputs", fail)
    with pytest.raises(InputError, match="crashed"):
        write_project(model, firmware, target="generic", rounding="exact")
    assert (firmware / "project.json").read_text() == before
    assert [path.name for path in firmware.parent.iterdir()] == [firmware.name]


def test_other_files_are_not_overwritten(model, tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert "holds other files" in refused(capsys, "mcu", model, "--out", tmp_path)
    assert "is a file" in refused(capsys, "mcu", model, "--out", tmp_path / "thesis.tex")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_wrong_commands_are_refused(model, written, tmp_path, capsys):
    out = ("--out", tmp_path / "firmware")
    assert "--out DIR" in refused(capsys, "mcu", model)
    assert "did you mean 'cortex-m55'" in refused(
        capsys, "mcu", model, *out, "--target", "cortex-m5x"
    )
    assert "no such model file" in refused(capsys, "mcu", tmp_path / "none.tflite", *out)
    assert "is no generated project" in refused(capsys, "mcu", "test", tmp_path)
    assert "is no generated project" in refused(capsys, "mcu", "report", tmp_path)
    assert "did you mean" in refused(capsys, "mcu", "test", written, "--board", "mps2-an38")
    assert "counts nothing" in refused(capsys, "mcu", "report", written, "--board", "host")
    assert not (tmp_path / "firmware").exists()


def test_other_labels_or_front_ends_are_refused(tmp_path, capsys):
    model = write_model(tmp_path, labels=(*LABELS, "park"))
    assert "4 labels" in refused(capsys, "mcu", model, "--out", tmp_path / "firmware")
    info = json.loads((tmp_path / "small.tflite.json").read_text())
    info["labels"] = LABELS
    info["front_end"]["hop_length"] = 2 * FRONT_END.hop_length
    (tmp_path / "small.tflite.json").write_text(json.dumps(info))
    assert "shape" in refused(capsys, "mcu", model, "--out", tmp_path / "firmware")


@pytest.mark.parametrize("text", ["{", "[]", '{"target": "z80"}', "{}", '{"target": []}'])
def test_damaged_project_is_refused(firmware, capsys, text):
    (firmware / "project.json").write_text(text)
    assert "project" in refused(capsys, "mcu", "test", firmware, "--board", "host")


@pytest.mark.parametrize(
    "name", ["golden/outputs.bin", "golden/waves.bin", "golden/model.tflite.json", "model.c"]
)
@pytest.mark.parametrize("verb", ["test", "report"])
def test_project_with_missing_files_is_refused(firmware, capsys, verb, name):
    (firmware / name).write_bytes(b"")
    assert f"{name}: is missing or empty; generate the project again" in refused(
        capsys, "mcu", verb, firmware
    )
    (firmware / name).unlink()
    assert f"{name}: is missing or empty" in refused(capsys, "mcu", verb, firmware)


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("name", ["inputs.bin", "outputs.bin", "waves.bin"])
@pytest.mark.parametrize("lost", [1, 5])
def test_shortened_golden_file_is_refused(firmware, capsys, name, lost):
    path = firmware / "golden" / name
    path.write_bytes(path.read_bytes()[:-lost])
    sentence = refused(capsys, "mcu", "test", firmware, "--board", "host")
    assert f"golden/{name}: found" in sentence
    assert "expected whole records" in sentence
    assert sentence.endswith("generate the project again.")


@needs_compiler
def test_golden_outputs_of_fewer_inputs_are_refused(firmware, capsys):
    path = firmware / "golden" / "outputs.bin"
    path.write_bytes(path.read_bytes()[: -len(LABELS)])
    sentence = refused(capsys, "mcu", "test", firmware, "--board", "host")
    assert "found 7 records, expected 8" in sentence


CPLUSPLUS = """\
#include "scene.h"
#include "frontend.h"
#include "kernels.h"
#include "model.h"
#include "port.h"

int main()
{
    int8_t logits[MODEL_OUTPUT_SIZE];
    scene_reset();
    scene_run(logits);
    int8_t row[1] = {0};
    const int8_t other[1] = {1};
    const kernel_rescaling layer = {0, 0, 1 << 30, 1};
    kernel_rescale_row(&layer, other, row, 1);
    return scene_labels[0][0] == 'a' && row[0] == 1 && kernel_clamp(3, 0, 2) == 2 ? 0 : 1;
}
"""


@pytest.mark.skipif(not (shutil.which("g++") and shutil.which("cc")), reason="no g++")
@pytest.mark.parametrize("standard", ["c++11", "c++20"])
def test_headers_serve_cplusplus(written, tmp_path, standard):
    sources = [*written.glob("*.c"), written / "port" / "host" / "host.c"]
    include = [f"-I{written}", f"-I{written / 'port'}"]
    subprocess.run(["cc", "-c", *include, *map(str, sources)], cwd=tmp_path, check=True)
    (tmp_path / "main.cpp").write_text(CPLUSPLUS)
    command = ["g++", f"-std={standard}", "-Wall", "-Wextra", "-pedantic-errors", "-Werror"]
    objects = [path.name for path in tmp_path.glob("*.o")]
    subprocess.run(
        [*command, *include, "main.cpp", *objects, "-o", "program"], cwd=tmp_path, check=True
    )
    assert subprocess.run([tmp_path / "program"]).returncode == 0


def test_missing_tools_are_named(written, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    sentence = refused(capsys, "mcu", "test", written, "--toolchain", "gcc")
    assert "apt-get install gcc-arm-none-eabi" in sentence


@pytest.mark.parametrize("npu", estimate.NPUS)
def test_estimate_says_what_it_is(model, capsys, npu):
    pytest.importorskip("ethosu.vela")
    assert tinyscene.main(["estimate", str(model), "--npu", npu, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "not a measurement" in found["kind"]
    assert found["milliseconds"] > 0
    assert found["sram_bytes"] > 1000
    assert tinyscene.main(["estimate", str(model), "--npu", npu]) == 0
    assert "not a measurement" in capsys.readouterr().out


def test_estimate_of_a_file_whose_name_is_no_text(model, tmp_path, capsys):
    pytest.importorskip("ethosu.vela")
    odd = shutil.copy(model, os.fsencode(tmp_path) + b"/od\xff.tflite")
    arguments = ["estimate", os.fsdecode(odd), "--npu", "ethos-u55-128", "--json"]
    assert tinyscene.main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["cycles"] > 0


def test_unknown_npu_is_refused(model, capsys):
    assert "ethos-u85-256" in refused(capsys, "estimate", model, "--npu", "ethos-n78")


def test_missing_vela_is_named(model, capsys, monkeypatch):
    monkeypatch.setattr(estimate.importlib.util, "find_spec", lambda name: None)
    assert "tinyscene[mcu]" in refused(capsys, "estimate", model, "--npu", "ethos-u55-128")
