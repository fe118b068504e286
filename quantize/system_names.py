"""The systems of a run by name: backend, precision and, for int8, how it was quantised.

Imports no torch, so that a file can be run where only an interpreter is needed.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from baseline.recipe import QuantizationMethod
from baseline.run import Run
from deploy.errors import InputError

FLOAT_SYSTEM = "torch-fp32"
TORCH_SYSTEMS = (FLOAT_SYSTEM, "torch-fp16")
FILES_OF_METHOD: dict[QuantizationMethod, tuple[str, ...]] = {
    "ptq": ("onnx-int8", "tflite-int8"),
    "qat": ("onnx-int8-qat", "tflite-int8-qat"),
    "tuned": ("onnx-int8-tuned",),
}
"""The int8 systems that each method of quantisation makes."""

SYSTEMS = (*TORCH_SYSTEMS, "onnx-fp32", *chain.from_iterable(FILES_OF_METHOD.values()))
"""Everything that a run can be evaluated as."""


def require_system(name: str) -> None:
    """Refuse a name that is none of `SYSTEMS`.

    Raises:
        InputError: no such system.
    """
    if name not in SYSTEMS:
        raise InputError(f"system '{name}' is unknown; choose one of {', '.join(SYSTEMS)}.")


def exported_file(run: Run, name: str) -> Path:
    """The file of a system that is not torch's.

    Raises:
        InputError: the run was not quantised that way.
    """
    path = run.model_file(name)
    if not path.is_file():
        raise InputError(f"{path}: is missing; run: tinyscene quantize {run.folder}")
    return path


def available_systems(run: Run, backend: str | None = None) -> list[str]:
    """Systems that the run has files for, of one backend or of all."""
    return [
        system
        for system in SYSTEMS
        if (system in TORCH_SYSTEMS or run.model_file(system).is_file())
        and (backend is None or system.startswith(backend + "-"))
    ]
