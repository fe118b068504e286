"""Running a network file: TFLite by LiteRT or tflite-runtime, ONNX by onnxruntime."""

from __future__ import annotations

from contextlib import redirect_stderr
from importlib import metadata
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from deploy.errors import InputError

LITERT, TFLITE_RUNTIME, ONNXRUNTIME = "ai-edge-litert", "tflite-runtime", "onnxruntime"
BACKENDS = {".tflite": (LITERT, TFLITE_RUNTIME), ".onnx": (ONNXRUNTIME,)}
"""Packages that run each kind of file, the one to try first before the others."""

NUMPY_MISMATCH = ("_ARRAY_API", "numpy.core.multiarray")
"""What is missing for a package that was built for another numpy."""


class Interpreter(Protocol):
    """A network that maps one log-mel (1, 1, mels, frames) to logits (1, classes), float32."""

    backend: str
    """The package that runs it, one of `BACKENDS`."""
    input_type: np.dtype
    output_type: np.dtype

    def logits(self, log_mel: np.ndarray) -> np.ndarray: ...


def open_interpreter(path: Path, threads: int = 1, backend: str | None = None) -> Interpreter:
    """Load a .tflite or .onnx file.

    Args:
        backend: one of `BACKENDS`; without it the first that works.

    Raises:
        InputError: missing, damaged or of another kind, or no interpreter works here.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such model file; check the path.")
    if path.suffix not in BACKENDS:
        raise InputError(f"{path}: found a '{path.suffix}' file, expected .tflite or .onnx.")
    backends = BACKENDS[path.suffix]
    if backend and backend not in backends:
        raise InputError(f"{path}: {backend} runs no {path.suffix}; use {' or '.join(backends)}.")
    if path.suffix == ".onnx":
        return OnnxNetwork(path, threads)
    return TfliteNetwork(path, threads, backend)


def version(backend: str) -> str | None:
    """Version of an interpreter's package, or None where it is not installed."""
    try:
        return metadata.version(backend)
    except metadata.PackageNotFoundError:
        return None


class TfliteNetwork:
    """A TFLite network of one input and one output, float or full-int8."""

    def __init__(self, path: Path, threads: int = 1, backend: str | None = None) -> None:
        self.backend, self._interpreter = _tflite_interpreter(path, threads, backend)
        self.input = self._interpreter.get_input_details()[0]
        self.output = self._interpreter.get_output_details()[0]
        self.input_type = np.dtype(self.input["dtype"])
        self.output_type = np.dtype(self.output["dtype"])

    def logits(self, log_mel: np.ndarray) -> np.ndarray:
        """Logits (1, classes) of one log-mel; its single channel may stand first or last."""
        quantized = quantize(log_mel.reshape(self.input["shape"]), self.input)
        self._interpreter.set_tensor(self.input["index"], quantized)
        self._interpreter.invoke()
        return dequantize(self._interpreter.get_tensor(self.output["index"]), self.output)


class OnnxNetwork:
    """An ONNX network of one input and one output, both float32."""

    backend = ONNXRUNTIME

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            _give_way_to_ctrl_c(error)
            raise InputError(f"{path}: needs onnxruntime; run: pip install onnxruntime") from error
        try:
            self._session = _exact_session(onnxruntime, path.read_bytes(), threads)
        except Exception as error:  # onnxruntime raises classes of its own for a damaged file
            raise InputError(f"{path}: is not a complete ONNX model; export it again.") from error
        self._input = self._session.get_inputs()[0].name
        self.input_type = self.output_type = np.dtype(np.float32)

    def logits(self, log_mel: np.ndarray) -> np.ndarray:
        """Logits (clips, classes) of log-mels; one clip, where the file says no more."""
        outputs: list[np.ndarray] = self._session.run(None, {self._input: log_mel})
        return outputs[0]


def _exact_session(onnxruntime: Any, model: bytes, threads: int) -> Any:
    """A session in which no int8 sum saturates.

    On x86 without VNNI sums of unsigned times signed bytes are cut off at 16 bits unless exact ones
    are asked for. onnxruntime cannot give them to layers that share zero points; there it runs the
    file as it is written, in float between its quantisations, which is slower.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # errors come as exceptions
    options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception:  # one of onnxruntime's own; a damaged file fails again below
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def quantize(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Float values in the number format of a TFLite tensor: round(x / scale) + zero point."""
    dtype = tensor["dtype"]
    if dtype == np.float32:
        return np.asarray(values, np.float32)
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(dtype)
    return np.clip(np.round(values / scale) + zero_point, limits.min, limits.max).astype(dtype)


def dequantize(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """The float32 values of a TFLite tensor: (q - zero point) * scale."""
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    return (values.astype(np.float32) - zero_point) * np.float32(scale)


def _tflite_interpreter(path: Path, threads: int, backend: str | None) -> tuple[str, Any]:
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise InputError(f"{path}: is not a TFLite model; export it again.")
    failures = []
    for name in [backend] if backend else BACKENDS[".tflite"]:
        try:
            return name, load(name, content, threads)
        except LoadError as error:
            failures.append(error)
    present = [error for error in failures if not error.absent]
    raise InputError(
        f"{path}: cannot be run ({'; '.join(map(str, present or failures))}); "
        f"export it again, or install an interpreter: pip install {backend or LITERT}"
    )


class LoadError(Exception):
    """Why an interpreter does not run a TFLite file, in words."""

    def __init__(self, reason: str, *, absent: bool) -> None:
        super().__init__(reason)
        self.absent = absent
        """Whether the interpreter is not installed."""


def load(backend: str, content: bytes, threads: int = 1) -> Any:
    """A constructed TFLite interpreter with its memory allocated.

    An import proves nothing: tflite-runtime can be imported beside numpy 2, but not constructed.

    Raises:
        LoadError: not installed, broken, or not able to run this file.
    """
    try:
        with redirect_stderr(StringIO()):  # numpy 2 prints a page about modules built for numpy 1
            interpreter = _LOADERS[backend](content, threads)
        interpreter.allocate_tensors()
    except (ImportError, ValueError, RuntimeError, AttributeError, SystemError) as error:
        _give_way_to_ctrl_c(error)
        reason = " ".join(str(error.__cause__ or error).split())
        mismatch = any(name in reason for name in NUMPY_MISMATCH)
        if mismatch:
            reason = f"{backend} {version(backend)} needs numpy<2, found {np.__version__}"
        absent = isinstance(error, ImportError) and not mismatch
        raise LoadError(reason, absent=absent) from error
    return interpreter


def _give_way_to_ctrl_c(error: BaseException) -> None:
    """Raise KeyboardInterrupt again where C++ made another error of it."""
    if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
        raise KeyboardInterrupt from error


def _litert(content: bytes, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter as LitertInterpreter

    return LitertInterpreter(model_content=content, num_threads=threads)


def _tflite_runtime(content: bytes, threads: int) -> Any:
    from tflite_runtime.interpreter import Interpreter as RuntimeInterpreter

    return RuntimeInterpreter(model_content=content, num_threads=threads)


_LOADERS = {LITERT: _litert, TFLITE_RUNTIME: _tflite_runtime}
