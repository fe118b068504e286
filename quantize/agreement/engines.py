"""The engines that run a TFLite file: LiteRT's reference kernels, XNNPACK, TFLite Micro (TFLM)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from deploy.errors import InputError

REFERENCE, XNNPACK, TFLM = "reference", "XNNPACK", "TFLM"
ENGINES = (REFERENCE, XNNPACK, TFLM)

ARENA_BYTES = 64 << 20
"""Memory lent to TFLM: more than any network here needs, for it refuses to run with less."""

NO_TFLM = (
    "the package tflite-micro is not installed; there are builds of it for Linux on x86-64 only: "
    "pip install tflite-micro"
)


class Engine(Protocol):
    """Runs a network of one input and one output on numbers as the file stores them."""

    def run(self, values: np.ndarray) -> np.ndarray: ...


class EngineError(Exception):
    """An engine that is not installed here, or that refuses the network; the reason in words."""


def open_engine(name: str, path: Path) -> Engine:
    """One of `ENGINES` with a file loaded.

    Raises:
        EngineError: not installed here, or without a kernel for one of the operators.
        InputError: no file, or not one of TFLite's.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such model file; check the path.")
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise InputError(f"{path}: is not a TFLite model; export it again.")
    try:
        return TfliteMicro(content) if name == TFLM else LiteRT(content, reference=name != XNNPACK)
    except (ValueError, RuntimeError) as error:
        raise EngineError(f"refuses the network ({' '.join(str(error).split())})") from error


class LiteRT:
    """LiteRT with one thread, and either its reference kernels or what it chooses by itself."""

    def __init__(self, content: bytes, *, reference: bool, keep_tensors: bool = False) -> None:
        """Load a file.

        Args:
            keep_tensors: whether each tensor keeps a place of its own, to be read by `tensor`.
        """
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
        self._interpreter = Interpreter(
            model_content=content,
            num_threads=1,
            experimental_op_resolver_type=resolver,
            experimental_preserve_all_tensors=keep_tensors,
        )
        self._interpreter.allocate_tensors()
        self.input: dict[str, Any] = self._interpreter.get_input_details()[0]
        self.output: dict[str, Any] = self._interpreter.get_output_details()[0]

    def run(self, values: np.ndarray) -> np.ndarray:
        """What the network gives for one input of the file's own shape and number format."""
        self._interpreter.set_tensor(self.input["index"], values)
        self._interpreter.invoke()
        return self.tensor(self.output["index"])

    def tensors(self) -> list[dict[str, Any]]:
        """Index, name, shape and number format of each tensor of the file."""
        details: list[dict[str, Any]] = self._interpreter.get_tensor_details()
        return details

    def tensor(self, index: int) -> np.ndarray:
        """A copy of what a tensor holds; of others than the output only where all are kept."""
        values: np.ndarray = self._interpreter.get_tensor(index)
        return values


class TfliteMicro:
    """TensorFlow Lite for Microcontrollers, on this machine's processor."""

    def __init__(self, content: bytes) -> None:
        try:
            from tflite_micro import runtime
        except ImportError as error:
            raise EngineError(NO_TFLM) from error
        self._interpreter = runtime.Interpreter.from_bytes(content, arena_size=ARENA_BYTES)

    def run(self, values: np.ndarray) -> np.ndarray:
        """As `LiteRT.run`. The input is set each time, for its memory is used for other values."""
        self._interpreter.set_input(values, 0)
        self._interpreter.invoke()
        output: np.ndarray = self._interpreter.get_output(0)
        return output.copy()
