"""Files that cannot become C: refused in one sentence, whatever is wrong with them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from mcu_model import write_model
from mcu_networks import packed

from deploy.errors import InputError
from deploy.mcu.emit_model import model_header, model_source
from deploy.mcu.emit_weights import weights_header
from deploy.mcu.plan import make_plan
from deploy.mcu.reader import read_network

SLOWEST_S = 10
"""For a file of any content; usually milliseconds."""


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    return write_model(tmp_path_factory.mktemp("model")).read_bytes()


def unpacked(content: bytes):
    return schema.ModelT.InitFromPackedBuf(content, 0)


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_network(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def change_type(model, number: int) -> None:
    model.subgraphs[0].tensors[model.subgraphs[0].operators[0].outputs[0]].type = number


def free_size(model) -> None:
    tensor = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
    tensor.shapeSignature = [1, -1, *list(tensor.shape)[2:]]


def other_operator(model) -> None:
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.LOGISTIC
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.LOGISTIC


def weights_of(model):
    return model.subgraphs[0].tensors[model.subgraphs[0].operators[0].inputs[1]]


def one_weight_scale(model) -> None:
    weights_of(model).quantization.scale = [0.1]
    weights_of(model).quantization.zeroPoint = [0]


def negative_scale(model) -> None:
    scales = np.array(weights_of(model).quantization.scale)
    scales[0] = -1.0
    weights_of(model).quantization.scale = scales


def not_a_number(model) -> None:
    first = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
    first.quantization.scale = [float("nan")]


def batch_of_two(model) -> None:
    tensor = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
    tensor.shape = [2, *list(tensor.shape)[1:]]
    tensor.shapeSignature = None


def dilation(model) -> None:
    model.subgraphs[0].operators[0].builtinOptions.dilationHFactor = 2


def huge_stride(model) -> None:
    model.subgraphs[0].operators[0].builtinOptions.strideW = 2**20


def no_stride(model) -> None:
    model.subgraphs[0].operators[0].builtinOptions.strideW = 0


def short_bias(model) -> None:
    bias = model.subgraphs[0].tensors[model.subgraphs[0].operators[0].inputs[2]]
    bias.shape = [2]
    model.buffers[bias.buffer].data = np.zeros(8, np.uint8)


def huge_bias(model) -> None:
    bias = model.subgraphs[0].tensors[model.subgraphs[0].operators[0].inputs[2]]
    model.buffers[bias.buffer].data = np.full(8, 2**31 - 1, np.int32).view(np.uint8)


def two_inputs(model) -> None:
    model.subgraphs[0].inputs = [*list(model.subgraphs[0].inputs), 1]


def two_subgraphs(model) -> None:
    model.subgraphs.append(model.subgraphs[0])


def backwards(model) -> None:
    model.subgraphs[0].operators.reverse()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda model: change_type(model, schema.TensorType.FLOAT32), "is FLOAT32"),
        (lambda model: change_type(model, schema.TensorType.INT16), "is INT16"),
        (free_size, "free size"),
        (other_operator, "(LOGISTIC)"),
        (one_weight_scale, "one scale for all channels"),
        (negative_scale, "not positive"),
        (not_a_number, "scale nan"),
        (batch_of_two, "a batch"),
        (dilation, "is dilated"),
        (no_stride, "slides"),
        (huge_stride, "slides"),
        (short_bias, "has 2 values, expected 8"),
        (huge_bias, "sums up to"),
        (two_inputs, "2 inputs"),
        (two_subgraphs, "2 subgraphs"),
        (backwards, "not yet written"),
    ],
)
def test_what_c_cannot_do_is_named(content, tmp_path, spoil, said):
    model = unpacked(content)
    spoil(model)
    sentence = refused(tmp_path / "bad.tflite", packed(model))
    assert said in sentence
    assert "bad.tflite" in sentence


def test_files_that_are_none_are_refused(content, tmp_path):
    path = tmp_path / "bad.tflite"
    assert "not a TFLite" in refused(path, b"")
    assert "not a TFLite" in refused(path, b"x" * 1000)
    for size in range(8, len(content), len(content) // 50):
        assert "bad.tflite" in refused(path, content[:size])
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="no such model file"):
        read_network(path)


def mutated(content: bytes, generator: np.random.Generator) -> bytes:
    """A few bytes changed, a number replaced, or a piece left out or doubled."""
    changed = np.frombuffer(content, np.uint8).copy()
    kind = generator.integers(4)
    place = int(generator.integers(8, len(changed) - 4))
    if kind == 0:
        places = generator.integers(8, len(changed), generator.integers(1, 9))
        changed[places] = generator.integers(0, 256, len(places))
    elif kind == 1:
        number = generator.choice([0, 1, -1, 2**31 - 1, -(2**31), 65_536, 4, 1000])
        changed[place : place + 4] = np.array([number], np.int64).astype("<i4").view(np.uint8)
    elif kind == 2:
        return bytes(changed[:place]) + bytes(changed[place + int(generator.integers(1, 64)) :])
    else:
        changed[place] ^= 1 << generator.integers(8)
    return changed.tobytes()


def survives(path: Path, content: bytes) -> bool:
    """Whether a file is accepted; what is, must also be planned and written."""
    path.write_bytes(content)
    started = time.monotonic()
    try:
        plan = make_plan(read_network(path))
    except InputError:
        accepted = False
    else:
        accepted = True
        assert model_header(plan, fast_rounding=False)
        assert model_source(plan)
        assert weights_header(plan)
    assert time.monotonic() - started < SLOWEST_S
    return accepted


def fuzz(content: bytes, path: Path, seeds: range) -> None:
    for seed in seeds:
        survives(path, mutated(content, np.random.default_rng(seed)))


def test_hundreds_of_mutated_files_never_crash(content, tmp_path):
    fuzz(content, tmp_path / "fuzzed.tflite", range(300))


@pytest.mark.slow
def test_thousands_of_mutated_files_never_crash(content, tmp_path):
    fuzz(content, tmp_path / "fuzzed.tflite", range(300, 4000))
