"""PaSST against its golden vectors, counts and tokens; patchout only in training."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from baseline import models
from baseline.models.passt import ARCHS, Arch, PaSST, build
from baseline.models.patchout import Draws, Patchout
from deploy.errors import InputError
from deploy.frontend import FRONT_ENDS

TINY = Arch(frames=100, width=48, depth=3, heads=4)
TOLERANCE = 1e-5

PUBLISHED = {
    # arch: (grid, tokens of 1000 frames, parameters with 527 classes)
    "s10": ((12, 99), 1190, 86_153_758),
    "s12": ((10, 83), 832, 86_139_934),
    "s14": ((9, 71), 641, 86_129_950),
    "s16": ((8, 62), 498, 86_122_270),
    "l10": ((12, 99), 1190, 50_714_398),
    "s10_20s": ((12, 200), 1190, 86_231_326),
    "s10_30s": ((12, 300), 1190, 86_308_126),
    "s10_hop160": ((12, 200), 1190, 86_231_326),
    "s10_hop100": ((12, 320), 1190, 86_323_486),
}

PATCHOUTS = {
    # name in the golden file: (patchout, frames)
    "s_t3_f2": (Patchout(frequency=2, time=3), 100),
    "u20": (Patchout(unstructured=20), 100),
    "s_t2_f3_u5": (Patchout(frequency=3, time=2, unstructured=5), 100),
    "cut_T60_nopatchout": (Patchout(), 60),
    "cut_T60_s_t1_f1": (Patchout(frequency=1, time=1), 60),
}


def load(archive, prefix, arch, classes, patchout=None):
    """A network in evaluation mode with an archive's weights."""
    network = PaSST(arch, classes, patchout)
    keys = [key for key in archive.files if key.startswith(prefix)]
    state = {key.removeprefix(prefix): torch.from_numpy(archive[key]) for key in keys}
    network.load_state_dict(state, strict=True)
    return network.eval()


def outputs(network, log_mel, draws=None):
    with torch.no_grad():
        log_mel = torch.from_numpy(log_mel)
        return network(log_mel, draws), network.features(log_mel, draws)


def assert_equal(found, archive, prefix):
    for values, name in zip(found, ("logits", "features"), strict=True):
        np.testing.assert_allclose(values, archive[f"{prefix}{name}"], atol=TOLERANCE)


# --- against the original ------------------------------------------------------------------------


@pytest.fixture
def tiny(golden_tagging):
    return golden_tagging("passt_tiny")


@pytest.mark.parametrize("frames", [100, 60, 16])
def test_logits_equal_the_original(frames, tiny):
    network = load(tiny, "sd/", TINY, 20, Patchout(2, 3, 5))
    assert_equal(outputs(network, tiny[f"in/T{frames}"]), tiny, f"eval/T{frames}/")


def test_longer_clips_are_cut_as_in_the_original_with_a_warning(tiny):
    network = load(tiny, "sd/", TINY, 20)
    with pytest.warns(UserWarning, match="for 100 frames: of longer clips only the beginning"):
        assert_equal(outputs(network, tiny["in/T130"]), tiny, "eval/T130/")


def test_patches_and_tokens_equal_the_original(tiny):
    network = load(tiny, "sd/", TINY, 20)
    log_mel = torch.from_numpy(tiny["in/T100"])
    with torch.no_grad():
        patches, tokens = network.patch_embed(log_mel), network.tokens(log_mel)
    np.testing.assert_allclose(patches, tiny["eval/T100/patch_embed"], atol=TOLERANCE)
    for index, name in enumerate(("cls", "dist")):
        np.testing.assert_allclose(tokens[:, index], tiny[f"eval/T100/{name}"], atol=TOLERANCE)


