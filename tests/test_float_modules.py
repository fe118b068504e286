"""Modules that stay in float within int8 files: global response normalisation, and one of ours."""

import copy
from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import tinyscene
from baseline import models
from baseline.complexity import input_shape
from baseline.models.cpmobile2023 import GRN
from quantize import onnx_files, qat, tflite_files

pytestmark = pytest.mark.slow  # torch is converted to TFLite

FORMATS = {"onnx": onnx_files.convert_int8, "tflite": tflite_files.convert_int8}

GRNS, CONVOLUTIONS, SHORTCUTS = 6, 21, 4
"""Of CP-Mobile 2023."""

GRN_IN_TFLITE = {"MUL": 3, "SUM": 1, "ADD": 4, "SQRT": 1, "RESHAPE": 1, "MEAN": 1, "DIV": 1}
GRN_IN_ONNX = {
    "Pow": 1,
    "ReduceSum": 1,
    "Sqrt": 1,
    "ReduceMean": 1,
    "Add": 3,  # without that of 1e-12, which onnxscript takes for zero
    "Div": 1,
    "Mul": 2,
}


@pytest.fixture(scope="module")
def log_mels():
    return np.random.default_rng(0).normal(0, 1, (4, *input_shape("cpjku2023")[1:])).astype("f4")


@pytest.fixture(scope="module")
def network():
    """CP-Mobile 2023 with seeded weights, in evaluation mode; its GRN changes something."""
    torch.manual_seed(0)
    network = models.create("cpmobile2023").eval()
    for module in network.modules():
        if isinstance(module, GRN):
            nn.init.constant_(module.gamma, 0.5)
            nn.init.constant_(module.beta, -0.1)
    return network


