"""Counts of model files: hand-built graphs, damaged files, and files the exporters wrote."""

from contextlib import suppress

import numpy as np
import onnx
import pytest
import torch
from graph_files import (
    BIASES,
    MACS,
    PARAMETERS,
    PEAK_VALUES,
    SHAPE,
    WEIGHT_MACS,
    WEIGHTS,
    OnnxBuilder,
    SmallNetwork,
    TfliteBuilder,
    small_onnx,
    small_tflite,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from deploy.errors import InputError
from quantize.graphs.complexity import measure_file

KINDS = {"onnx": small_onnx, "tflite": small_tflite}


def small_file(folder, kind, quantized):
    return KINDS[kind](folder / f"small.{kind}", quantized=quantized)


@pytest.fixture(scope="module")
def small_files(tmp_path_factory):
    """The small network in both formats, float and int8, by (format, quantised)."""
    files = {}
    for kind in KINDS:
        for quantized in (False, True):
            folder = tmp_path_factory.mktemp(f"{kind}-{quantized}")
            files[kind, quantized] = small_file(folder, kind, quantized)
    return files


def onnx_file(path, build, inputs, outputs):
    onnx.save(build.model(inputs, outputs), path)
    return path


# --- the small network ---------------------------------------------------------------------------


@pytest.mark.parametrize("quantized", [False, True], ids=["float", "int8"])
@pytest.mark.parametrize("kind", KINDS)
def test_small_network_as_counted_by_hand(small_files, kind, quantized):
    counted = measure_file(small_files[kind, quantized])
    assert counted.parameters == PARAMETERS
    assert counted.macs == MACS
    assert counted.weight_macs == WEIGHT_MACS
    assert counted.precision == ("int8" if quantized else "fp32")
    assert counted.parameter_bytes == PARAMETERS * (1 if quantized else 4)
    assert counted.weight_bytes == WEIGHTS * (1 if quantized else 4)
    assert counted.bias_bytes == BIASES * 4
    assert counted.peak_activation_bytes == PEAK_VALUES * (1 if quantized else 4)
    assert counted.file_bytes == small_files[kind, quantized].stat().st_size


def test_scales_and_zero_points_apart(small_files):
    channels = 4 + 4 + 4 + 3
    in_onnx = measure_file(small_files["onnx", True])
    activations = 8  # log_mel, first, depthwise, pointwise, add, pool, flat, logits
    assert in_onnx.quantization_bytes == activations * (4 + 1) + channels * (4 + 1) + channels * 8
    in_tflite = measure_file(small_files["tflite", True])
    lengths = 1, 3, 4  # of the different vectors: all scales are 1 and all zero points 0
    assert in_tflite.quantization_bytes == sum(lengths) * (4 + 8)
    for kind in KINDS:
        assert measure_file(small_files[kind, False]).quantization_bytes == 0


def test_bytes_add_up_to_the_file(small_files):
    for path in small_files.values():
        counted = measure_file(path)
        parts = counted.weight_bytes + counted.bias_bytes + counted.quantization_bytes
        assert counted.other_bytes == path.stat().st_size - parts > 0


@pytest.mark.parametrize("kind", KINDS)
def test_layer_rows(small_files, kind):
    rows = [(row.parameters, row.macs) for row in measure_file(small_files[kind, True]).layers]
    assert [row for row in rows if row != (0, 0)] == [
        (40, 40 * 48),
        (40, 40 * 48),
        (20, 20 * 48),
        (15, 15),
    ]


def test_layer_names_and_shapes(small_files):
    row = measure_file(small_files["onnx", False]).layers[0]
    assert (row.name, row.kind, row.output_shape) == ("conv1", "Conv", (1, 4, 8, 6))
    row = measure_file(small_files["tflite", False]).layers[1]
    assert (row.name, row.kind, row.output_shape) == ("1", "DEPTHWISE_CONV_2D", (1, 8, 6, 4))


def test_formats_of_input_and_output(small_files):
    counted = measure_file(small_files["tflite", True])
    assert (str(counted.inputs[0]), str(counted.outputs[0])) == ("int8 1x8x6x1", "int8 1x3")
    counted = measure_file(small_files["onnx", True])
    assert (str(counted.inputs[0]), str(counted.outputs[0])) == ("float32 1x1x8x6", "float32 1x3")


@pytest.mark.parametrize("kind", KINDS)
def test_a_fully_quantised_file_has_no_float_operators(small_files, kind):
    assert measure_file(small_files[kind, True]).not_int8 == ()


# --- operators one by one ------------------------------------------------------------------------


def counts(counted):
    return counted.parameters, counted.macs, counted.weight_macs


def test_grouped_convolution_with_stride(tmp_path):
    build = OnnxBuilder(quantized=False)
    inputs = ["x", build.parameter("w", 6, 2, 3, 3), build.parameter("b", 6)]
    build.operator("Conv", inputs, "y", group=2, strides=[2, 2], pads=[1, 1, 1, 1])
    path = onnx_file(tmp_path / "g.onnx", build, {"x": (1, 4, 8, 6)}, {"y": (1, 6, 4, 3)})
    assert counts(measure_file(path)) == (114, 114 * 12, 108 * 12)


def test_transposed_convolution_works_at_its_input_positions(tmp_path):
    build = OnnxBuilder(quantized=False)
    build.operator("ConvTranspose", ["x", build.parameter("w", 2, 3, 2, 2)], "y", strides=[2, 2])
    path = onnx_file(tmp_path / "t.onnx", build, {"x": (1, 2, 4, 3)}, {"y": (1, 3, 8, 6)})
    assert counts(measure_file(path)) == (24, 24 * 48, 24 * 12)


def test_batch_norm_counts_scale_and_shift_once(tmp_path):
    build = OnnxBuilder(quantized=False)
    settings = [build.constant(name, np.ones(3, np.float32)) for name in ("s", "b", "m", "v")]
    build.operator("Conv", ["x", build.parameter("w", 3, 1, 1, 1)], "conv")
    build.operator("BatchNormalization", ["conv", *settings], "y")
    path = onnx_file(tmp_path / "b.onnx", build, {"x": (1, 1, 4, 4)}, {"y": (1, 3, 4, 4)})
    counted = measure_file(path)
    assert counts(counted) == (3 + 6, 3 * 16 + 6, 3 * 16)
    assert (counted.weight_bytes, counted.bias_bytes) == ((3 + 3) * 4, 3 * 4)
    assert counted.peak_activation_bytes == (16 + 48) * 4  # batch norm is fused


@pytest.mark.parametrize("constant_first", [False, True])
def test_matrix_product_at_many_positions(tmp_path, constant_first):
    """torchinfo counts a linear layer once, though it multiplies at every position."""
    build = OnnxBuilder(quantized=False)
    shape, result = ((7, 5), (1, 7, 9)) if constant_first else ((5, 7), (1, 9, 7))
    weights = build.parameter("w", *shape)
    x = (1, 5, 9) if constant_first else (1, 9, 5)
    build.operator("MatMul", [weights, "x"] if constant_first else ["x", weights], "y")
    path = onnx_file(tmp_path / "m.onnx", build, {"x": x}, {"y": result})
    assert counts(measure_file(path)) == (35, 35, 35 * 9)


def test_product_of_two_activations_has_no_parameters(tmp_path):
    build = OnnxBuilder(quantized=False)
    build.operator("Transpose", ["x"], "t", perm=[0, 2, 1])
    build.operator("MatMul", ["x", "t"], "y")
    path = onnx_file(tmp_path / "a.onnx", build, {"x": (2, 9, 5)}, {"y": (2, 9, 9)})
    assert counts(measure_file(path)) == (0, 0, 2 * 9 * 9 * 5)


def test_lstm_counts_at_every_time_step(tmp_path):
    build = OnnxBuilder(quantized=False)
    inputs = ["x", *(build.parameter(n, 1, 16, s) for n, s in (("w", 3), ("r", 4), ("b", 32)))]
    inputs[3] = build.constant("bias", np.ones((1, 32), np.float32))
    build.constants.pop(2)
    build.operator("LSTM", inputs, "y", hidden_size=4)
    path = onnx_file(tmp_path / "l.onnx", build, {"x": (10, 1, 3)}, {"y": (10, 1, 1, 4)})
    parameters = 4 * 4 * (3 + 4) + 2 * 16
    assert counts(measure_file(path)) == (parameters, parameters * 10, 112 * 10)


def test_constants_of_elementwise_operators(tmp_path):
    build = OnnxBuilder(quantized=False)
    build.operator("Mul", ["x", build.parameter("scale", 4, 1, 1)], "scaled")
    build.operator("Add", ["scaled", build.parameter("shift", 4, 1, 1)], "shifted")
    half = build.constant("half", np.array(0.5, np.float32))
    build.operator("Mul", ["shifted", half], "halved")  # a setting
    build.operator("Clip", ["halved", half], "y")
    path = onnx_file(tmp_path / "e.onnx", build, {"x": (1, 4, 2, 2)}, {"y": (1, 4, 2, 2)})
    counted = measure_file(path)
    assert counts(counted) == (8, 8, 0)
    assert (counted.weight_bytes, counted.bias_bytes) == (16, 16)


def test_weights_in_a_constant_node(tmp_path):
    build = OnnxBuilder(quantized=False)
    value = onnx.numpy_helper.from_array(np.ones((4, 3), np.float32))
    build.operator("Constant", [], "w", value=value)
    build.operator("MatMul", ["x", "w"], "y")
    path = onnx_file(tmp_path / "c.onnx", build, {"x": (1, 4)}, {"y": (1, 3)})
    counted = measure_file(path)
    assert counts(counted) == (12, 12, 12)
    assert [row.kind for row in counted.layers] == ["MatMul"]
    assert counted.weight_bytes == 12 * 4


def test_scales_of_a_resize_are_settings(tmp_path):
    build = OnnxBuilder(quantized=False)
    scales = build.constant("scales", np.array([1, 1, 2, 2], np.float32))
    build.operator("Resize", ["x", "", scales], "y")
    path = onnx_file(tmp_path / "r.onnx", build, {"x": (1, 1, 2, 2)}, {"y": (1, 1, 4, 4)})
    assert counts(measure_file(path)) == (0, 0, 0)


def test_weights_behind_a_transpose_and_used_twice_count_once(tmp_path):
    build = OnnxBuilder(quantized=False)
    build.operator("Transpose", [build.parameter("w", 4, 4)], "wt", perm=[1, 0])
    build.operator("MatMul", ["x", "wt"], "h")
    build.operator("MatMul", ["h", "wt"], "y")
    path = onnx_file(tmp_path / "w.onnx", build, {"x": (1, 4)}, {"y": (1, 4)})
    counted = measure_file(path)
    assert counts(counted) == (16, 32, 32)
    assert [row.parameters for row in counted.layers] == [16, 0]
    assert counted.weight_bytes == 16 * 4


def test_equal_constants_that_share_a_buffer_are_stored_once(tmp_path):
    build = TfliteBuilder()
    x, h, y = (build.tensor((1, 4)) for _ in range(3))
    weights = [build.constant((4, 4)) for _ in range(2)]
    build.tensors[weights[1]].buffer = build.tensors[weights[0]].buffer
    build.operator("FULLY_CONNECTED", [x, weights[0], -1], [h])
    build.operator("FULLY_CONNECTED", [h, weights[1], -1], [y])
    counted = measure_file(build.write(tmp_path / "s.tflite", [x], [y]))
    assert counts(counted) == (32, 32, 32)
    assert counted.weight_bytes == 16 * 4


def test_tflite_transposed_convolution_and_batched_product(tmp_path):
    build = TfliteBuilder()
    x, y, z, p = (build.tensor(s) for s in ((1, 4, 3, 2), (1, 8, 6, 3), (1, 6, 24), (1, 24, 24)))
    size = build.tensor((4,), np.int32, data=np.array([1, 8, 6, 3]))
    build.operator("TRANSPOSE_CONV", [size, build.constant((3, 2, 2, 2)), x], [y])
    build.operator("RESHAPE", [y], [z])
    build.operator("BATCH_MATMUL", [z, z], [p])
    counted = measure_file(build.write(tmp_path / "t.tflite", [x], [p]))
    assert counts(counted) == (24, 24 * 48, 24 * 12 + 24 * 24 * 6)


def test_float16_weights_behind_dequantize(tmp_path):
    build = TfliteBuilder()
    x, w, turned, y = (build.tensor(shape) for shape in ((1, 4), (4, 3), (3, 4), (1, 3)))
    build.operator("DEQUANTIZE", [build.constant((4, 3), np.float16)], [w])
    axes = build.tensor((2,), np.int32, data=np.array([1, 0]))
    build.operator("TRANSPOSE", [w, axes], [turned])
    build.operator("FULLY_CONNECTED", [x, turned, -1], [y])
    counted = measure_file(build.write(tmp_path / "h.tflite", [x], [y]))
    assert counted.precision == "fp16"
    assert counted.parameter_bytes == counted.weight_bytes == 12 * 2


def test_mixed_precision_charges_each_format(tmp_path):
    build = TfliteBuilder()
    x, h, y = (build.tensor((1, 4)) for _ in range(3))
    build.operator("FULLY_CONNECTED", [x, build.constant((4, 4), np.int8, 1), -1], [h])
    build.operator("FULLY_CONNECTED", [h, build.constant((4, 4)), build.constant((4,))], [y])
    counted = measure_file(build.write(tmp_path / "m.tflite", [x], [y]))
    assert counted.precision == "int8 and fp32"
    assert counted.parameter_bytes == 16 * 1 + 20 * 4
    assert counted.widest_bits == 32
    assert counted.not_int8 == ("FULLY_CONNECTED (float32)", "FULLY_CONNECTED (float32)")


# --- activation memory ---------------------------------------------------------------------------


def test_shortcut_keeps_its_tensor_alive(tmp_path):
    def chain(path, shortcut):
        build = TfliteBuilder()
        x = build.tensor((1, 10))
        wide, narrow, y = (build.tensor((1, size)) for size in (100, 10, 10))
        build.operator("FULLY_CONNECTED", [x, build.constant((100, 10)), -1], [wide])
        build.operator("FULLY_CONNECTED", [wide, build.constant((10, 100)), -1], [narrow])
        build.operator("ADD", [narrow, x if shortcut else narrow], [y])
        return measure_file(build.write(path, [x], [y])).peak_activation_bytes

    assert chain(tmp_path / "a.tflite", shortcut=False) == 110 * 4
    assert chain(tmp_path / "b.tflite", shortcut=True) == 120 * 4


def test_outputs_live_to_the_end(tmp_path):
    def graph(path, outputs):
        build = TfliteBuilder()
        x, early, late = (build.tensor((1, size)) for size in (1, 50, 60))
        build.operator("FULLY_CONNECTED", [x, build.constant((50, 1)), -1], [early])
        build.operator("FULLY_CONNECTED", [x, build.constant((60, 1)), -1], [late])
        chosen = [early, late][-outputs:]
        return measure_file(build.write(path, [x], chosen)).peak_activation_bytes

    assert graph(tmp_path / "one.tflite", 1) == 61 * 4
    assert graph(tmp_path / "two.tflite", 2) == (1 + 50 + 60) * 4


def test_tensors_in_their_own_format(tmp_path):
    build = TfliteBuilder()
    x, q, y = build.tensor((1, 100)), build.tensor((1, 100), np.int8), build.tensor((1, 100))
    build.operator("QUANTIZE", [x], [q])
    build.operator("DEQUANTIZE", [q], [y])
    counted = measure_file(build.write(tmp_path / "q.tflite", [x], [y]))
    assert counted.peak_activation_bytes == 100 + 400


def test_relu_read_beside_its_source_is_not_fused(tmp_path):
    def graph(path, reads_source):
        build = OnnxBuilder(quantized=False)
        build.operator("Conv", ["x", build.parameter("w", 1, 1, 1, 1)], "conv")
        build.operator("Relu", ["conv"], "relu")
        build.operator("Add", ["relu", "conv" if reads_source else "relu"], "y")
        path = onnx_file(path, build, {"x": (1, 1, 5, 5)}, {"y": (1, 1, 5, 5)})
        return measure_file(path).peak_activation_bytes

    assert graph(tmp_path / "fused.onnx", reads_source=False) == 2 * 25 * 4
    assert graph(tmp_path / "kept.onnx", reads_source=True) == 3 * 25 * 4


def test_float_operator_in_a_quantised_graph_is_listed_and_holds_floats(tmp_path):
    build = OnnxBuilder(quantized=True)
    x = build.activation("x")
    build.operator("Conv", [x, build.parameter("w", 1, 1, 1, 1)], "conv")
    softmax = build.operator("Softmax", [build.activation("conv")], "softmax")
    path = onnx_file(tmp_path / "f.onnx", build, {"x": (1, 1, 5, 5)}, {softmax: (1, 1, 5, 5)})
    counted = measure_file(path)
    assert counted.not_int8 == ("Softmax (float32)",)
    assert counted.peak_activation_bytes == (4 + 4) * 25  # read and written as float


def test_relu_of_integers_that_are_kept_makes_integers_of_its_own(tmp_path):
    build = OnnxBuilder(quantized=True)
    inputs = [build.activation("x"), build.parameter("w", 4, 1, 1, 1)]
    kept = build.activation(build.operator("Conv", inputs, "conv"))
    again = build.operator("DequantizeLinear", ["conv_q", "conv_scale", "conv_zero"], "again")
    relu = build.activation(build.operator("Relu", [again], "relu"))
    y = build.activation(build.operator("Add", [kept, relu], "add"))
    y = build.activation(build.operator("GlobalAveragePool", [y], "pool"))
    path = onnx_file(tmp_path / "k.onnx", build, {"x": (1, 1, 5, 5)}, {y: (1, 4, 1, 1)})
    assert measure_file(path).peak_activation_bytes == 3 * 100


def test_float_output_of_a_quantised_graph_is_there(tmp_path):
    build = OnnxBuilder(quantized=True)
    inputs = [build.activation("x"), build.parameter("w", 4, 1, 1, 1)]
    y = build.activation(build.operator("Conv", inputs, "conv"))
    path = onnx_file(tmp_path / "o.onnx", build, {"x": (1, 1, 5, 5)}, {y: (1, 4, 5, 5)})
    assert measure_file(path).peak_activation_bytes == 100 + 400


# --- bad files -----------------------------------------------------------------------------------


def complaint(path, **options):
    with pytest.raises(InputError) as caught:
        measure_file(path, **options)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text


@pytest.mark.parametrize("kind", KINDS)
def test_every_truncation_is_refused(small_files, tmp_path, kind):
    content = small_files[kind, True].read_bytes()
    path = tmp_path / f"cut.{kind}"
    for length in {*range(0, len(content), 37), *range(len(content) - 20, len(content))}:
        path.write_bytes(content[:length])
        complaint(path)


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_changed_bytes_raise_nothing_but_input_error(small_files, tmp_path, kind, data):
    content = bytearray(small_files[kind, True].read_bytes())
    changes = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(changes, min_size=1, max_size=8)):
        content[place] = value
    path = tmp_path / f"changed.{kind}"
    path.write_bytes(content)
    with suppress(InputError):  # a change among the weights leaves a valid file
        measure_file(path)


