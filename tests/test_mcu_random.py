"""Random networks of all supported operators as C, integer for integer against TFLM."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from mcu_networks import NetworkFile, Tensor, blocks_of, networks, single_layers, write

from deploy.errors import InputError
from deploy.mcu import emulator, reference, toolchain
from deploy.mcu.boards import board, write_board_files
from deploy.mcu.emit_model import model_header, model_source
from deploy.mcu.emit_weights import weights_header
from deploy.mcu.network import Network
from deploy.mcu.plan import Plan, make_plan
from deploy.mcu.project import C_FILES
from deploy.mcu.reader import read_network

pytest.importorskip("tflite_micro")
needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")

Drawn = tuple[NetworkFile, Tensor]

RECORDS = 6
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# The same networks each time: which ones are drawn shall not decide whether a change lands.
FEW = settings(
    max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
MANY = settings(FEW, max_examples=200)


def emitted(folder: Path, drawn: Drawn, *, fast: bool = False) -> tuple[Path, Plan]:
    """The .tflite file of a network, and its C beside it."""
    assume(drawn[0].lines)  # a network of no layers is refused
    model = write(folder / "model.tflite", *drawn)
    try:
        plan = make_plan(read_network(model))
    except InputError as error:  # now and then an output is drawn that is next to constant
        if "too small" not in str(error):
            raise
        reject()
    (folder / "model.h").write_text(model_header(plan, fast_rounding=fast))
    (folder / "model.c").write_text(model_source(plan))
    (folder / "weights.h").write_text(weights_header(plan))
    return model, plan


def random_inputs(drawn: Drawn, network: Network) -> np.ndarray:
    """Noise, what the network was made for, and both ends of the range."""
    source = network.tensors[network.input]
    first = drawn[0].first
    values = np.rint(first.values[0] / first.scale) + first.zero_point
    inputs = drawn[0].random.integers(-128, 128, (RECORDS, source.size))
    inputs[0] = np.clip(values, -128, 127).reshape(-1)
    inputs[1], inputs[2] = -128, 127
    return inputs.astype(np.int8)


def tflm_outputs(folder: Path, model: Path, inputs: np.ndarray) -> np.ndarray:
    """What TFLM gives, in this process: to start one of its own each time takes half a second."""
    given, taken = folder / "given.bin", folder / "taken.bin"
    given.write_bytes(inputs.tobytes())
    assert reference.main("TFLM", model, given, taken) == 0
    return np.fromfile(taken, np.int8).reshape(len(inputs), -1)


def host_outputs(folder: Path, inputs: np.ndarray, *flags: str) -> np.ndarray:
    """What the C gives on this computer, compiled with sanitizers that end it at any finding."""
    sources = [folder / "model.c", *C_FILES.glob("kernels*.c")]
    sources += [C_FILES / "port" / "host" / "host.c", C_FILES / "programs" / "network.c"]
    include = [f"-I{folder}", f"-I{C_FILES}", f"-I{C_FILES / 'port'}"]
    command = ["cc", "-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", *flags, *include]
    subprocess.run([*command, *map(str, sources), "-o", str(folder / "program")], check=True)
    (folder / "inputs.bin").write_bytes(inputs.tobytes())
    done = subprocess.run([folder / "program"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:2000]
    return np.fromfile(folder / "outputs.bin", np.int8).reshape(len(inputs), -1)


def check_equals_tflm(drawn: Drawn, *flags: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, plan = emitted(folder, drawn)
        inputs = random_inputs(drawn, plan.network)
        expected = tflm_outputs(folder, model, inputs)
        found = host_outputs(folder, inputs, *flags)
        np.testing.assert_array_equal(found, expected, err_msg=repr(drawn[0]))


@pytest.mark.slow
@needs_compiler
@FEW
@given(networks())
def test_networks_equal_tflm_under_sanitizers(drawn):
    check_equals_tflm(drawn, *SANITIZERS)


@needs_compiler
def test_a_window_that_meets_only_margin(tmp_path):
    network = NetworkFile(seed=0)
    x = network.pad(network.input(1, 1, 1), (1, 0), (0, 0))
    y = network.convolution(x, 1, (1, 1), (2, 1))
    assert y.shape == (1, 1, 1)
    _, plan = emitted(tmp_path, (network, y))
    inputs = random_inputs((network, y), plan.network)
    outputs = host_outputs(tmp_path, inputs, *SANITIZERS)
    assert (outputs == outputs[0]).all()


@needs_compiler
def test_tensors_before_a_window_of_margin_are_left_out(tmp_path):
    network = NetworkFile(seed=0)
    x = network.convolution(network.input(2, 2, 1), 4, (1, 1), (1, 1))
    y = network.max_pool(network.pad(x, (1, 0), (0, 0)), (1, 1), (3, 1))
    assert y.shape == (1, 2, 4)
    _, plan = emitted(tmp_path, (network, y))
    host_outputs(tmp_path, random_inputs((network, y), plan.network), *SANITIZERS)


@pytest.mark.slow
@needs_compiler
@settings(FEW, max_examples=10)
@given(blocks_of("max_pool", "grouped"))
def test_pools_and_groups_equal_tflm_under_sanitizers(drawn):
    check_equals_tflm(drawn, *SANITIZERS)


@pytest.mark.slow
@needs_compiler
@MANY
@given(networks())
def test_two_hundred_networks_equal_tflm(drawn):
    check_equals_tflm(drawn)


@pytest.mark.slow
@needs_compiler
@settings(FEW, max_examples=30)
@given(single_layers())
def test_fast_rounding_is_at_most_one_off_in_a_layer(drawn):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, plan = emitted(folder, drawn)
        inputs = random_inputs(drawn, plan.network)
        exact = host_outputs(folder, inputs)
        emitted(folder, drawn, fast=True)
        off = np.abs(host_outputs(folder, inputs).astype(int) - exact)
        assert off.max() <= 1, repr(drawn[0])


def firmware_outputs(folder: Path, inputs: np.ndarray, name: str) -> np.ndarray:
    """What the C gives on an emulated board."""
    tools = toolchain.installed()[0]
    known = board(name)
    kind = emulator.installed(known)[0]
    shutil.copytree(C_FILES, folder, dirs_exist_ok=True)
    for file in ("frontend.c", "scene.c"):
        (folder / file).unlink()
    write_board_files(folder)
    program = toolchain.build(folder, known, "network", tools, folder / "build", optimisation="-O1")
    (folder / "inputs.bin").write_bytes(inputs.tobytes())
    emulator.run(program, known, folder, kind)
    return np.fromfile(folder / "outputs.bin", np.int8).reshape(len(inputs), -1)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("mps2-an386", 200), ("mps3-an547", 30)])
def test_networks_equal_tflm_under_emulation(name, count):
    if not toolchain.installed() or not emulator.installed(board(name)):
        pytest.skip("no toolchain or no emulator is installed")

    @settings(MANY, max_examples=count)
    @given(networks())
    def check(drawn: Drawn) -> None:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            model, plan = emitted(folder, drawn)
            inputs = random_inputs(drawn, plan.network)
            expected = tflm_outputs(folder, model, inputs)
            found = firmware_outputs(folder, inputs, name)
            np.testing.assert_array_equal(found, expected, err_msg=repr(drawn[0]))

    check()
