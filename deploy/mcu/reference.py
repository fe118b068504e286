"""What others' kernels give for the same file and inputs: LiteRT's reference kernels, and TFLM.

They run in a process of their own: a file that crashes a C++ interpreter shall not end ours.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deploy.errors import InputError
from deploy.mcu.network import Network

ENGINES = ("LiteRT", "TFLM")

TFLM_ARENA_BYTES = 64 << 20
"""More than any network here needs, for TFLM refuses to run with less."""

TIMEOUT_S = 600


class EngineMissingError(Exception):
    """The package of an engine is not installed here."""


def reference_outputs(engine: str, model: Path, network: Network, inputs: np.ndarray) -> np.ndarray:
    """The int8 outputs (records, values) that an engine gives for int8 inputs (records, values).

    Raises:
        EngineMissingError: the engine is not installed.
        InputError: it refuses the file, or ends without an answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, taken = Path(folder, "inputs.bin"), Path(folder, "outputs.bin")
        given.write_bytes(inputs.astype(np.int8).tobytes())
        command = [sys.executable, "-m", __name__, engine, str(model), str(given), str(taken)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise InputError(f"{model}: {engine} gave no answer in {TIMEOUT_S} s.") from error
        if done.returncode == MISSING:
            raise EngineMissingError(engine)
        if done.returncode or not taken.is_file():
            reason = (done.stderr.strip().splitlines() or ["it crashed"])[-1]
            raise InputError(f"{model}: {engine} cannot run it ({reason}); export it again.")
        outputs = np.fromfile(taken, np.int8)
    return outputs.reshape(len(inputs), network.tensors[network.output].size)


MISSING = 3
"""Exit code of the process where the engine is not installed."""


def main(engine: str, model: Path, given: Path, taken: Path) -> int:
    """Run one engine on a file of inputs, as the process that `reference_outputs` starts."""
    try:
        run, size = (_litert if engine == "LiteRT" else _tflm)(model.read_bytes())
    except ImportError:
        return MISSING
    inputs = np.fromfile(given, np.int8).reshape(-1, size)
    taken.write_bytes(b"".join(run(values).tobytes() for values in inputs))
    return 0


Engine = tuple[Callable[[np.ndarray], np.ndarray], int]
"""A function from the values of one input to those of the output, and the number of the former."""


def _litert(content: bytes) -> Engine:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    source, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(values: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source["index"], values.reshape(source["shape"]))
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(output["index"]))

    return run, int(np.prod(source["shape"]))


def _tflm(content: bytes) -> Engine:
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(content, arena_size=TFLM_ARENA_BYTES)
    shape = interpreter.get_input_details(0)["shape"]

    def run(values: np.ndarray) -> np.ndarray:
        interpreter.set_input(values.reshape(shape), 0)
        interpreter.invoke()
        return np.asarray(interpreter.get_output(0))

    return run, int(np.prod(shape))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(Path, sys.argv[2:])))