@pytest.mark.parametrize("name", PATCHOUTS)
def test_patchout_in_training_equals_the_original_seed_for_seed(name, tiny):
    patchout, frames = PATCHOUTS[name]
    network = load(tiny, "sd/", TINY, 20, patchout).train()
    log_mel = torch.from_numpy(tiny[f"in/T{frames}"])
    torch.manual_seed(123)
    with torch.no_grad():
        logits = network(log_mel)
    np.testing.assert_allclose(logits, tiny[f"train/{name}/logits"], atol=TOLERANCE)
    torch.manual_seed(123)
    columns = network.patch_embed(log_mel).shape[3]
    draws = patchout.draw(12, columns, 10 - columns)
    assert draws.time_offset == tiny[f"train/{name}/toffset"]
    kept = {"time": draws.columns, "freq": draws.rows, "seq": draws.patches}
    for axis, indices in kept.items():
        expected = tiny[f"train/{name}/{axis}_idx"]
        np.testing.assert_array_equal(
            np.arange(len(expected)) if indices is None else indices, expected
        )


def test_scene_teacher_equals_the_original(golden_asc):
    golden = golden_asc("passt_tiny")
    network = load(golden, "w/", Arch(width=48, depth=2, heads=3), 10, Patchout(frequency=6))
    assert_equal(outputs(network, golden["x"]), golden, "")
    rows = torch.from_numpy(golden["train_kept_freq_rows"])
    draws = Draws(time_offset=int(golden["train_time_offset"]), rows=rows)
    found = outputs(network.train(), golden["x"], draws)
    for values, name in zip(found, ("logits_train", "features_train"), strict=True):
        np.testing.assert_allclose(values, golden[name], atol=TOLERANCE)


def test_network_without_distillation_equals_the_original(golden_tagging):
    golden = golden_tagging("passt_tiny_undistilled")
    arch = Arch(frames=100, width=24, depth=1, heads=2, distilled=False)
    network = load(golden, "sd/", arch, 20)
    assert_equal(outputs(network, golden["x"]), golden, "")


def test_with_its_front_end_it_equals_the_hear_package(golden_tagging):
    golden = golden_tagging("passt_hear_tiny")
    network = load(golden, "sd/", Arch(width=48, depth=3, heads=4), 20)
    found = outputs(network, FRONT_ENDS["passt_audioset"].log_mel(golden["audio"]))
    np.testing.assert_allclose(torch.cat(found, 1), golden["scene/all"], atol=1e-4)


def test_keys_and_shapes_are_those_of_the_sheet(shared):
    lines = (shared / "specs" / "keys" / "sd_passt.txt").read_text().splitlines()
    state = models.create("passt_s").state_dict()
    assert lines == [f"{key} {tuple(value.shape)}" for key, value in state.items()]


# --- sizes ---------------------------------------------------------------------------------------


def on_meta(arch, classes=527, patchout=None):
    with torch.device("meta"):
        return PaSST(ARCHS[arch], classes, patchout).eval()


@pytest.mark.parametrize("arch", ARCHS)
def test_sizes_as_published(arch):
    grid, tokens, parameters = PUBLISHED[arch]
    network = on_meta(arch)
    assert ARCHS[arch].grid == grid
    assert network.sequence(torch.zeros(1, 1, 128, 1000, device="meta")).shape == (1, tokens, 768)
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize(("arch", "giga_macs"), [("s10", 127.5), ("s16", 47.0), ("l10", 74.5)])
def test_macs_as_published(arch, giga_macs):
    network = on_meta(arch)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 1, 128, 998, device="meta"))
    tokens = PUBLISHED[arch][1]
    biases = tokens * (3 + 1 + 4 + 1) * 768 * ARCHS[arch].depth  # counted there, not by torch
    assert counter.get_total_flops() / 2 + biases == pytest.approx(giga_macs * 1e9, abs=5e7)


@pytest.mark.parametrize(
    ("patchout", "frames", "tokens"),
    [
        (Patchout(frequency=6), 100, 56),
        (Patchout(4, 40), 1000, 474),
        (Patchout(0, 0, 400), 998, 790),
    ],
)
def test_tokens_in_training_as_published(patchout, frames, tokens):
    network = PaSST(Arch(width=8, depth=1, heads=2), 10, patchout)
    log_mel = torch.zeros(1, 1, 128, frames)
    assert network.train().sequence(log_mel).shape[1] == tokens
    assert network.eval().sequence(log_mel).shape[1] == (110 if frames == 100 else 1190)


# --- what it means -------------------------------------------------------------------------------