def test_missing_file_and_other_kinds(tmp_path):
    assert "no such" in complaint(tmp_path / "none.onnx")
    other = tmp_path / "weights.pt"
    other.write_bytes(b"PK")
    assert "expected .onnx or .tflite" in complaint(other)
    other = tmp_path / "text.tflite"
    other.write_text("a text that is no model")
    assert "is not a TFLite model" in complaint(other)


def test_constant_of_the_wrong_size(tmp_path):
    build = TfliteBuilder()
    x, y = build.tensor((1, 4)), build.tensor((1, 3))
    weights = build.constant((3, 4))
    build.tensors[weights].shape = [30, 4]
    build.operator("FULLY_CONNECTED", [x, weights, -1], [y])
    assert "48 bytes for 480" in complaint(build.write(tmp_path / "w.tflite", [x], [y]))


def test_free_sizes_need_an_input_shape(tmp_path):
    build = OnnxBuilder(quantized=False)
    inputs = ["x", build.parameter("w", 2, 1, 3, 3)]
    build.operator("Conv", inputs, "y", pads=[1, 1, 1, 1])
    shape = ("batch", 1, "mels", "frames")
    outputs = {"y": ("batch", 2, "mels", "frames")}
    path = onnx_file(tmp_path / "free.onnx", build, {"x": shape}, outputs)
    assert "leaves sizes free" in complaint(path)
    assert "is of shape" in complaint(path, input_shape=(1, 2, 8, 6))
    assert "is of shape" in complaint(path, input_shape=(1, 8, 6))
    assert counts(measure_file(path, input_shape=SHAPE)) == (18, 18 * 48, 18 * 48)


