"""CP-ResNet: golden vectors, counts for width, depth and rho, receptive field, start, damping."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from baseline import models
from baseline.complexity import measure
from baseline.inference import TorchClassifier
from baseline.models.cp_resnet import Block
from baseline.models.damping import DampedConv2d, damper, fold_damping
from baseline.recipe import load_recipe
from baseline.run import create_run
from baseline.trained_network import load_network
from deploy.errors import InputError

NARROW = {"channels": 2, "width": 8, "blocks": [4, 3, 1]}

PARAMETERS_OF_RHO = {
    0: 2_911_252,
    1: 3_042_324,
    2: 3_173_396,
    3: 3_304_468,
    4: 3_435_540,
    5: 3_566_612,
    6: 3_697_684,
    7: 3_959_828,
    8: 4_484_116,
    9: 5_008_404,
    10: 5_532_692,
    15: 8_678_420,
}
"""Of the stereo network of 2020 at width 128."""


def with_weights(network, archive):
    """A network in evaluation mode with the weights `w/<state_dict key>` of an archive."""
    weights = [key for key in archive.files if key.startswith("w/")]
    state = {key.removeprefix("w/"): torch.from_numpy(archive[key]) for key in weights}
    network.load_state_dict(state, strict=True)
    return network.eval()


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def counted(network, shape):
    return measure(network, shape, name="counted", precision="int8")


@pytest.fixture
def golden128k(golden_asc):
    return with_weights(models.create("cpresnet128k"), golden_asc("cpresnet2023_weights"))


# --- against the originals -----------------------------------------------------------------------


def test_activations_and_logits_of_2023_equal_the_original(golden_asc, golden128k):
    io = golden_asc("cpresnet2023_io")
    log_mel = torch.from_numpy(io["logmel"])
    with torch.no_grad():
        np.testing.assert_allclose(golden128k(log_mel), io["logits"], atol=1e-4)
        x = golden128k.in_c(log_mel[:1])
        np.testing.assert_allclose(x, io["act_in_c"], atol=1e-4)
        for stage in ("stage1", "stage2", "stage3"):
            x = getattr(golden128k, stage)(x)
            np.testing.assert_allclose(x, io[f"act_{stage}"], atol=1e-4)


def test_front_end_and_network_together_equal_the_original(golden_asc, golden128k):
    io = golden_asc("cpresnet2023_io")
    classifier = TorchClassifier(golden128k, "cpjku2023_teacher", torch.float32)
    expected = torch.from_numpy(io["logits"]).softmax(1)
    found = classifier.probabilities(io["wave_32k"], 32_000)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "logits"), [("cpresnet2020", "logits"), ("cpresnet2020_damped", "logits_freqdamp")]
)
def test_logits_of_2020_equal_the_original(golden_asc, name, logits):
    golden = golden_asc("cpresnet2020_narrow")
    network = with_weights(models.create(name, **NARROW), golden)
    with torch.no_grad():
        found = network(torch.from_numpy(golden["x"]))
    np.testing.assert_allclose(found, golden[logits], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "options", "listing"),
    [
        ("cpresnet2020", {"channels": 2}, "sd_k20_rho5"),
        ("cpresnet2020_damped", {"channels": 2}, "sd_k20_rho5"),
        ("cpresnet_dir", {}, "sd_dir_cpresnet"),
        ("cpresnet128k", {}, "sd_cpresnet23_128k"),
        ("cpresnet128k", {}, "sd_cpresnet22_sub"),
        (
            "cpresnet128k",
            {"rho": 4, "blocks": [2, 2, 2], "cut": [0, 0], "groups": [1, 1, 1]},
            "sd_cpresnet22_default",
        ),
    ],
)
def test_keys_and_shapes_are_those_of_the_sheet(name, options, listing, shared):
    expected = (shared / "specs" / "keys" / f"{listing}.txt").read_text().splitlines()
    state = models.create(name, **options).state_dict()
    assert [f"{key} {tuple(value.shape)}" for key, value in state.items()] == expected


# --- parameters and MACs -------------------------------------------------------------------------


@pytest.mark.parametrize(("rho", "published"), PARAMETERS_OF_RHO.items())
def test_parameters_of_2020_as_published(rho, published):
    assert parameters(models.create("cpresnet2020", channels=2, rho=rho)) == published


def test_submission_of_2020_has_as_many_parameters_as_published():
    options = {"channels": 2, "rho": 4, "width": 48, "blocks": [4, 3, 1]}
    assert parameters(models.create("cpresnet2020_damped", **options)) == 247_316


@pytest.mark.parametrize(
    ("name", "options", "shape", "giga"),
    [
        ("cpresnet2020", {"channels": 2, "rho": 5}, (1, 2, 256, 431), 8.41),
        ("cpresnet2020", {"channels": 2, "rho": 7}, (1, 2, 256, 431), 8.73),
        ("cpresnet_dir", {}, (1, 1, 256, 44), 5.44),
    ],
)
def test_macs_as_published(name, options, shape, giga):
    macs = counted(models.create(name, **options), shape).macs
    assert round(macs / 1e9, 2) == giga


@pytest.mark.parametrize(
    ("rho", "published", "mega"),
    [(4, 64_196, 19.3), (5, 80_580, 21.8), (7, 80_580, 21.8), (9, 195_396, 39), (12, 195_396, 39)],
)
def test_the_network_of_2022_at_other_rho(rho, published, mega):
    found = counted(models.create("cpresnet128k", rho=rho), (1, 1, 256, 43))
    assert (found.parameters, round(found.macs / 1e6, 1)) == (published, mega)


def test_default_network_of_2022():
    options = {"rho": 4, "blocks": [2, 2, 2], "cut": [0, 0], "groups": [1, 1, 1]}
    found = counted(models.create("cpresnet128k", **options), (1, 1, 256, 43))
    assert (found.parameters, found.macs) == (131_316, 29_238_580)


def fold(network):
    """Fold each batch norm into the convolution before it, in place."""
    for module in list(network.modules()):
        children = list(module.named_children())
        for (name, layer), (norm_name, norm) in pairwise(children):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(layer, norm))
                setattr(module, norm_name, nn.Identity())
    return network


def test_folded_the_network_of_2022_counts_as_published(golden128k, golden_asc):
    io = golden_asc("cpresnet2023_io")
    folded = fold(golden128k)
    found = counted(folded, (1, 1, 256, 43))
    assert (found.parameters, found.macs) == (127_046, 29_056_324)
    with torch.no_grad():
        logits = folded(torch.from_numpy(io["logmel"]))
    np.testing.assert_allclose(logits, io["logits"], atol=1e-4)


def kernels_of_2020(rho):
    """The table of kernels, two a block and four blocks a stage, as the originals write it."""
    e = rho - 7
    lower = [1 if -e > bound else 3 for bound in (6, 5, 4, 3, 2, 1, 0)]
    upper = [3 if e > bound else 1 for bound in range(15)]
    flat = [3, 1, *lower, *upper]
    pairs = list(zip(flat[::2], flat[1::2], strict=True))
    return [pairs[:4], pairs[4:8], pairs[8:]]


def parameters_by_hand(channels, width, rho, blocks):
    total, inputs = 25 * channels * width + 2 * width, width
    for stage, rows in enumerate(kernels_of_2020(rho)):
        outputs = width * 2**stage
        for k1, k2 in rows[: blocks[stage]]:
            total += inputs * outputs * k1**2 + outputs**2 * k2**2 + 4 * outputs
            total += inputs * outputs + 2 * outputs if inputs != outputs else 0
            inputs = outputs
    return total + 10 * inputs + 20


@pytest.mark.parametrize("rho", range(23))
@pytest.mark.parametrize(("channels", "width"), [(1, 8), (2, 24)])
def test_parameters_follow_from_width_and_rho(channels, width, rho):
    network = models.create("cpresnet2020", channels=channels, width=width, rho=rho)
    assert parameters(network) == parameters_by_hand(channels, width, rho, (4, 4, 4))


@pytest.mark.parametrize("blocks", [(4, 4, 0), (4, 3, 1), (4, 0, 0), (3, 2, 1), (4, 0, 2)])
def test_parameters_follow_from_depth(blocks):
    rho = 5 if blocks[0] == 4 else 4
    network = models.create("cpresnet2020", width=16, rho=rho, blocks=blocks)
    assert parameters(network) == parameters_by_hand(1, 16, rho, blocks)


# --- receptive field -----------------------------------------------------------------------------


def receptive_field(network):
    """How many mels change a unit before the head; averages stand for maxima, which see as much."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(child.kernel_size))
            if isinstance(child, nn.Conv2d):
                nn.init.constant_(child.weight, 0.1)
    log_mel = torch.ones(1, 1, 1024, 64, dtype=torch.float64, requires_grad=True)
    network = network.double().eval()
    units = network.stage3(network.stage2(network.stage1(network.in_c(log_mel))))
    units[0, 0, units.shape[2] // 2, units.shape[3] // 2].backward()
    rows = log_mel.grad[0, 0].abs().sum(1).nonzero()
    return int(rows.max() - rows.min()) + 1


@pytest.mark.parametrize("blocks", [(4, 4, 4), (4, 3, 0)])
def test_receptive_field_follows_from_rho_alone(blocks):
    """By hand: 5 for the stem, then (size - 1) x the strides before it, of kernels and pools."""
    expected = [23, 31, 39, 55, 71, 87, 103, 135]
    networks = [
        models.create("cpresnet2020", width=2, rho=rho, blocks=blocks)
        for rho in range(len(expected))
    ]
    assert [receptive_field(network) for network in networks] == expected


@pytest.mark.parametrize("blocks", [(3, 4, 4), (4, 0, 0)])
def test_blocks_that_see_are_not_left_out(blocks):
    with pytest.raises(InputError, match=r"3x3 kernels at rho 7.* keep more blocks or lower rho"):
        models.create("cpresnet2020", width=8, rho=7, blocks=blocks)


# --- start ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cpresnet128k", "cpresnet2020", "cpresnet2020_damped"])
def test_blocks_begin_as_their_shortcuts_and_logits_at_zero(name):
    network = models.create(name, width=16, cut=[0, 0]).eval()
    x = torch.randn(2, 1, 64, 44)
    with torch.no_grad():
        assert torch.equal(network(x), torch.zeros(2, 10))
        for block in [module for module in network.modules() if isinstance(module, Block)]:
            maps = torch.randn(1, block.conv1.in_channels, 5, 6)
            assert torch.equal(block(maps.clone()), block.shortcut(maps).relu())


def test_a_network_begins_alike_however_many_were_made_before():
    def made():
        torch.manual_seed(3)
        return models.create("cpresnet2020", width=64).state_dict()

    first, second = made(), made()
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    inner = first["stage2.block2.conv1.weight"]  # 1x1, 128 channels, of 12 blocks
    assert inner.std().item() == pytest.approx((2 / 128 / 12) ** 0.5, rel=0.03)
    shortcut = first["stage3.block1.shortcut.conv.weight"]
    assert shortcut.std().item() == pytest.approx((2 / 256) ** 0.5, rel=0.03)


# --- frequency damping ---------------------------------------------------------------------------


def test_dampers_equal_the_original(golden_asc):
    golden = golden_asc("cpresnet2020_narrow")
    for rows in (3, 5):
        expected = golden[f"damper{rows}"][0, 0]
        found = damper(rows, 0.01)[:, None].expand(rows, rows)
        np.testing.assert_allclose(found, expected, atol=1e-7)
    assert damper(1, 0.01).tolist() == [1]


def test_gradients_are_damped_too():
    torch.manual_seed(0)
    layer = DampedConv2d(2, 3, 3, padding=1, bias=False, damping=0.25)
    x = torch.randn(1, 2, 6, 5)
    plain = (layer.weight * layer.damper).detach().requires_grad_()
    layer(x).square().sum().backward()
    nn.functional.conv2d(x, plain, padding=1).square().sum().backward()
    rows = torch.tensor([0.25, 1, 0.25]).reshape(1, 1, 3, 1)
    torch.testing.assert_close(layer.weight.grad, plain.grad * rows)


def test_damping_is_not_in_the_weights():
    damped = models.create("cpresnet2020_damped", width=8).state_dict()
    plain = models.create("cpresnet2020", width=8).state_dict()
    assert damped.keys() == plain.keys()


def test_folded_damping_computes_the_same_with_plain_convolutions(golden_asc):
    golden = golden_asc("cpresnet2020_narrow")
    network = with_weights(models.create("cpresnet2020_damped", **NARROW), golden)
    fold_damping(network)
    assert not any(isinstance(module, DampedConv2d) for module in network.modules())
    assert not any(module.training for module in network.modules())
    with torch.no_grad():
        found = network(torch.from_numpy(golden["x"]))
    np.testing.assert_allclose(found, golden["logits_freqdamp"], atol=1e-4)


def test_network_of_a_run_has_the_recipes_options_and_no_damping_left(tmp_path):
    options = ["network_options.width=8", "network_options.blocks=[4, 2, 0]"]
    recipe = load_recipe("small", ["network=cpresnet2020_damped", *options])
    place = {"data": tmp_path, "store": tmp_path}
    run = create_run(tmp_path / "run", recipe, split=5, seed=0, **place)
    trained = models.create("cpresnet2020_damped", width=8, blocks=[4, 2, 0]).eval()
    with torch.no_grad():
        for value in trained.parameters():
            value.normal_()
    save_file(trained.state_dict(), run.weights_file)
    loaded = load_network(run)
    assert not any(isinstance(module, DampedConv2d) for module in loaded.modules())
    x = torch.randn(1, 1, 256, 44)
    with torch.no_grad():
        torch.testing.assert_close(loaded(x), trained(x), rtol=1e-4, atol=1e-4)


# --- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"widht": 64}, "has no option 'widht'; did you mean 'width'"),
        ({"layout": 1}, "has no option 'layout'"),
        ({"width": "64"}, "option 'width': .*valid integer, found '64'"),
        ({"width": True}, "option 'width': .*found True"),
        ({"width": 0}, "option 'width': .*greater than or equal to 1, found 0"),
        ({"rho": 23}, "option 'rho': .*less than or equal to 22, found 23"),
        ({"rho": None}, "option 'rho': .*found None"),
        ({"damping": float("nan")}, "option 'damping': .*finite number, found nan"),
        ({"blocks": [4, 4]}, "option 'blocks.2'"),
        ({"blocks": 4}, "option 'blocks': .*found 4"),
        ({"blocks": [0, 4, 4]}, r"network cpresnet2020: blocks: found \[0, 4, 4\]"),
        ({"cut": [256, 0]}, "stage 2: found 128 channels in, 0 out"),
        ({"groups": [1, 3, 1]}, "stage 2: found 128 channels in, 256 out and groups of 3"),
    ],
)
def test_wrong_options_are_explained(options, words):
    with pytest.raises(InputError, match=words):
        models.create("cpresnet2020", **options)


def test_no_more_blocks_than_published():
    with pytest.raises(InputError, match=r"found \[2, 3, 1\], expected up to 2 a stage"):
        models.create("cpresnet128k", blocks=[2, 3, 1])


def test_a_network_without_options_says_so():
    with pytest.raises(InputError, match="baseline2024: has no option 'width'; it takes none"):
        models.create("baseline2024", width=3)
