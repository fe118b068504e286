"""A lean TFLite file against its source: in three interpreters, and tensor by tensor."""

from collections import OrderedDict

import flatbuffers
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from torch import nn
from toy_models import write_toy

from deploy.errors import InputError
from quantize.compact_builder import CompactBuilder
from quantize.lean_file import write_lean
from quantize.tensor_names import layer_of, module_of

pytestmark = pytest.mark.slow  # torch is converted to TFLite

SHAPE = (1, 1, 32, 16)
"""Of the log-mel, (1, 1, mels, frames)."""

KINDS = ("float", "per-channel", "per-tensor")


class Toy(nn.Module):
    """Inverted residual blocks with nested names, and convolutions that TFLite must pad itself."""

    def __init__(self):
        super().__init__()
        self.stem = conv_norm(1, 8, 3, (2, 2), relu=True)
        self.stages = nn.Sequential(
            OrderedDict(
                s1=nn.Sequential(OrderedDict(b1=Block(8, (1, 1)), b2=Block(8, (2, 1)))),
                s2=Block(12, (1, 1)),
            )
        )
        self.squeeze = Squeeze()
        self.head = nn.Sequential(
            nn.Conv2d(12, 5, 1, bias=False), nn.BatchNorm2d(5), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, log_mel):
        return self.head(self.squeeze(self.stages(self.stem(log_mel)))).flatten(1)


class Block(nn.Module):
    def __init__(self, outputs, stride):
        super().__init__()
        self.block = nn.Sequential(
            conv_norm(8, 16, 1, (1, 1), relu=True),
            conv_norm(16, 16, 3, stride, groups=16, relu=True),
            conv_norm(16, outputs, 1, (1, 1), relu=False),
        )
        self.shortcut = nn.Identity() if stride == (1, 1) else nn.AvgPool2d(3, stride, padding=1)
        self.after_block_activation = nn.ReLU()

    def forward(self, x):
        y = self.block(x)
        return self.after_block_activation(y + self.shortcut(x) if y.shape[1] == 8 else y)


class Squeeze(nn.Module):
    """What it computes itself is not what it returns."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(2)

    def forward(self, x):
        return self.pool(x * x)


def conv_norm(inputs, outputs, kernel, stride, *, groups=1, relu):
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers = [convolution, nn.BatchNorm2d(outputs), *([nn.ReLU()] if relu else [])]
    return nn.Sequential(*layers)


NAMES = {
    "log_mel": (1, 32, 16, 1),
    "stem.0.pad": (1, 34, 18, 1),
    "stem.2": (1, 16, 8, 8),
    "stages.s1.b1.block.0.2": (1, 16, 8, 16),
    "stages.s1.b1.block.1.2": (1, 16, 8, 16),
    "stages.s1.b1.block.2.1": (1, 16, 8, 8),
    "stages.s1.b1.after_block_activation": (1, 16, 8, 8),
    "stages.s1.b2.block.0.2": (1, 16, 8, 16),
    "stages.s1.b2.block.1.0.pad": (1, 18, 10, 16),
    "stages.s1.b2.block.1.2": (1, 8, 8, 16),
    "stages.s1.b2.block.2.1": (1, 8, 8, 8),
    "stages.s1.b2.shortcut.pad": (1, 18, 10, 8),
    "stages.s1.b2.shortcut": (1, 8, 8, 8),
    "stages.s1.b2.after_block_activation": (1, 8, 8, 8),
    "stages.s2.block.0.2": (1, 8, 8, 16),
    "stages.s2.block.1.2": (1, 8, 8, 16),
    "stages.s2.after_block_activation": (1, 8, 8, 12),
    "squeeze.mul": (1, 8, 8, 12),
    "squeeze.pool": (1, 4, 4, 12),
    "head.1": (1, 4, 4, 5),
    "logits": (1, 5),
}
"""The toy's activations, with batch norm and ReLU fused into the convolutions."""

LAYERS = (
    "stem.0",
    *(f"stages.{block}.block.{part}.0" for block in ("s1.b1", "s1.b2", "s2") for part in range(3)),
    "head.0",
)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = Toy()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(8, *SHAPE[1:]) * 2 - 1)
    return network.eval()


@pytest.fixture(scope="module")
def sources(network, tmp_path_factory):
    """The files as the conversion tools write them, by kind."""
    import litert_torch

    folder = tmp_path_factory.mktemp("sources")
    paths = {kind: folder / f"{kind}.tflite" for kind in KINDS}
    example = torch.zeros(1, *SHAPE[2:], 1)
    wrapped = litert_torch.to_channel_last_io(network, args=[0]).eval()
    litert_torch.convert(wrapped, (example,)).export(str(paths["float"]))
    for kind, granularity in (("per-channel", "CHANNELWISE"), ("per-tensor", "TENSORWISE")):
        quantize(paths["float"], paths[kind], granularity)
    return paths