def test_free_size_in_tflite(tmp_path):
    build = TfliteBuilder()
    x, y = build.tensor((1, 4)), build.tensor((1, 3))
    build.operator("FULLY_CONNECTED", [x, build.constant((3, 4)), -1], [y])
    build.tensors[x].shapeSignature = [-1, 4]  # a free batch is taken as one
    assert measure_file(build.write(tmp_path / "b.tflite", [x], [y])).parameters == 12
    build.tensors[x].shapeSignature = [-1, -1]
    assert "free size" in complaint(build.write(tmp_path / "f.tflite", [x], [y]))


def test_control_flow_is_refused(tmp_path):
    def branch(name):
        node = helper.make_node("Identity", ["x"], [name])
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 2))
        return helper.make_graph([node], name, [], [value])

    build = OnnxBuilder(quantized=False)
    condition = build.constant("condition", np.array(True))
    build.operator("If", [condition], "y", then_branch=branch("a"), else_branch=branch("b"))
    path = onnx_file(tmp_path / "if.onnx", build, {"x": (1, 2)}, {"y": (1, 2)})
    assert "holds the operator If" in complaint(path)


def test_unknown_operator_without_shapes(tmp_path):
    build = OnnxBuilder(quantized=False)
    build.nodes.append(helper.make_node("Mystery", ["x"], ["h"], domain="elsewhere"))
    build.operator("Relu", ["h"], "y")
    model = build.model({"x": (1, 2)}, {"y": (1, 2)})
    model.opset_import.append(helper.make_opsetid("elsewhere", 1))
    onnx.save(model, tmp_path / "u.onnx")
    assert "tensor h that Mystery makes is unknown" in complaint(tmp_path / "u.onnx")


