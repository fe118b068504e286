"""The matrix on a Ray cluster of two nodes, both on this machine."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tinyscene
from tests.signals import hear_ctrl_c
from tests.test_matrix import children_of, command, place, run, scores  # noqa: F401

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'tinyscene[ray]'")

WORDS = ["--recipes", "small", "--splits", "5", "--seeds", "2"]
LONG = ["--set", "train.epochs=3000"]


@pytest.fixture
def cluster(monkeypatch):
    """A head that runs nothing and two nodes with room for a cell each."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SMALL})
    made.workers = [made.add_node(num_cpus=2, **SMALL) for _ in range(2)]
    yield made
    made.shutdown()


SMALL = {
    "memory": 6 * 2**30,
    "object_store_memory": 80 * 2**20,
    "include_dashboard": False,
}


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def cells(place):  # noqa: F811
    """Processes of the cells at work in this place, and the nodes they belong to."""
    words = f"tinyscene run .*--data {place}/"
    found = subprocess.run(["pgrep", "-f", words], capture_output=True, text=True).stdout.split()
    return {int(pid): parent(parent(pid)) for pid in found}


def start(place, cluster, *words):  # noqa: F811
    return subprocess.Popen(
        command(place, *WORDS, *words, "--ray", cluster.address),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,
    )


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def both_at_work(place):  # noqa: F811
    """Wait until each node runs a cell; the cells' nodes."""
    wait_for(lambda: len(set(cells(place).values())) == 2)
    return set(cells(place).values())


@pytest.mark.slow
def test_both_nodes_work_and_nothing_is_run_twice(place, cluster):  # noqa: F811
    with start(place, cluster) as first:
        both_at_work(place)
        out, err = first.communicate(timeout=480)
    assert first.returncode == 0, err
    assert err == ""
    assert "matrix: 2 cells, machines: 3 of the Ray cluster" in out
    assert "2 of 2" in out
    before = scores(place)
    assert len(before) == 4
    again = run(place, *WORDS[:-1], "3", "--ray", cluster.address)
    assert "2 of 3 cells are complete already" in again.stdout
    after = scores(place)
    assert len(after) == 6
    assert all(after[path] == when for path, when in before.items())


@pytest.mark.slow
def test_cells_of_a_node_that_dies_are_run_on_another(place, cluster):  # noqa: F811
    with start(place, cluster, "--set", "train.epochs=5") as matrix:
        both_at_work(place)
        cluster.remove_node(cluster.workers[1], allow_graceful=False)
        out, err = matrix.communicate(timeout=480)
    assert matrix.returncode == 0, out + err
    assert err == ""
    assert "was lost (" in out
    assert len(scores(place)) == 4


@pytest.mark.slow
def test_a_dead_cluster_is_told_and_the_rest_is_done_later(place, cluster):  # noqa: F811
    with start(place, cluster, *LONG) as matrix:
        both_at_work(place)
        cluster.head_node.kill_gcs_server()
        _, err = matrix.communicate(timeout=60)
    assert matrix.returncode == 2
    assert "nobody answers" in err
    assert "complete cells stay" in err
    assert err.count("\n") == 1
    wait_for(lambda: not cells(place), 20)


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_stopped_it_leaves_no_cells(place, cluster, stop):  # noqa: F811
    with start(place, cluster, *LONG) as matrix:
        both_at_work(place)
        second = run(place, *WORDS, "--ray", cluster.address)
        assert second.returncode == 2
        assert "another matrix is at work in this folder" in second.stderr
        matrix.send_signal(stop)
        _, err = matrix.communicate(timeout=60)
    assert matrix.returncode == (130 if stop == signal.SIGINT else -9)
    assert err == ("tinyscene: stopped; start the same command again to go on.\n" * (stop == 2))
    wait_for(lambda: not cells(place), 20)


def refusal(address, place, capsys):  # noqa: F811
    words = ["matrix", "--data", place / "data", "--out", place / "runs", "--recipes", "small"]
    assert tinyscene.main([*map(str, words), "--ray", address]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("address", ["head", "ray://head:10001", "head:port", ":1"])
def test_what_is_no_address_is_refused(address, place, capsys):  # noqa: F811
    assert "expected HOST:PORT" in refusal(address, place, capsys)


def test_an_unreachable_address_is_refused(place, capsys):  # noqa: F811
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        port = bound.getsockname()[1]
        assert "nobody answers (" in refusal(f"127.0.0.1:{port}", place, capsys)
    assert not (place / "data" / "prepared").exists()


def test_without_ray_it_says_what_to_install(place, capsys, monkeypatch):  # noqa: F811
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "pip install 'tinyscene[ray]'" in refusal("head:6379", place, capsys)
