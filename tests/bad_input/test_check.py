"""Networks and models that cannot be counted, or are too large: `check`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bad_input.cases import FAILED_CHECK, Case
from tests.bad_input.spoil import cut, write

OF_2020 = "train: {warmup_steps: 0}\nnetwork: cpresnet2020\nfront_end: cpresnet_dir\n"

CASES = [
    Case("unknown target", "check baselin", ("'baselin'", "did you mean 'baseline2024'?")),
    Case("target is a folder", "check audio", ("audio", "not a run folder", "tinyscene train")),
    Case("target of another kind", "check list.csv", ("list.csv", "'.csv'", "expected")),
    Case("no model to check", "check absent.onnx", ("absent.onnx", "no such")),
    Case("ONNX to check cut short", "check toy.onnx", ("toy.onnx", "again"), cut("toy.onnx")),
    Case(
        "TFLite to check cut short", "check toy.tflite", ("toy.tflite", "again"), cut("toy.tflite")
    ),
    Case("no such module", "check absent_module:net", ("absent_module", "neither")),
    Case(
        "no such function",
        "check module_a:nett",
        ("module_a", "no function 'nett'", "did you mean 'net'?"),
        write("module_a.py", "def net(): pass\n"),
    ),
    Case(
        "function raises",
        "check module_b:net",
        ("module_b:net", "ZeroDivisionError: division by zero"),
        write("module_b.py", "def net():\n    return 1 / 0\n"),
    ),
    Case(
        "function gives no network",
        "check module_c:net",
        ("module_c:net", "int", "expected a torch.nn.Module"),
        write("module_c.py", "def net():\n    return 1\n"),
    ),
    Case(
        "module does not parse",
        "check module_d:net",
        ("module_d", "cannot be imported", "SyntaxError"),
        write("module_d.py", "def net(:\n"),
    ),
    Case(
        "network does not take the input",
        "check module_e:net",
        ("module_e:net", "(1, 1, 256, 65)", "check the network"),
        write("module_e.py", "import torch\ndef net():\n    return torch.nn.Linear(3, 10)\n"),
    ),
    Case(
        "option that the network does not know",
        "check my.yaml",
        ("network cpresnet2020", "no option 'widht'", "did you mean 'width'?"),
        write("my.yaml", OF_2020 + "network_options: {widht: 64}\n"),
    ),
    Case(
        "option of the wrong type",
        "check my.yaml",
        ("network cpresnet2020", "option 'width'", "valid integer", "found 'wide'"),
        write("my.yaml", OF_2020 + "network_options: {width: wide}\n"),
    ),
    Case(
        "options that do not go together",
        "check my.yaml",
        ("network cpresnet2020", "blocks", "found 1 in stage 1", "keep more blocks"),
        write("my.yaml", OF_2020 + "network_options: {blocks: [1, 1, 1]}\n"),
    ),
    Case(
        "option of a network that has none",
        "check small.yaml",
        ("network baseline2024", "no option 'width'", "takes none"),
        write("small.yaml", "train: {warmup_steps: 0}\nnetwork_options: {width: 3}\n"),
    ),
    Case("networks to list by name", "models baseline2024", ("baseline2024", "--help")),
    Case("input shape as words", "check small --input-shape a,b", ("--input-shape", "1,1,256,65")),
    Case(
        "absurd input shape",
        "check small --input-shape 1,1,99999999,99999999",
        ("network", "(1, 1, 99999999, 99999999)"),
    ),
    Case("input shape of zero", "check small --input-shape 1,1,0,65", ("0", "1,1,256,65")),
    Case("over the limit", "check small --precision fp32", ("244,592",), code=FAILED_CHECK),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, run_case: Callable[[Case], None]) -> None:
    run_case(case)