def test_external_weights_belong_to_the_file(tmp_path):
    build = OnnxBuilder(quantized=False)
    build.operator("Gemm", ["x", build.parameter("w", 40, 30)], "y")
    path, weights = tmp_path / "e.onnx", tmp_path / "e.onnx.data"
    onnx.save(
        build.model({"x": (1, 40)}, {"y": (1, 30)}),
        path,
        save_as_external_data=True,
        location=weights.name,
        size_threshold=0,
    )
    counted = measure_file(path)
    assert counts(counted) == (1200, 1200, 1200)
    assert counted.file_bytes == path.stat().st_size + weights.stat().st_size > 4800
    weights.unlink()
    assert "e.onnx.data" in complaint(path)


# --- what the exporters write --------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The small network by the project's own exporters: folded by them, int8 on random inputs."""
    from quantize import onnx_files, tflite_files

    torch.manual_seed(0)
    network = SmallNetwork()
    network(torch.randn(8, *SHAPE[1:]))  # without statistics, folding would leave no biases
    network.eval()
    log_mels = np.random.default_rng(0).normal(size=(4, *SHAPE[1:])).astype(np.float32)
    folder = tmp_path_factory.mktemp("exported")
    files = {name: folder / name for name in ("float.onnx", "int8.onnx", "int8.tflite")}
    onnx_files.export_float(network, log_mels[:1], files["float.onnx"])
    onnx_files.convert_int8(network, log_mels, files["int8.onnx"])
    tflite_files.convert_int8(network, log_mels, files["int8.tflite"])
    return files


@pytest.mark.slow
@pytest.mark.parametrize("name", ["float.onnx", "int8.onnx", "int8.tflite"])
def test_exported_files_count_as_by_hand(exported, name):
    counted = measure_file(exported[name])
    assert counts(counted) == (PARAMETERS, MACS, WEIGHT_MACS)
    bits = 32 if name == "float.onnx" else 8
    assert counted.parameter_bytes == PARAMETERS * bits // 8
    assert counted.weight_bytes == WEIGHTS * bits // 8
    assert counted.bias_bytes == BIASES * 4


@pytest.mark.slow
def test_exported_tflite_is_full_int8(exported):
    counted = measure_file(exported["int8.tflite"])
    assert counted.not_int8 == ()
    assert {counted.inputs[0].dtype, counted.outputs[0].dtype} == {"int8"}