@pytest.fixture
def small():
    torch.manual_seed(0)
    return PaSST(TINY, 10)


@pytest.fixture
def log_mel():
    return torch.randn(2, 1, 128, 100, generator=torch.Generator().manual_seed(1))


def test_patchout_draws_anew_in_training_and_never_in_evaluation(small, log_mel):
    small.patchout = Patchout(frequency=6)
    training = [small.train()(log_mel) for _ in range(8)]
    assert not all(torch.equal(logits, training[0]) for logits in training[1:])
    assert torch.equal(small.eval()(log_mel), small.eval()(log_mel))


def test_without_patchout_full_clips_are_heard_alike_in_training(small):
    full = torch.randn(1, 1, 128, 106)  # as many columns as the time encoding
    torch.testing.assert_close(small.train()(full), small.eval()(full))


def test_shorter_clips_are_placed_all_over_the_time_encoding(small):
    torch.manual_seed(0)
    offsets = {small.patchout.draw(12, 5, 5).time_offset for _ in range(200)}
    assert offsets == set(range(6))


def test_every_row_is_kept_about_as_often():
    torch.manual_seed(0)
    rows = torch.cat([Patchout(frequency=6).draw(12, 9, 90).rows for _ in range(2000)])
    assert rows.bincount().float().div(2000).sub(0.5).abs().max() < 0.05


def test_logits_do_not_depend_on_the_second_head(small, log_mel):
    before = small.eval()(log_mel)
    torch.nn.init.constant_(small.head_dist.weight, 9)
    assert torch.equal(small(log_mel), before)


def test_initial_weights():
    torch.manual_seed(0)
    network = PaSST(Arch(depth=1), 10)
    weights = {"time_new_pos_embed", "blocks.0.mlp.fc1.weight", "head.1.weight"}
    for key, value in network.state_dict().items():
        if key in weights:
            assert value.std().item() == pytest.approx(0.02, rel=0.05), key
        if key.endswith(".bias") and "patch_embed" not in key:
            assert not value.any(), key


def test_bf16_trains(small, log_mel):
    small.patchout = Patchout(frequency=6, time=1)
    optimizer = torch.optim.AdamW(small.parameters(), 1e-3)
    labels, losses = torch.tensor([3, 7]), []
    for _ in range(8):
        with torch.autocast("cpu", torch.bfloat16):
            logits = small.train()(log_mel)
            loss = torch.nn.functional.cross_entropy(logits, labels)
        assert logits.dtype == torch.bfloat16
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    gradients = [p.grad for key, p in small.named_parameters() if "head_dist" not in key]
    assert all(g.dtype == torch.float32 and g.isfinite().all() for g in gradients)
    assert losses[-1] < 0.7 * losses[0]


def test_bf16_hears_what_float_hears(tiny):
    network = load(tiny, "sd/", TINY, 20)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = network(torch.from_numpy(tiny["in/T100"])).float()
    spread = np.ptp(tiny["eval/T100/logits"])
    np.testing.assert_allclose(logits, tiny["eval/T100/logits"], atol=0.03 * spread)


# --- wrong input ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1, 256, 64), (1, 1, 128, 15), (128, 100), (1, 3, 128, 100)])
def test_log_mel_of_another_shape(small, shape):
    with pytest.raises(InputError, match=r"found a log-mel of shape .*, expected \(batch, 1, 128"):
        small(torch.zeros(shape))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"arch": "s11"}, "arch 's11' is unknown; .* did you mean 's1"),
        ({"classes": 0}, "classes: found 0"),
        ({"patchout_time": -1}, "patchout_time: found -1, expected 0 or more"),
    ],
)
def test_builder_refuses(options, sentence):
    with pytest.raises(InputError, match=sentence):
        build(**options)


@pytest.mark.parametrize("patchout", [Patchout(12), Patchout(0, 9), Patchout(11, 8, 1)])
def test_patchout_that_leaves_nothing(small, log_mel, patchout):
    small.patchout = patchout
    with pytest.raises(InputError, match=r"patchout_\w+: found \d+, expected less than the \d+"):
        small.train()(log_mel)
    small.eval()(log_mel)
