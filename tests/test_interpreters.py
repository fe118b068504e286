"""What the interpreters make of files that others have written."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from deploy.interpreters import OnnxNetwork

CHANNELS, SHAPE = 32, [1, 32, 8, 8]


def two_convolutions_that_share_zero_points(path):
    """Write an int8 QDQ network, as tools do that merge equal constants."""
    weights = np.arange(CHANNELS**2).astype(np.int8).reshape(CHANNELS, CHANNELS, 1, 1)
    constants = {
        "scale": np.float32(1),
        "zero": np.int8(0),
        "weights_scale": np.full(CHANNELS, 2**-7, np.float32),
        "weights_zero": np.zeros(CHANNELS, np.int8),
        "first_weights": weights,
        "second_weights": weights[::-1].copy(),
    }
    nodes = [
        *convolution("log_mel", "first"),
        *convolution("first", "second"),
        *quantized("second", "logits"),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, SHAPE)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


def convolution(source, name):
    weights = [f"{name}_weights", "weights_scale", "weights_zero"]
    return [
        *quantized(source, f"{name}_input"),
        helper.make_node("DequantizeLinear", weights, [f"{name}_float"], axis=0),
        helper.make_node("Conv", [f"{name}_input", f"{name}_float"], [name]),
    ]


def quantized(source, result):
    return [
        helper.make_node("QuantizeLinear", [source, "scale", "zero"], [f"{result}_int8"]),
        helper.make_node("DequantizeLinear", [f"{result}_int8", "scale", "zero"], [result]),
    ]


def test_onnx_whose_layers_share_zero_points_runs(tmp_path):
    two_convolutions_that_share_zero_points(tmp_path / "network.onnx")
    log_mel = np.random.default_rng(0).integers(-2, 3, SHAPE).astype(np.float32)
    weights = np.arange(CHANNELS**2).astype(np.int8).reshape(CHANNELS, CHANNELS) / 128
    first = np.clip(np.round(np.einsum("oi,bihw->bohw", weights, log_mel)), -128, 127)
    expected = np.clip(np.round(np.einsum("oi,bihw->bohw", weights[::-1], first)), -128, 127)
    found = OnnxNetwork(tmp_path / "network.onnx").logits(log_mel)
    np.testing.assert_array_equal(found, expected)
