"""PaSST's weights from ImageNet, from AudioSet, and from files that do not fit."""

import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from baseline.models.passt import Arch, PaSST
from baseline.models.passt_checkpoints import from_imagenet, load_checkpoint
from deploy.errors import InputError

ARCH = Arch(frames=200, width=24, depth=2, heads=2)


@pytest.fixture
def audioset():
    torch.manual_seed(1)
    return PaSST(ARCH, 527)


def saved(path, state):
    torch.save(state, path)
    return path


def deit(arch, side, tokens=2):
    """A state of DeiT's keys for square pictures."""
    torch.manual_seed(2)
    state = PaSST(arch, 1000).state_dict()
    for key in [key for key in state if "new_pos_embed" in key or key.startswith("head.")]:
        del state[key]
    state["pos_embed"] = torch.randn(1, tokens + side**2, arch.width)
    state["patch_embed.proj.weight"] = torch.randn(arch.width, 3, 16, 16)
    state["head.weight"], state["head.bias"] = torch.randn(1000, arch.width), torch.randn(1000)
    return state


def changed(network, before):
    return {
        key for key, value in network.state_dict().items() if not torch.equal(value, before[key])
    }


def test_imagenet_positions_and_kernels_are_converted_as_in_the_original(golden_tagging, tmp_path):
    golden = golden_tagging("passt_imagenet_conversion")
    state = {
        "pos_embed": torch.from_numpy(golden["pos_embed"]),
        "patch_embed.proj.weight": torch.from_numpy(golden["conv3"]),
    }
    converted = from_imagenet(state, Arch(width=8, heads=2), tmp_path)
    for key in ("new_pos_embed", "freq_new_pos_embed", "time_new_pos_embed"):
        np.testing.assert_allclose(converted[key], golden[key], atol=1e-6)
    kernel = converted["patch_embed.proj.weight"]
    np.testing.assert_allclose(kernel, golden["conv1"], atol=1e-6)


@pytest.mark.parametrize("wrapped", [False, True])
def test_imagenet_fills_all_but_the_head(wrapped, tmp_path):
    state, network = deit(ARCH, 24), PaSST(ARCH, 10)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    load_checkpoint(network, saved(tmp_path / "deit.pth", {"model": state} if wrapped else state))
    kept = before.keys() - changed(network, before)
    heads = {key for key in before if key.startswith("head")}
    same = {key for key in before if key.endswith(("norm.weight", "norm1.weight", "norm2.weight"))}
    zero = {key for key in before if key.endswith(".bias") and not key.startswith("patch_embed")}
    assert kept == heads | same | zero
    assert torch.equal(network.blocks[1].attn.qkv.weight, state["blocks.1.attn.qkv.weight"])


def test_audioset_with_other_classes_keeps_the_fresh_classifier(audioset, tmp_path):
    torch.nn.init.ones_(audioset.head[0].bias)
    network = PaSST(ARCH, 10)
    fresh = network.head[1].weight.clone()
    load_checkpoint(network, saved(tmp_path / "as.pt", audioset.state_dict()))
    assert torch.equal(network.head[1].weight, fresh)
    assert torch.equal(network.head[0].bias, torch.ones(24))
    log_mel = torch.randn(1, 1, 128, 200)
    torch.testing.assert_close(network.eval().features(log_mel), audioset.eval().features(log_mel))


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_same_classes_load_in_full_from_either_kind_of_file(suffix, audioset, tmp_path):
    path = tmp_path / f"as.{suffix}"
    write = save_file if suffix == "safetensors" else torch.save
    write(audioset.state_dict(), path)
    network = PaSST(ARCH, 527)
    load_checkpoint(network, path)
    assert not changed(network, audioset.state_dict())


def test_checkpoint_of_the_hear_package(audioset, tmp_path):
    state = {f"net.{key}": value for key, value in audioset.state_dict().items()}
    network = PaSST(ARCH, 527)
    load_checkpoint(network, saved(tmp_path / "h.pt", {"device_proxy": torch.zeros(1)} | state))
    assert not changed(network, audioset.state_dict())


def test_time_encoding_is_cut_to_a_shorter_one(audioset, tmp_path):
    shorter = Arch(frames=100, width=24, depth=2, heads=2)
    network = PaSST(shorter, 527)
    load_checkpoint(network, saved(tmp_path / "as.pt", audioset.state_dict()))
    assert torch.equal(network.time_new_pos_embed, audioset.time_new_pos_embed[..., :10])
    log_mel = torch.randn(2, 1, 128, 100)
    torch.testing.assert_close(network.eval()(log_mel), audioset.eval()(log_mel))


# --- files that do not fit -----------------------------------------------------------------------


def refused(path, arch=ARCH, classes=527):
    """The sentence with which a file is refused; the network must be as it was."""
    network = PaSST(arch, classes)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(InputError) as refusal:
        load_checkpoint(network, path)
    assert not changed(network, before)
    return str(refusal.value)


def test_missing_and_surplus_keys_are_listed_together(audioset, tmp_path):
    state = audioset.state_dict()
    for key in ("cls_token", "norm.weight", "norm.bias", "head.0.bias"):
        del state[key]
    state["extra.weight"] = torch.zeros(1)
    sentence = refused(saved(tmp_path / "as.pt", state))
    assert "4 missing (cls_token, norm.weight, norm.bias, ...)" in sentence
    assert "1 surplus (extra.weight)" in sentence


def test_weights_of_a_deeper_network(audioset, tmp_path):
    deeper = saved(tmp_path / "as.pt", audioset.state_dict())
    assert "12 surplus (blocks.1." in refused(deeper, Arch(frames=200, width=24, depth=1, heads=2))


@pytest.mark.parametrize(
    ("arch", "key"),
    [
        (Arch(frames=300, width=24, depth=2, heads=2), "time_new_pos_embed"),
        (Arch(frames=200, stride=(16, 10), width=24, depth=2, heads=2), "freq_new_pos_embed"),
    ],
)
def test_positions_of_another_grid(arch, key, audioset, tmp_path):
    sentence = refused(saved(tmp_path / "as.pt", audioset.state_dict()), arch)
    assert f"1 of another shape ({key} (1, 24, " in sentence


def test_positions_that_are_no_square(tmp_path):
    sentence = refused(saved(tmp_path / "deit.pth", deit(ARCH, 24, tokens=1)))
    assert "found 577 positions, expected 2 and a square grid" in sentence


class Malicious:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (pickle.dumps({"w": Malicious()}, protocol=2), "cannot be read as a file of weights"),
        (b"<html>", "cannot be read as a file of weights"),
        (b"", "cannot be read as a file of weights"),
        (None, "no such file of weights"),
    ],
)
def test_files_that_hold_no_weights(content, sentence, tmp_path):
    path = tmp_path / "weights.pt"
    if content is not None:
        path.write_bytes(content)
    assert sentence in refused(path)


@pytest.mark.parametrize("content", [torch.zeros(3), {"epoch": 3}, {"model": {"lr": 1e-5}}])
def test_files_that_hold_something_else(content, tmp_path):
    assert "expected tensors by their key" in refused(saved(tmp_path / "w.pt", content))