@pytest.fixture(scope="module")
def files(network, log_mels, tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    paths = {name: folder / f"int8.{name}" for name in FORMATS}
    for name, convert in FORMATS.items():
        convert(network, log_mels, paths[name])
    return paths


def tflite_operators(path):
    """Name of each operator with the number formats of its input, its weight and its output."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    dtypes = {t["index"]: t["dtype"] for t in interpreter.get_tensor_details()}
    return [
        (op["op_name"], *(np.dtype(dtypes[i]).name for i in (*op["inputs"][:2], op["outputs"][0])))
        for op in interpreter._get_ops_details()
    ]


def assert_only_grn_is_float_in_tflite(path):
    operators = tflite_operators(path)
    floats = Counter(name for name, *dtypes in operators if "float32" in dtypes)
    assert floats.pop("DEQUANTIZE") == floats.pop("QUANTIZE") == GRNS
    floats["RESHAPE"] = min(floats["RESHAPE"], GRNS)  # torch's export reshapes twice
    assert floats == {name: count * GRNS for name, count in GRN_IN_TFLITE.items()}
    int8 = Counter(name for name, *dtypes in operators if set(dtypes) == {"int8"})
    assert int8["CONV_2D"] + int8["DEPTHWISE_CONV_2D"] == CONVOLUTIONS
    assert int8["ADD"] == SHORTCUTS
    assert operators[0][1] == operators[-1][-1] == "int8"


def onnx_operators(path):
    """Kinds of those operators whose values are all dequantised, and of the others."""
    nodes = onnx.load(path).graph.node
    results = {node.output[0]: node.op_type for node in nodes}
    kinds = {True: Counter(), False: Counter()}
    for node in nodes:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            sources = {results.get(name, "constant") for name in node.input[:2]}
            kinds[sources == {"DequantizeLinear"}][node.op_type] += 1
    return kinds[True], kinds[False]


def assert_only_grn_is_float_in_onnx(path):
    int8, others = onnx_operators(path)
    assert int8["Conv"] == CONVOLUTIONS
    assert int8["Add"] == SHORTCUTS
    for name, count in GRN_IN_ONNX.items():
        # One mean is the network's last, whose axes are a constant.
        assert others[name] == count * GRNS + (name == "ReduceMean")
    quantized = [n.input[0] for n in onnx.load(path).graph.node if n.op_type == "QuantizeLinear"]
    within = ("pow", "sum", "sqrt", "div", "mul")
    assert not [name for name in quantized if name.startswith(within)]


def test_only_grn_is_float_in_tflite(files):
    assert_only_grn_is_float_in_tflite(files["tflite"])
    assert "TRANSPOSE" not in {name for name, *_ in tflite_operators(files["tflite"])}


def test_only_grn_is_float_in_onnx(files):
    assert_only_grn_is_float_in_onnx(files["onnx"])


@pytest.mark.parametrize(("name", "root"), [("tflite", "6 x SQRT"), ("onnx", "6 x Sqrt")])
def test_check_names_the_float_operators(files, name, root, capsys):
    assert tinyscene.main(["check", str(files[name])]) == 0
    (sentence,) = (line for line in capsys.readouterr().out.splitlines() if "is not int8" in line)
    assert f"{root} (float32)" in sentence
    assert "conv" not in sentence.lower()


def test_grn_is_trained_in_float(network, log_mels, tmp_path):
    prepared = qat.prepare(copy.deepcopy(network), log_mels[:2])
    qat.set_ranges(prepared, log_mels, qat.Observer())
    optimizer = torch.optim.AdamW(prepared.parameters(), 1e-4)
    prepared.train()
    for _ in range(2):
        optimizer.zero_grad()
        prepared(torch.from_numpy(log_mels)).square().mean().backward()
        optimizer.step()
    moved = dict(prepared.named_parameters())["stages.s1.b1.after_block_norm.gamma"]
    assert moved.item() != 0.5
    prepared.eval()
    qat.write_tflite(prepared, log_mels[:1], tmp_path / "qat.tflite")
    assert_only_grn_is_float_in_tflite(tmp_path / "qat.tflite")
    qat.write_onnx(prepared, log_mels[:1], tmp_path / "qat.onnx")
    assert_only_grn_is_float_in_onnx(tmp_path / "qat.onnx")


class Gate(nn.Module):
    """Has what int8 files fuse with their neighbours: a convolution and a ReLU."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Conv2d(8, 8, 1)
        self.relu = nn.ReLU()

    def forward(self, x):
        return x * self.relu(self.scale(x))


class Gated(nn.Module):
    """A gate under two names, before a sum and before a convolution, both with ReLU."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3)
        self.gate = self.same_gate = Gate()
        # The ReLU has the shape of the gate's: the conversion shares their zero, and tells both.
        self.last = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
        self.pool = nn.Sequential(nn.Conv2d(8, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x):
        x = self.first(x)
        x = torch.relu(self.gate(x) + x)
        return self.pool(self.last(self.same_gate(x)))


@pytest.fixture
def gated(monkeypatch):
    """The network, whose gates stay in float, and log-mels for it."""
    monkeypatch.setattr("quantize.float_modules.FLOAT_MODULES", (Gate,))
    torch.manual_seed(0)
    log_mels = np.random.default_rng(0).normal(0, 1, (3, 1, 16, 12)).astype("f4")
    return Gated().eval(), log_mels


def test_what_is_around_a_float_module_stays_int8_in_tflite(gated, tmp_path):
    tflite_files.convert_int8(*gated, tmp_path / "gated.tflite")
    operators = tflite_operators(tmp_path / "gated.tflite")
    floats = Counter(name for name, *dtypes in operators if dtypes[-1] == "float32")
    assert floats == {"DEQUANTIZE": 2, "CONV_2D": 2, "MUL": 2}


def test_what_is_around_a_float_module_stays_int8_in_onnx(gated, tmp_path):
    onnx_files.convert_int8(*gated, tmp_path / "gated.onnx")
    int8, others = onnx_operators(tmp_path / "gated.onnx")
    assert int8 == {"Conv": 3, "Add": 1}
    assert others == {"Conv": 2, "Relu": 2, "Mul": 2, "ReduceMean": 1, "Reshape": 1}
