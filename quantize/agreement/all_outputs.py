"""What every system of a run gives for the same log-mels, each TFLite file on every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from baseline.run import Run
from baseline.trained_network import load_network
from deploy.errors import InputError
from deploy.interpreters import dequantize, open_interpreter, quantize
from quantize.agreement.engines import ENGINES, REFERENCE, Engine, EngineError, LiteRT, open_engine
from quantize.quiet import output_to
from quantize.system_names import FLOAT_SYSTEM, available_systems

Network = Callable[[np.ndarray], np.ndarray]
"""Log-mels (batch, 1, mels, frames) to logits (batch, classes), both float32."""


@dataclass(frozen=True)
class Outputs:
    """Results on the same clips, in their order."""

    logits: dict[str, np.ndarray]
    """By system, a TFLite file's with the engine: (clips, classes), float32."""
    integers: dict[str, dict[str, np.ndarray]]
    """By TFLite file and engine: the same before dequantising, (clips, classes)."""
    left_out: dict[str, str]
    """System with engine, and why it was not run."""


class TfliteFile:
    """A TFLite file on each engine that runs it here."""

    def __init__(self, path: Path) -> None:
        self.engines: dict[str, Engine] = {}
        self.left_out: dict[str, str] = {}
        for name in ENGINES:
            try:
                self.engines[name] = open_engine(name, path)
            except EngineError as error:
                self.left_out[name] = str(error)
        reference = self.engines.get(REFERENCE)
        if not isinstance(reference, LiteRT):
            raise InputError(f"{path}: {self.left_out[REFERENCE]}; quantise the run again.")
        self._input, self.output = reference.input, reference.output

    def integers(self, log_mels: np.ndarray) -> dict[str, np.ndarray]:
        """For each engine what the file gives, in its own number format, (batch, classes)."""
        shape = self._input["shape"]
        inputs = [quantize(log_mel.reshape(shape), self._input) for log_mel in log_mels]
        return {
            name: np.concatenate([engine.run(values) for values in inputs])
            for name, engine in self.engines.items()
        }


def all_outputs(run: Run, batches: Iterable[np.ndarray]) -> Outputs:
    """Run all systems but torch's half precision.

    Args:
        batches: log-mels (batch, 1, mels, frames), float32.

    Raises:
        InputError: damaged weights or files, or logits that are not finite.
    """
    networks = _networks(run)
    with output_to(run.quantize_log):  # for what XNNPACK says about itself
        files = _tflite_files(run)
    parts = [_outputs(networks, files, log_mels) for log_mels in batches]
    outputs = Outputs(
        {name: np.concatenate([part.logits[name] for part in parts]) for name in parts[0].logits},
        {
            system: {
                engine: np.concatenate([part.integers[system][engine] for part in parts])
                for engine in file.engines
            }
            for system, file in files.items()
        },
        {
            on_engine(system, engine): reason
            for system, file in files.items()
            for engine, reason in file.left_out.items()
        },
    )
    _require_finite(run, outputs.logits)
    return outputs


def on_engine(system: str, engine: str) -> str:
    """What a TFLite file on an engine is called, such as `tflite-int8 TFLM`."""
    return f"{system} {engine}"


def _torch_network(network: nn.Module) -> Network:
    def logits(log_mels: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            result: np.ndarray = network(torch.from_numpy(log_mels)).numpy()
        return result

    return logits


def _networks(run: Run) -> dict[str, Network]:
    onnx = available_systems(run, "onnx")
    return {
        FLOAT_SYSTEM: _torch_network(load_network(run)),
        **{system: _onnx_network(run.model_file(system)) for system in onnx},
    }


def _onnx_network(path: Path) -> Network:
    network = open_interpreter(path)
    return lambda log_mels: np.concatenate([network.logits(x[None]) for x in log_mels])


def _tflite_files(run: Run) -> dict[str, TfliteFile]:
    return {
        system: TfliteFile(run.model_file(system)) for system in available_systems(run, "tflite")
    }


def _outputs(
    networks: dict[str, Network], files: dict[str, TfliteFile], log_mels: np.ndarray
) -> Outputs:
    logits = {system: network(log_mels) for system, network in networks.items()}
    integers = {system: file.integers(log_mels) for system, file in files.items()}
    for system, of_engine in integers.items():
        for engine, values in of_engine.items():
            logits[on_engine(system, engine)] = dequantize(values, files[system].output)
    return Outputs(logits, integers, {})


def _require_finite(run: Run, logits: dict[str, np.ndarray]) -> None:
    for name, values in logits.items():
        if not np.isfinite(values).all():
            raise InputError(
                f"{run.folder}: {name} gives NaN on the test split, expected logits; train again "
                "with a smaller learning rate, or quantise again."
            )
