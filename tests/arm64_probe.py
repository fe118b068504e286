"""What runs under emulation, with nothing but numpy, `deploy` and one interpreter.

`python arm64_probe.py MODEL QUESTIONS.npz ANSWERS.npz`, where the questions are `waves` (clips,
samples) at `rate_hz`, `integers` (inputs, mels, frames) for TFLite and `log_mels` (inputs, 1, mels,
frames) for ONNX.
"""

from __future__ import annotations

import importlib
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

BROUGHT = {"__main__", "sitecustomize"}
"""Modules of the program itself, and of Debian's Python."""

MODULES = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}


def main(model: Path, questions: Path, answers: Path) -> None:
    """Answer everything that is asked about a model."""
    from deploy.classifier import Classifier, one_second_windows

    loaded = foreign_modules()
    asked = np.load(questions)
    waves, rate_hz = asked["waves"], int(asked["rate_hz"])
    scenes = Classifier(model)
    windows = one_second_windows(waves, rate_hz, scenes.front_end)[:, 0]
    found = {
        "machine": platform.machine(),
        "numpy": np.__version__,
        "backend": scenes.interpreter.backend,
        "modules": loaded,
        "log_mels": np.concatenate([scenes.log_mel(window).copy() for window in windows]),
        "probabilities": scenes.probabilities(waves, rate_hz),
    }
    if model.suffix == ".tflite":
        found |= integer_outputs(scenes.interpreter.backend, model, asked["integers"])
    else:
        logits = [scenes.interpreter.logits(log_mel[None]) for log_mel in asked["log_mels"]]
        found["logits"] = np.concatenate(logits)
    np.savez(answers, **found)


def foreign_modules() -> list[str]:
    """Packages loaded from files so far that do not belong to Python."""
    files = [name for name, module in sys.modules.items() if getattr(module, "__file__", None)]
    loaded = {name.partition(".")[0] for name in files}
    return sorted(loaded - set(sys.stdlib_module_names) - BROUGHT)


def integer_outputs(backend: str, model: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """int8 outputs (inputs, classes) by the kernels that are chosen, and by the reference ones."""
    module = importlib.import_module(f"{MODULES[backend]}.interpreter")
    kernels = {"chosen": module.OpResolverType.AUTO, "reference": module.OpResolverType.BUILTIN_REF}
    outputs = {}
    for name, resolver in kernels.items():
        interpreter = module.Interpreter(
            model_content=model.read_bytes(), experimental_op_resolver_type=resolver
        )
        interpreter.allocate_tensors()
        outputs[name] = np.concatenate([run(interpreter, values) for values in inputs])
    return outputs


def run(interpreter: Any, values: np.ndarray) -> np.ndarray:
    """What a network gives for one input, both as the file stores them."""
    source = interpreter.get_input_details()[0]
    interpreter.set_tensor(source["index"], values.reshape(source["shape"]))
    interpreter.invoke()
    output: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return output


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
