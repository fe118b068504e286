"""Worker processes end when the work is stopped, whatever they are doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.errors import InputError
from deploy.workers import in_parallel
from tests.signals import hear_ctrl_c

LONG_WORK = """
import sys, time
from pathlib import Path
from deploy.workers import in_parallel

def work(seconds):
    Path(sys.argv[1], f"at-work-{seconds}").touch()
    time.sleep(seconds)

if __name__ == "__main__":
    list(in_parallel(work, [600, 601], workers=2))
"""


def third(number: int) -> float:
    if number == 0:
        raise InputError("nothing to divide")
    return number / 3


def test_results_come_in_order_if_asked() -> None:
    assert list(in_parallel(third, [3, 6, 9], workers=2, in_order=True)) == [1, 2, 3]
    assert sorted(in_parallel(third, [3, 6, 9], workers=2)) == [1, 2, 3]


def test_an_error_of_a_worker_is_raised_here() -> None:
    with pytest.raises(InputError, match="nothing to divide"):
        list(in_parallel(third, [3, 0, 9], workers=2))


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_work_that_is_stopped_ends_at_once(stop: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "long.py"
    script.write_text(LONG_WORK)
    started = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("at-work-*"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if stop == signal.SIGINT:
        os.killpg(started.pid, stop)  # as a terminal does
    else:
        started.kill()
    _, errors = started.communicate(timeout=30)  # its workers hold the pipe too
    assert errors.count("Traceback") == (stop == signal.SIGINT)  # none of a worker
