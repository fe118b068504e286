"""Running a network file: TFLite by LiteRT or tflite-runtime, ONNX by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from deploy.errors import InputError


class Interpreter(Protocol):
    """A network that maps one log-mel (1, 1, mels, frames) to logits (1, classes), float32."""

    def logits(self, log_mel: np.ndarray) -> np.ndarray: ...


def open_interpreter(path: Path, threads: int = 1) -> Interpreter:
    """Load a .tflite or .onnx file.

    Raises:
        InputError: missing, damaged or of another kind, or no interpreter is installed for it.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such model file; check the path.")
    if path.suffix == ".tflite":
        return TfliteNetwork(path, threads)
    if path.suffix == ".onnx":
        return OnnxNetwork(path, threads)
    raise InputError(f"{path}: found a '{path.suffix}' file, expected .tflite or .onnx.")


class TfliteNetwork:
    """A TFLite network of one input and one output, float or full-int8."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._interpreter = _tflite_interpreter(path, threads)
        self.input = self._interpreter.get_input_details()[0]
        self.output = self._interpreter.get_output_details()[0]

    def logits(self, log_mel: np.ndarray) -> np.ndarray:
        """Logits (1, classes) of one log-mel; its single channel may stand first or last."""
        quantized = quantize(log_mel.reshape(self.input["shape"]), self.input)
        self._interpreter.set_tensor(self.input["index"], quantized)
        self._interpreter.invoke()
        return dequantize(self._interpreter.get_tensor(self.output["index"]), self.output)


class OnnxNetwork:
    """An ONNX network of one input and one output."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError(f"{path}: needs onnxruntime; run: pip install onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # errors come as exceptions
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises classes of its own for a damaged file
            raise InputError(f"{path}: is not a complete ONNX model; export it again.") from error
        self._input = self._session.get_inputs()[0].name

    def logits(self, log_mel: np.ndarray) -> np.ndarray:
        """Logits (1, classes) of one log-mel."""
        outputs: list[np.ndarray] = self._session.run(None, {self._input: log_mel})
        return outputs[0]


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


def _tflite_interpreter(path: Path, threads: int) -> Any:
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise InputError(f"{path}: is not a TFLite model; export it again.")
    absent, failures = [], []
    for load in (_litert, _tflite_runtime):
        try:
            interpreter = load(content, threads)
            interpreter.allocate_tensors()
        except ImportError as error:
            absent.append(str(error))
        except (ValueError, RuntimeError, AttributeError) as error:
            # tflite-runtime imports beside numpy 2 but cannot be constructed: try the other one.
            failures.append(" ".join(str(error).split()))
        else:
            return interpreter
    raise InputError(
        f"{path}: cannot be run ({'; '.join(failures or absent)}); "
        "export it again, or install an interpreter: pip install ai-edge-litert"
    )


def _litert(content: bytes, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter as LitertInterpreter

    return LitertInterpreter(model_content=content, num_threads=threads)


def _tflite_runtime(content: bytes, threads: int) -> Any:
    from tflite_runtime.interpreter import Interpreter as RuntimeInterpreter

    return RuntimeInterpreter(model_content=content, num_threads=threads)