def quantize(source, target, granularity):
    from ai_edge_quantizer import qtyping, quantizer, recipe_manager

    recipe = recipe_manager.RecipeManager()
    recipe.add_static_config(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        activation_num_bits=8,
        weight_num_bits=8,
        weight_granularity=qtyping.QuantGranularity(granularity),
    )
    tool = quantizer.Quantizer(str(source))
    tool.load_quantization_recipe(recipe.get_quantization_recipe())
    clips = np.random.default_rng(1).normal(-1, 2, (4, 1, *SHAPE[2:], 1)).astype(np.float32)
    ranges = tool.calibrate({"serving_default": [{"args_0": clip} for clip in clips]})
    tool.quantize(ranges).export_model(str(target), overwrite=True)


@pytest.fixture(scope="module")
def leans(sources, tmp_path_factory):
    """The same files made lean."""
    folder = tmp_path_factory.mktemp("leans")
    for source in sources.values():
        write_lean(source, folder / source.name)
    return {kind: folder / source.name for kind, source in sources.items()}


def read(path):
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)


def write(model, path):
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def lean_bytes(source, tmp_path):
    write_lean(source, tmp_path / "lean.tflite")
    return (tmp_path / "lean.tflite").read_bytes()


# --- The same network -----------------------------------------------------------------------------


def xnnpack_outputs(path, inputs):
    return litert_outputs(Interpreter(str(path), num_threads=1), inputs)


def reference_outputs(path, inputs):
    resolver = OpResolverType.BUILTIN_REF
    return litert_outputs(Interpreter(str(path), experimental_op_resolver_type=resolver), inputs)


def litert_outputs(interpreter, inputs):
    interpreter.allocate_tensors()
    outputs = []
    for values in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).copy())
    return np.concatenate(outputs)


