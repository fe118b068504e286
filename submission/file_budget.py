"""The budget of a model file: of the network as trained where that is known, else of its graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from baseline.challenge import MAX_MACS
from baseline.complexity import AS_TRAINED, IN_FILE, Complexity
from deploy.errors import InputError
from deploy.model_file import info_file, read_info
from quantize.graphs.complexity import FileComplexity, measure_file
from submission.verdict import Budget, deployment_notes

MODEL_SUFFIXES = (".onnx", ".tflite")


def file_budget(
    path: Path, precision: str | None = None, input_shape: tuple[int, ...] | None = None
) -> Budget:
    """Count an ONNX or TFLite file.

    The JSON file beside a model may hold the figures of the network as trained, which the
    organisers count; the graph in the file, with batch norm folded, usually costs more by their
    counter although it computes the same.

    Raises:
        InputError: a missing or damaged file, or a precision given for it.
    """
    if precision is not None:
        raise InputError(
            f"{path}: is counted at the precision of its own weights; leave --precision out."
        )
    if input_shape is not None and path.suffix == ".tflite":
        raise InputError(f"{path}: has an input shape of its own; leave --input-shape out.")
    deployed = measure_file(path, input_shape)
    trained = _trained_figures(path)
    counted = _count(path, deployed, trained)
    notes = (_graph_note(counted, deployed, trained, path), *deployment_notes(deployed))
    return Budget(str(path), counted, (deployed,), notes)


def _trained_figures(path: Path) -> tuple[int, int] | None:
    """Parameters and MACs as trained, if the file beside the model has both."""
    info = read_info(path) if info_file(path).is_file() else None
    if info is None or info.trained_parameters is None or info.trained_macs is None:
        return None
    return info.trained_parameters, info.trained_macs


def _count(path: Path, deployed: FileComplexity, trained: tuple[int, int] | None) -> Complexity:
    in_file = Complexity(
        network=path.name,
        graph=IN_FILE,
        input_shape=deployed.inputs[0].shape,
        parameters=deployed.parameters,
        macs=deployed.macs,
        weight_macs=deployed.weight_macs,
        precision=deployed.precision,
        bytes=deployed.parameter_bytes,
        peak_activation_bytes=deployed.peak_activation_bytes,
        layers=deployed.layers,
    )
    if trained is None or _contradicts(trained, deployed):
        return in_file
    parameters, macs = trained
    folded_bytes = (parameters - deployed.parameters) * deployed.widest_bits // 8
    return replace(
        in_file,
        graph=AS_TRAINED,
        parameters=parameters,
        macs=macs,
        weight_macs=None,
        bytes=deployed.parameter_bytes + folded_bytes,
        peak_activation_bytes=None,
        layers=(),
    )


def _contradicts(trained: tuple[int, int], deployed: FileComplexity) -> bool:
    """Whether a network as trained cannot have become this file: deploying never adds weights."""
    parameters, macs = trained
    return parameters < deployed.parameters or macs < min(deployed.macs, deployed.weight_macs)


def _graph_note(
    counted: Complexity, deployed: FileComplexity, trained: tuple[int, int] | None, path: Path
) -> str:
    info = info_file(path)
    if counted.graph == AS_TRAINED:
        return (
            f"The verdict is on the network as trained, with the figures from {info.name}: "
            f"{counted.parameters:,} parameters and {counted.macs:,} MACs."
        )
    if trained is not None:
        reason = f"{info.name} gives fewer parameters or MACs than the file has"
    else:
        reason = f"there is no {info.name} with the figures as trained"
    note = f"The verdict is on the graph in the file, for {reason}."
    if counted.macs > MAX_MACS >= deployed.weight_macs:
        note += (
            " By weights only it is within the limit on MACs: if its biases come from batch norm, "
            "check the network as trained, by its run folder or as module:function."
        )
    return note
