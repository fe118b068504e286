"""Reading a full-int8 .tflite file of the supported operators, from whatever toolchain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy.errors import InputError
from deploy.mcu import operators
from deploy.mcu.file_tensors import FileTensor, file_tensors, numbers
from deploy.mcu.network import Layer, Network

IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TFLite file."""

LARGEST_FILE = 16 << 20
"""Bytes; no microcontroller's flash holds more, and a hostile file shall not fill this memory."""


def read_network(path: Path) -> Network:
    """Read a network.

    Raises:
        InputError: another kind of file, a damaged one, float or dynamic tensors, an unsupported
            operator, or quantisation that the kernels have no arithmetic for.
    """
    model = _unpack(path)
    if len(model.subgraphs) != 1:
        raise InputError(
            f"{path}: found {len(model.subgraphs)} subgraphs, expected 1; export the network alone."
        )
    try:
        return _network(path, model)
    except InputError:
        raise
    except Exception as error:  # a damaged file fails anywhere, with any class
        raise InputError(f"{path}: is damaged ({error}); export it again.") from error


def _unpack(path: Path) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    if not path.is_file():
        raise InputError(f"{path}: there is no such model file; check the path.")
    if path.stat().st_size > LARGEST_FILE:
        raise InputError(
            f"{path}: has {path.stat().st_size:,} bytes, expected at most {LARGEST_FILE:,}; "
            "a microcontroller holds no larger network."
        )
    content = path.read_bytes()
    if content[4:8] != IDENTIFIER:
        raise InputError(f"{path}: is not a TFLite model; export it again.")
    try:
        return schema.ModelT.InitFromPackedBuf(content, 0)
    except Exception as error:
        raise InputError(f"{path}: is damaged ({error}); export it again.") from error


def _network(path: Path, model: Any) -> Network:
    subgraph = model.subgraphs[0]
    tensors = file_tensors(model)
    inputs, outputs = numbers(subgraph.inputs), numbers(subgraph.outputs)
    if (len(inputs), len(outputs)) != (1, 1):
        raise InputError(
            f"{path}: found {len(inputs)} inputs and {len(outputs)} outputs, expected one of each; "
            "export the network with the log-mel as its only input."
        )
    context = operators.Context(path, tensors)
    layers = tuple(
        _layer(context, index, operator, model) for index, operator in enumerate(subgraph.operators)
    )
    activations = {
        index: context.activation(index, layer)
        for layer in layers
        for index in (*layer.inputs, layer.output)
    }
    network = Network(activations, layers, inputs[0], outputs[0])
    _check_order(path, network, tensors)
    return network


def _layer(context: operators.Context, index: int, operator: Any, model: Any) -> Layer:
    from ai_edge_litert import schema_py_generated as schema

    code = model.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)  # old files have only the latter
    if number == schema.BuiltinOperator.CUSTOM:
        kind = bytes(code.customCode).decode()
    else:
        kind = next(k for k, v in vars(schema.BuiltinOperator).items() if v == number)
    place = operators.Place(index, kind, tuple(numbers(operator.inputs)), _output(operator))
    return operators.read_layer(context, place, operator.builtinOptions)


def _output(operator: Any) -> int:
    (output,) = numbers(operator.outputs)
    return output


def _check_order(path: Path, network: Network, tensors: list[FileTensor]) -> None:
    """Each layer must find its inputs ready, each tensor be written once."""
    ready = {network.input}
    for layer in network.layers:
        late = [index for index in layer.inputs if index not in ready]
        if late or layer.output in ready:
            name = tensors[late[0] if late else layer.output].name
            raise InputError(
                f"{path}: operator {layer.index} ({layer.kind}) finds tensor '{name}' "
                f"{'not yet' if late else 'already'} written; export the network again."
            )
        ready.add(layer.output)
    if network.output not in ready or not network.layers:
        raise InputError(f"{path}: no operator writes its output; export the network again.")
