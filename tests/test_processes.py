"""Several processes train what one would, end together, and resume."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import torch
from safetensors.torch import load_file
from torch import distributed, nn

import tinyscene
from baseline.whole_batch_norm import WholeBatchNorm
from tests.conftest import ROOT
from tests.signals import hear_ctrl_c

BATCH_NORM = [
    pytest.param(lambda: nn.BatchNorm2d(3), id="plain"),
    pytest.param(lambda: nn.BatchNorm2d(3, affine=False), id="without_weights"),
    pytest.param(lambda: nn.BatchNorm2d(3, momentum=None), id="mean_of_all_batches"),
    pytest.param(lambda: nn.BatchNorm2d(3, track_running_stats=False), id="forgets"),
]


@pytest.fixture
def alone():
    """A group of one process, for what is done between several."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.parametrize("build", BATCH_NORM)
def test_whole_batch_norm_is_batch_norm(build, alone):
    torch.manual_seed(0)
    outcomes = []
    batches = torch.randn(3, 4, 3, 5, 6, dtype=torch.double) * 3 + 7
    for whole in (False, True):
        norm = build().double()
        if whole:
            norm.__class__ = WholeBatchNorm
        shown = batches.clone().requires_grad_()
        for batch in shown:
            (norm(batch).square() * batch.detach().cos()).sum().backward()
        weights = [weight.grad for weight in norm.parameters()]
        norm.eval()
        outcomes.append([shown.grad, *weights, *norm.buffers(), norm(batches[0])])
    for expected, found in zip(*outcomes, strict=True):
        torch.testing.assert_close(found, expected)


# --- torchrun


NETWORK = '''
from torch import nn


class Exact(nn.Sequential):
    """In double precision, so that what differs is not rounding that training amplifies."""

    def forward(self, log_mel):
        return super().forward(log_mel.double())


def build():
    layers = [nn.Conv2d(1, 8, 3, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
    layers += [nn.Conv2d(8, 8, 3, 2, groups=8), nn.BatchNorm2d(8), nn.ReLU()]
    return Exact(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)).double()
'''
# Twelve clips: shares of four and three, and in the end of three and two.
EVERYTHING = [
    "network=exact:build",
    "train.batch_size=7",
    "augment.mixup_alpha=0.3",
    "augment.mixstyle_probability=0.8",
    "augment.impulse_responses=synthetic",
]


@pytest.fixture
def place(tiny_dataset, tmp_path):
    tiny_dataset().rename(tmp_path / "data")
    (tmp_path / "exact.py").write_text(textwrap.dedent(NETWORK))
    return tmp_path


def command(place, out, *settings, processes=2):
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    words = ["train", "--data", place / "data", "--split", "100", "--recipe", "small"]
    words += ["--out", place / out]
    for setting in settings:
        words += ["--set", setting]
    return [sys.executable, *(start if processes > 1 else []), "-m", "tinyscene", *map(str, words)]


def environment(place):
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{place}"}


def start(place, out, *settings, **options):
    return subprocess.Popen(
        command(place, out, *settings),
        env=environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


def run(place, out, *settings, processes=2):
    return subprocess.run(
        command(place, out, *settings, processes=processes),
        env=environment(place),
        capture_output=True,
        text=True,
    )


def weights(place, name):
    return load_file(place / name / "weights.safetensors")


def trainings(place):
    """Processes that train in this place."""
    found = subprocess.run(["pgrep", "-f", f"tinyscene train --data {place}"], capture_output=True)
    return found.stdout.split()


def wait_for(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("last", [7, 11], ids=["uneven", "last_batch_of_one_clip"])
def test_two_processes_give_the_weights_of_one(place, last):
    settings = [*EVERYTHING, "train.epochs=4", f"train.batch_size={last}"]
    one, two = (run(place, str(count), *settings, processes=count) for count in (1, 2))
    assert one.returncode == 0, one.stderr
    assert two.returncode == 0, two.stderr
    assert one.stdout.replace("/1\n", "/2\n") == two.stdout  # told once
    expected, found = weights(place, "1"), weights(place, "2")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert sorted(os.listdir(place / "1")) == sorted(os.listdir(place / "2"))


@pytest.mark.slow
def test_killed_in_any_way_none_stays_and_started_again_gives_the_same_bits(place):
    settings = [*EVERYTHING, "train.epochs=80"]
    assert run(place, "whole", *settings).returncode == 0
    checkpoint = place / "killed" / "checkpoint.pt"
    for stop in (kill_torchrun, kill_a_process, press_ctrl_c):
        with start(place, "killed", *settings, preexec_fn=hear_ctrl_c) as torchrun:
            before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
            wait_for(lambda: checkpoint.exists() and checkpoint.stat().st_mtime_ns > before)  # noqa: B023
            stop(torchrun)
            torchrun.communicate(timeout=60)
            assert torchrun.returncode != 0
        wait_for(lambda: not trainings(place), 10)
    assert not (place / "killed" / "weights.safetensors").exists()
    assert run(place, "killed", *settings).returncode == 0
    whole, killed = weights(place, "whole"), weights(place, "killed")
    assert all(torch.equal(whole[name], killed[name]) for name in whole)


def kill_torchrun(torchrun):
    torchrun.kill()


def kill_a_process(torchrun):
    os.kill(children_of(torchrun.pid)[-1], signal.SIGKILL)


def press_ctrl_c(torchrun):
    for pid in (torchrun.pid, *children_of(torchrun.pid)):  # as a terminal does
        os.kill(pid, signal.SIGINT)


def children_of(pid):
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [int(child) for child in found.split()]


@pytest.mark.slow
def test_an_error_ends_all_with_one_sentence(place):
    (place / "run").mkdir()
    (place / "run" / "mine.txt").touch()
    done = run(place, "run", "train.epochs=1")
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("tinyscene: ")]
    assert "expected a run or an empty folder" in said[0]
    assert all("has lost another" in line for line in said[1:])
    assert trainings(place) == []


def test_other_verbs_are_refused(monkeypatch, capsys):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert tinyscene.main(["evaluate", "run"]) == 2
    assert "found the verb 'evaluate', expected 'train'" in capsys.readouterr().err