def microcontroller_outputs(path, inputs):
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    interpreter = runtime.Interpreter.from_file(str(path), arena_size=1 << 20)
    outputs = []
    for values in inputs:
        interpreter.set_input(values, 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0).copy())
    return np.concatenate(outputs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outputs", [xnnpack_outputs, reference_outputs, microcontroller_outputs])
def test_outputs_are_the_same_bits(outputs, kind, sources, leans):
    rng = np.random.default_rng(0)
    if kind == "float":
        inputs = rng.normal(-1, 2, (20, 1, *SHAPE[2:], 1)).astype(np.float32)
    else:
        inputs = rng.integers(-128, 128, (20, 1, *SHAPE[2:], 1), np.int8)
    expected = outputs(sources[kind], inputs)
    assert len(np.unique(expected, axis=0)) > 10
    assert outputs(leans[kind], inputs).tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_operators_and_their_tensors_are_the_same(kind, sources, leans):
    assert_same_network(read(sources[kind]), read(leans[kind]))


def assert_same_network(source, lean):
    """Go through both graphs side by side; each tensor must have one counterpart."""
    old, new = source.subgraphs[0], lean.subgraphs[0]
    pairs = {*paired(old.inputs, new.inputs), *paired(old.outputs, new.outputs)}
    for before, after in zip(old.operators, new.operators, strict=True):
        assert operation(source, before) == operation(lean, after)
        pairs |= {*paired(before.inputs, after.inputs), *paired(before.outputs, after.outputs)}
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    for i, j in pairs - {(-1, -1)}:
        assert meaning(source, old.tensors[i]) == meaning(lean, new.tensors[j])


def paired(first, second):
    return zip(map(int, first), map(int, second), strict=True)


def operation(model, operator):
    rest = ("opcodeIndex", "inputs", "outputs", "intermediates", "debugMetadataIndex")
    fields = {name: value for name, value in vars(operator).items() if name not in rest}
    return contents(model.operatorCodes[operator.opcodeIndex]), contents(fields)


def meaning(model, tensor):
    fields = contents(tensor)
    del fields["name"], fields["buffer"]
    if fields["quantization"]:
        del fields["quantization"]["min"], fields["quantization"]["max"]
    return fields, contents(model.buffers[tensor.buffer])


def contents(value):
    """An object of the schema's classes as dictionaries and lists; arrays with their type."""
    if hasattr(value, "__dict__"):
        value = vars(value)
    if isinstance(value, dict):
        return {key: contents(part) for key, part in value.items()}
    if isinstance(value, list):
        return [contents(part) for part in value]
    return (value.dtype.str, value.tolist()) if isinstance(value, np.ndarray) else value


def test_a_missing_input_stays_missing(tmp_path):
    source = write_toy(tmp_path / "toy.tflite")  # its last operator has no bias
    write_lean(source, tmp_path / "lean.tflite")
    lean = read(tmp_path / "lean.tflite")
    assert lean.subgraphs[0].operators[1].inputs[2] == -1
    assert_same_network(read(source), lean)
    inputs = np.random.default_rng(0).normal(size=(3, 1, 256, 65, 1)).astype(np.float32)
    expected = reference_outputs(source, inputs)
    assert np.array_equal(reference_outputs(tmp_path / "lean.tflite", inputs), expected)


def test_a_custom_operator_keeps_its_options_and_state(tmp_path):
    model = read(write_toy(tmp_path / "toy.tflite"))
    code, operator = model.operatorCodes[1], model.subgraphs[0].operators[1]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = "OurOperator", 3
    operator.builtinOptions, operator.builtinOptionsType = None, 0
    operator.customOptions = np.arange(7, dtype=np.uint8)
    model.subgraphs[0].tensors += [schema.TensorT(), schema.TensorT()]
    model.subgraphs[0].tensors[6].shape = [9]
    operator.intermediates = [6]
    write_lean(write(model, tmp_path / "custom.tflite"), tmp_path / "lean.tflite")
    lean = read(tmp_path / "lean.tflite")
    assert lean.subgraphs[0].operators[1].customOptions.tolist() == list(range(7))
    assert lean.operatorCodes[1].customCode == b"OurOperator"
    (state,) = lean.subgraphs[0].operators[1].intermediates
    assert lean.subgraphs[0].tensors[state].shape == [9]
    assert_same_network(read(tmp_path / "custom.tflite"), lean)


# --- Fewer bytes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_lean_file_is_little_more_than_its_numbers(kind, sources, leans):
    model, size = read(leans[kind]), leans[kind].stat().st_size
    subgraph = model.subgraphs[0]
    quantizations = [tensor.quantization for tensor in subgraph.tensors if tensor.quantization]
    numbers = [buffer.data for buffer in model.buffers]
    numbers += [vector for q in quantizations for vector in (q.scale, q.zeroPoint)]
    numbers = {vector.tobytes() for vector in numbers if vector is not None}
    names = sum(len(tensor.name) for tensor in subgraph.tensors)
    parts = len(subgraph.tensors) + len(subgraph.operators) + len(model.buffers)
    assert size < sum(map(len, numbers)) + names + 56 * parts
    assert size < 0.5 * sources[kind].stat().st_size


@pytest.mark.parametrize("kind", KINDS)
def test_remarks_are_gone(kind, sources, leans):
    model = read(leans[kind])
    assert read(sources[kind]).metadata
    assert (model.description, model.metadata, model.signatureDefs) == (None, None, None)
    assert model.subgraphs[0].name is None


def test_equal_vectors_are_stored_once(leans):
    content = leans["per-channel"].read_bytes()
    subgraph = schema.Model.GetRootAs(content).Subgraphs(0)
    places = {}
    for index in range(subgraph.TensorsLength()):
        quantization = subgraph.Tensors(index).Quantization()
        if quantization is not None and quantization.ZeroPointLength() > 1:
            zeros = quantization.ZeroPointAsNumpy()
            places.setdefault(len(zeros), set()).add(zeros.ctypes.data)
    assert {length: len(found) for length, found in places.items()} == {5: 1, 8: 1, 12: 1, 16: 1}


@pytest.mark.parametrize("kind", KINDS)
def test_buffers_are_aligned_used_and_different(kind, leans):
    model = schema.Model.GetRootAs(leans[kind].read_bytes())
    buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
    assert buffers[0].DataIsNone()
    starts = [b._tab.Vector(b._tab.Offset(4)) for b in buffers[1:]]
    assert [start % 16 for start in starts] == [0] * len(starts)
    assert len({b.DataAsNumpy().tobytes() for b in buffers[1:]}) == len(starts)
    tensors = read(leans[kind]).subgraphs[0].tensors
    assert {tensor.buffer for tensor in tensors} == set(range(len(buffers)))


def test_what_is_not_used_leaves_no_trace(sources, leans, tmp_path):
    model = read(sources["per-channel"])
    subgraph = model.subgraphs[0]
    unused = schema.TensorT()
    unused.name, unused.shape, unused.buffer = "unused", [7], len(model.buffers)
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = np.full(28, 77, np.uint8)
    subgraph.tensors.insert(0, unused)
    model.operatorCodes.insert(0, schema.OperatorCodeT())
    subgraph.inputs, subgraph.outputs = subgraph.inputs + 1, subgraph.outputs + 1
    for operator in subgraph.operators:
        operator.opcodeIndex += 1
        operator.inputs, operator.outputs = operator.inputs + 1, operator.outputs + 1
    subgraph.tensors[1].quantization.min = subgraph.tensors[1].quantization.max = [0.5]
    subgraph.debugMetadataIndex = subgraph.operators[0].debugMetadataIndex = 0
    content = lean_bytes(write(model, tmp_path / "more.tflite"), tmp_path)
    assert content == leans["per-channel"].read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_are_the_same_each_time(kind, sources, leans, tmp_path):
    content = leans[kind].read_bytes()
    assert lean_bytes(sources[kind], tmp_path) == content
    assert lean_bytes(leans[kind], tmp_path) == content


def test_a_file_can_be_replaced_by_its_lean_form(sources, leans, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(sources["float"].read_bytes())
    write_lean(path, path)
    assert path.read_bytes() == leans["float"].read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_builder_writes_what_the_plain_one_writes(kind, sources):
    model = read(sources[kind])
    builder = CompactBuilder()
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    content = bytes(builder.Output())
    assert contents(schema.ModelT.InitFromPackedBuf(content, 0)) == contents(model)
    Interpreter(model_content=content)  # which verifies offsets and alignment


def test_builder_shares_what_is_equal_and_not_what_only_looks_so():
    """Such as equal bytes of other types, and equal offsets from other places."""
    builder = CompactBuilder()
    vectors = [np.array([1, 0], np.int32), np.array([1], np.int64), np.array([1, 0], np.uint32)]
    assert len({builder.CreateNumpyVector(vector) for vector in vectors}) == 3
    assert builder.CreateNumpyVector(vectors[0].copy()) == builder.CreateNumpyVector(vectors[0])
    options = [schema.MulOptionsT(), schema.AddOptionsT(), schema.SubOptionsT()]
    options[2].fusedActivationFunction = 1
    places = [table.Pack(builder) for table in options]
    assert places[0] == places[1] != places[2]
    model = schema.ModelT()
    model.subgraphs = [schema.SubGraphT(), schema.SubGraphT()]
    for subgraph, number in zip(model.subgraphs, (3, 4), strict=True):
        subgraph.tensors = [schema.TensorT()]
        subgraph.tensors[0].buffer = number
    builder = CompactBuilder()
    builder.Finish(model.Pack(builder))
    again = schema.ModelT.InitFromPackedBuf(bytes(builder.Output()), 0)
    assert [subgraph.tensors[0].buffer for subgraph in again.subgraphs] == [3, 4]


def test_builder_leaves_no_gaps_within_a_table():
    options = schema.Conv2DOptionsT()  # two fields of one byte with two of four between them
    options.padding = options.strideW = options.strideH = options.fusedActivationFunction = 2
    plain, compact = flatbuffers.Builder(), CompactBuilder()
    options.Pack(plain), options.Pack(compact)
    assert compact.Offset() == plain.Offset() - 4


# --- Names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_names_tell_modules(kind, leans):
    subgraph = read(leans[kind]).subgraphs[0]
    activations = {t.name.decode(): tuple(t.shape) for t in subgraph.tensors if not t.buffer}
    assert activations == NAMES
    constants = [t.name.decode() for t in subgraph.tensors if t.buffer]
    expected = [f"{layer}.{role}" for layer in LAYERS for role in ("weight", "bias")]
    assert sorted(name for name in constants if name[0] != "t") == sorted(expected)
    assert len(set(constants)) == len(constants)


def test_activations_are_the_outputs_of_their_modules(network, leans):
    log_mel = np.random.default_rng(5).normal(-1, 2, SHAPE).astype(np.float32)
    expected = {}
    for name, module in network.named_modules():
        module.register_forward_hook(
            lambda _module, _inputs, output, name=name: expected.update({name: output.clone()})
        )
    with torch.no_grad():
        network(torch.from_numpy(log_mel))
    interpreter = Interpreter(
        str(leans["float"]),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    litert_outputs(interpreter, [log_mel.reshape(1, *SHAPE[2:], 1)])
    named = {d["name"]: d["index"] for d in interpreter.get_tensor_details() if d["name"]}
    matched = named.keys() & expected.keys()
    others = {"log_mel", "logits", *(name for name in NAMES if name.endswith((".pad", ".mul")))}
    assert matched == NAMES.keys() - others
    for name in matched:
        values = interpreter.get_tensor(named[name]).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(values, expected[name].numpy(), atol=1e-4, err_msg=name)


WRAPPED = "litert_torch._convert.to_channel_last_io.ChannelLastIOWrapper/our.models.Network_wrapped"
CONV = f"{WRAPPED}/torch.nn.modules.container.Sequential_in_c/torch.nn.modules.conv.Conv2d_0;"
RELU = f"{WRAPPED}/torch.nn.modules.container.Sequential_in_c/torch.nn.modules.activation.ReLU_1;"


@pytest.mark.parametrize(
    ("name", "module", "layer"),
    [
        (f"{CONV}1", "in_c.0", "in_c.0"),
        (f"{RELU};{CONV};", "in_c.1", "in_c.0"),
        ("test.<locals>.Net/our.models._Head_feed_forward;;", "feed_forward", "feed_forward"),
        ("__main__.Net/torch.nn.modules.linear.Linear__last;1", "_last", "_last"),
        ("in_c.0.pad", "in_c.0.pad", "in_c.0.pad"),
        (f"{WRAPPED};2", None, None),
        ("arith.constant1", None, None),
        ("model/conv_1/Conv2D;model/re_lu/Relu", None, None),
        ("", None, None),
    ],
)
def test_module_and_layer_of_a_long_name(name, module, layer):
    assert (module_of(name), layer_of(name)) == (module, layer)


def test_names_are_unique_and_stay_so_whatever_they_were(tmp_path):
    source = read(write_toy(tmp_path / "toy.tflite"))
    log_mel, axes, mean, weight, logits = source.subgraphs[0].tensors
    log_mel.name = logits.name = weight.name = None
    axes.name, mean.name = "a/b", "t1"
    content = lean_bytes(write(source, tmp_path / "renamed.tflite"), tmp_path)
    tensors = schema.ModelT.InitFromPackedBuf(content, 0).subgraphs[0].tensors
    assert [t.name for t in tensors] == [b"log_mel", b"t1_2", b"t1", b"t3", b"logits"]
    assert lean_bytes(tmp_path / "lean.tflite", tmp_path) == content


# --- Refused --------------------------------------------------------------------------------------


def two_subgraphs(model):
    model.subgraphs.append(model.subgraphs[0])


def memory_plan(model):
    model.metadata = [schema.MetadataT()]
    model.metadata[0].name = "OfflineMemoryAllocation"


def large_buffer(model):
    model.buffers[1].offset, model.buffers[1].size = 64, 8


def blockwise(model):
    quantization = schema.QuantizationParametersT()
    quantization.details = schema.BlockwiseQuantizationT()
    quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
    model.subgraphs[0].tensors[3].quantization = quantization


def no_such_tensor(model):
    model.subgraphs[0].operators[0].inputs = [0, 5]


def no_such_missing_tensor(model):
    model.subgraphs[0].operators[1].inputs = [2, 3, -2]


def large_options(model):
    model.subgraphs[0].operators[0].largeCustomOptionsSize = 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (two_subgraphs, "found 2 subgraphs, expected 1"),
        (no_such_tensor, "refers to a tensor that it does not have"),
        (no_such_missing_tensor, "refers to a tensor that it does not have"),
        (memory_plan, "has OfflineMemoryAllocation"),
        (large_buffer, "has data outside its tables"),
        (large_options, "has options outside its tables"),
        (blockwise, "has a quantisation that is not by scale and zero point"),
    ],
)
def test_what_cannot_be_rewritten_is_refused(change, message, tmp_path):
    model = read(write_toy(tmp_path / "toy.tflite"))
    change(model)
    source = write(model, tmp_path / "changed.tflite")
    with pytest.raises(InputError, match=message):
        write_lean(source, tmp_path / "lean.tflite")
    assert not (tmp_path / "lean.tflite").exists()


@pytest.mark.parametrize("content", [b"", b"TFL3", b"a text\n" * 50, b"\x10\0\0\0TFL3" + b"a" * 99])
def test_another_kind_of_file_is_refused(content, tmp_path):
    source = tmp_path / "model.tflite"
    source.write_bytes(content)
    with pytest.raises(InputError, match="export it again"):
        write_lean(source, tmp_path / "lean.tflite")


def test_a_file_cut_short_is_refused(sources, tmp_path):
    content = sources["per-channel"].read_bytes()
    source = tmp_path / "cut.tflite"
    for length in (*range(9, len(content), 487), len(content) - 1):
        source.write_bytes(content[:length])
        with pytest.raises(InputError, match="cannot be opened") as refusal:
            write_lean(source, tmp_path / "lean.tflite")
        assert "\n" not in str(refusal.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        write_lean(tmp_path / "none.tflite", tmp_path / "lean.tflite")
