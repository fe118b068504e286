"""The prepared store: right samples, any interruption, any change, no half-written result."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baseline import store_files
from baseline.clip_audio import FULL_SCALE, to_int16
from baseline.clips import list_path, read_dataset
from baseline.store import Store, open_store, prepare
from deploy.errors import InputError
from deploy.frontend import resample

TinyDataset = Callable[..., Path]
ROOT = Path(__file__).resolve().parent.parent
CLIP = "audio/airport-lisbon-1-0-0-a.wav"
RUN = """
import os
import signal
import sys
import time
from pathlib import Path
from baseline import store_files
from baseline.clips import read_dataset
from baseline.store import prepare
if __name__ == "__main__":
    data, folder, workers = sys.argv[1:]
    # A test run in the background has Ctrl-C ignored, and its children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    store_files.JOURNAL_CLIPS = 64  # so that there is something to go on from
    fsync = os.fsync
    os.fsync = lambda file: (time.sleep(0.05), fsync(file))  # a slow disk gives time to stop it
    prepare(read_dataset(Path(data)), Path(folder), workers=int(workers), show_progress=False)
"""


def prepared(data: Path, folder: Path, workers: int = 1, rate_hz: int = 32_000) -> Store:
    dataset = read_dataset(data)
    return prepare(dataset, folder, rate_hz=rate_hz, workers=workers, show_progress=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def start(
    data: Path, folder: Path, workers: int, errors: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    script = folder.parent / "run.py"
    script.write_text(RUN)
    return subprocess.Popen(
        [sys.executable, str(script), str(data), str(folder), str(workers)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=errors,
        start_new_session=True,
    )


def wait_for_journal(run: subprocess.Popen[bytes], folder: Path, lines: int) -> None:
    journal = store_files.partial_folder(folder) / "journal.csv"
    while run.poll() is None:
        if journal.is_file() and journal.read_bytes().count(b"\n") >= lines:
            break
        time.sleep(0.001)


def kill_at(run: subprocess.Popen[bytes], folder: Path, lines: int) -> None:
    """Send signal 9 when the journal has so many lines, or a few milliseconds after."""
    wait_for_journal(run, folder, lines)
    time.sleep(random.Random(lines).uniform(0, 0.03))
    os.kill(run.pid, signal.SIGKILL)
    run.wait()


def workers_of(pid: int) -> list[int]:
    """Processes of the session that a killed run leads."""
    members = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == pid and fields[0] != "Z":
            members.append(int(status.parent.name))
    return members


def test_samples_are_the_resampled_clips(tiny_dataset: TinyDataset, tmp_path: Path) -> None:
    data = tiny_dataset()
    store = prepared(data, tmp_path / "store")
    names = read_dataset(data).clips["filename"][:14].to_list()
    assert store.clips["filename"].to_list() == names  # listed clips only, in meta order
    assert (store.samples.shape, store.samples.dtype) == ((14, 32_000), np.int16)
    for row, name in enumerate(names):
        wave, _ = soundfile.read(data / name, dtype="float32")
        expected = resample(wave, 44_100, 32_000)
        assert np.abs(store.samples[row] / FULL_SCALE - expected).max() <= 0.5001 / FULL_SCALE
    assert torch.from_numpy(store.samples[[1, 0]]).shape == (2, 32_000)


def test_positions(tiny_dataset: TinyDataset, tmp_path: Path) -> None:
    data = tiny_dataset()
    store = prepared(data, tmp_path / "store")
    names = store.clips["filename"]
    assert store.positions(names[[5, 0, 13]]).tolist() == [5, 0, 13]
    assert store.positions(list(names[[2, 2]])).tolist() == [2, 2]
    with pytest.raises(InputError, match=r"no clip 'audio/other\.wav'; run 'tinyscene data prep"):
        store.positions([CLIP, "audio/other.wav"])


@given(npst.arrays(np.float32, 20, elements=st.floats(-4, 4, width=32)))
def test_int16_rounds_to_nearest_and_clips(waves: np.ndarray) -> None:
    samples = to_int16(waves)
    inside = np.clip(waves, -1, 1 - 1 / FULL_SCALE)
    assert samples.dtype == np.int16
    assert np.abs(samples / FULL_SCALE - inside).max() <= 0.5 / FULL_SCALE


def test_int16_keeps_16_bit_sources_exactly() -> None:
    every_value = np.arange(-FULL_SCALE, FULL_SCALE, dtype=np.int16)
    assert (to_int16(every_value.astype(np.float32) / FULL_SCALE) == every_value).all()


def test_other_rates(tiny_dataset: TinyDataset, tmp_path: Path) -> None:
    data = tiny_dataset()
    assert prepared(data, tmp_path / "store", rate_hz=44_100).samples.shape == (14, 44_100)
    assert prepared(data, tmp_path / "store", rate_hz=16_000).samples.shape == (14, 16_000)
    with pytest.raises(InputError, match="found a store of 16000 Hz, expected one of 32000 Hz"):
        open_store(tmp_path / "store", read_dataset(data), rate_hz=32_000)


@pytest.mark.slow
def test_bytes_do_not_depend_on_workers(shared: Path, tmp_path: Path) -> None:
    data = shared / "data" / "esc10-as-tau"
    prepared(data, tmp_path / "one", workers=1)
    prepared(data, tmp_path / "three", workers=3)
    assert contents(tmp_path / "one") == contents(tmp_path / "three")


def test_complete_store_is_left_alone(tiny_dataset: TinyDataset, tmp_path: Path) -> None:
    data = tiny_dataset()
    prepared(data, tmp_path / "store")
    before = (tmp_path / "store" / "samples.npy").stat()
    prepared(data, tmp_path / "store")
    after = (tmp_path / "store" / "samples.npy").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert not list(tmp_path.glob("store.partial"))


def rewrite(path: Path) -> None:
    soundfile.write(path, np.full(44_100, 0.25), 44_100, subtype="PCM_24")


def count_decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    from baseline import store_worker

    decoded: list[Path] = []
    original = store_worker.stored_clip

    def counting(path: Path, rate_hz: int) -> np.ndarray:
        decoded.append(path)
        return original(path, rate_hz)

    monkeypatch.setattr(store_worker, "stored_clip", counting)
    return decoded


def test_changed_file_is_noticed_and_alone_redone(
    tiny_dataset: TinyDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_dataset()
    before = prepared(data, tmp_path / "store").samples[:]
    rewrite(data / CLIP)  # same size, another time
    with pytest.raises(InputError, match=f"{CLIP}: has changed since .* run 'tinyscene data prep"):
        open_store(tmp_path / "store", read_dataset(data), rate_hz=32_000)
    decoded = count_decoded(monkeypatch)
    after = prepared(data, tmp_path / "store").samples
    assert decoded == [data / CLIP]
    assert np.abs(after[0] - 8192).mean() < 10
    assert (after[1:] == before[1:]).all()
    prepared(data, tmp_path / "fresh")
    assert contents(tmp_path / "store") == contents(tmp_path / "fresh")


def test_changed_lists_reuse_what_is_there(
    tiny_dataset: TinyDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_dataset()
    names = read_dataset(data).clips["filename"].to_list()
    prepared(data, tmp_path / "store")
    list_path(data, "test").write_text("\n".join(["filename", names[14], names[15]]))
    with pytest.raises(InputError, match=f"the store has no clip '{names[14]}'"):
        open_store(tmp_path / "store", read_dataset(data), rate_hz=32_000)
    decoded = count_decoded(monkeypatch)
    prepared(data, tmp_path / "store")
    assert decoded == [data / names[14], data / names[15]]
    prepared(data, tmp_path / "fresh")
    assert contents(tmp_path / "store") == contents(tmp_path / "fresh")


def test_missing_source_is_named(tiny_dataset: TinyDataset, tmp_path: Path) -> None:
    data = tiny_dataset()
    prepared(data, tmp_path / "store")
    (data / CLIP).unlink()
    message = f"{CLIP}: there is no such file though meta.csv lists it"
    with pytest.raises(InputError, match=message):
        open_store(tmp_path / "store", read_dataset(data), rate_hz=32_000)
    with pytest.raises(InputError, match=message):
        prepared(data, tmp_path / "store")
    assert sorted(contents(tmp_path / "store")) == ["clips.csv", "samples.npy", "store.json"]


def write_float(path: Path, value: float) -> None:
    soundfile.write(path, np.full(44_100, value), 44_100, subtype="FLOAT")


BAD_SOURCES: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:9000]), "9,000 of .* bytes are there"),
    "zero length": (lambda p: p.write_bytes(b""), "cannot be read as audio"),
    "text": (lambda p: p.write_text("not audio"), "cannot be read as audio"),
    "NaN": (lambda p: write_float(p, np.nan), "NaN or infinite"),
    "stereo": (
        lambda p: soundfile.write(p, np.zeros((44_100, 2)), 44_100),
        "found 2 channels, expected 1",
    ),
    "48 kHz": (
        lambda p: soundfile.write(p, np.zeros(48_000), 48_000),
        "found 48000 Hz, expected 44100 Hz",
    ),
    "two seconds": (
        lambda p: soundfile.write(p, np.zeros(88_200), 44_100),
        r"found 88200 samples, expected 44100 \(1 s\)",
    ),
}


@pytest.mark.parametrize("case", BAD_SOURCES)
def test_bad_source_is_named_and_nothing_is_published(
    case: str, tiny_dataset: TinyDataset, tmp_path: Path
) -> None:
    spoil, message = BAD_SOURCES[case]
    data = tiny_dataset()
    name = "audio/tram-lisbon-3-1-1-a.wav"
    good = (data / name).read_bytes()
    spoil(data / name)
    with pytest.raises(InputError, match=f"{name}: .*{message}") as caught:
        prepared(data, tmp_path / "store")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store").exists()
    (data / name).write_bytes(good)
    prepared(data, tmp_path / "store")
    prepared(data, tmp_path / "fresh")
    assert contents(tmp_path / "store") == contents(tmp_path / "fresh")


def test_bad_source_in_a_worker_is_named(shared: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(shared / "data" / "esc10-as-tau", data, ignore=shutil.ignore_patterns("*.md"))
    os.chmod(data / "audio", 0o755)
    bad = sorted((data / "audio").iterdir())[700]
    bad.unlink()
    bad.write_text("text")
    with pytest.raises(InputError, match=f"{bad.name}: cannot be read as audio"):
        prepared(data, tmp_path / "store", workers=2)
    assert not (tmp_path / "store").exists()


def test_no_lists_at_all(tiny_dataset: TinyDataset, tmp_path: Path) -> None:
    data = tiny_dataset(audio=False)
    shutil.rmtree(data / "split_setup")
    with pytest.raises(InputError, match="no clip is in any list"):
        prepared(data, tmp_path / "store")


def test_open_without_a_store(tiny_dataset: TinyDataset, tmp_path: Path) -> None:
    dataset = read_dataset(tiny_dataset(audio=False))
    with pytest.raises(
        InputError, match=r"found no complete store, .* run 'tinyscene data prepare"
    ):
        open_store(tmp_path / "store", dataset, rate_hz=32_000)


@pytest.mark.parametrize("damage", ["samples.npy", "clips.csv", "store.json"])
def test_damaged_store_is_refused_and_made_again(
    damage: str, tiny_dataset: TinyDataset, tmp_path: Path
) -> None:
    data, folder = tiny_dataset(), tmp_path / "store"
    prepared(data, folder)
    before = contents(folder)
    (folder / damage).write_bytes(before[damage][:-20])
    with pytest.raises(InputError, match="run 'tinyscene data prepare'"):
        open_store(folder, read_dataset(data), rate_hz=32_000)
    prepared(data, folder)
    assert contents(folder) == before


def test_foreign_folder_is_not_touched(tiny_dataset: TinyDataset, tmp_path: Path) -> None:
    data, folder = tiny_dataset(), tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter1.txt").write_text("all my work")
    with pytest.raises(InputError, match=r"found 'chapter1.txt', expected a prepared store"):
        prepared(data, folder)
    assert contents(folder) == {"chapter1.txt": b"all my work"}


def test_unwritable_place(tiny_dataset: TinyDataset, tmp_path: Path) -> None:
    data = tiny_dataset()
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(InputError, match=str(place.parent)):
            prepared(data, place)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(tiny_dataset: TinyDataset, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    with pytest.raises(InputError, match="not writable"):
        prepared(tiny_dataset(), locked / "store")


def test_second_run_on_the_same_folder(tiny_dataset: TinyDataset, tmp_path: Path) -> None:
    data, folder = tiny_dataset(), tmp_path / "store"
    with (
        store_files.exclusive(folder),
        pytest.raises(InputError, match="another run is preparing this store; wait"),
    ):
        prepared(data, folder)
    assert not folder.exists()
    prepared(data, folder)


def test_too_little_space_is_said_before_the_work(
    tiny_dataset: TinyDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from baseline import store

    full = shutil._ntuple_diskusage(10**9, 10**9, 1000)
    monkeypatch.setattr(store, "disk_usage", lambda path: full)
    with pytest.raises(InputError, match=r"found 0 MB of free space, expected 1 MB"):
        prepared(tiny_dataset(), tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_full_disk(tiny_dataset: TinyDataset, tmp_path: Path) -> None:
    data, folder = tiny_dataset(), tmp_path / "store"
    script = tmp_path / "run.py"
    limited = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
    script.write_text(limited + RUN)
    done = subprocess.run(
        [sys.executable, str(script), str(data), str(folder), "1"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("deploy.errors.InputError: ")
    assert "cannot be written (File too large); free some space" in last
    assert not folder.exists()
    prepared(data, folder)
    prepared(data, tmp_path / "fresh")
    assert contents(folder) == contents(tmp_path / "fresh")


def test_workers_import_neither_torch_nor_pandas() -> None:
    code = (
        "import sys, baseline.store_worker; sys.exit(bool({'torch', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
    code = "import sys, baseline.store; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_killed_run_goes_on_where_it_stopped(
    tiny_dataset: TinyDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception after some chunks stands for the kill; the journal says what is done."""
    from baseline import store, store_worker

    data, folder = tiny_dataset(), tmp_path / "store"
    monkeypatch.setattr(store, "CHUNK_CLIPS", 2)
    original = store_worker.stored_clip
    calls = 0

    def failing(path: Path, rate_hz: int) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls > 5:
            raise KeyboardInterrupt
        return original(path, rate_hz)

    monkeypatch.setattr(store_worker, "stored_clip", failing)
    with pytest.raises(KeyboardInterrupt):
        prepared(data, folder)
    monkeypatch.setattr(store_worker, "stored_clip", original)
    rewrite(data / "audio/bus-lisbon-2-0-0-a.wav")  # the third clip: done, but changed since
    decoded = count_decoded(monkeypatch)
    prepared(data, folder)
    done = {path.name for path in (data / "audio").iterdir()} - {path.name for path in decoded}
    assert done - {"bus-paris-5-0-0-a.wav", "bus-paris-5-0-1-a.wav"} == {
        "airport-lisbon-1-0-0-a.wav",
        "airport-lisbon-1-0-1-a.wav",
        "bus-lisbon-2-0-1-a.wav",
    }
    prepared(data, tmp_path / "fresh")
    assert contents(folder) == contents(tmp_path / "fresh")


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_torn_journal_is_no_proof(
    tiny_dataset: TinyDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, folder = tiny_dataset(), tmp_path / "store"
    monkeypatch.setattr(store_files, "publish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepared(data, folder)
    journal = tmp_path / "store.partial" / "journal.csv"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:3]) + lines[3][:-2])
    monkeypatch.undo()
    decoded = count_decoded(monkeypatch)
    prepared(data, folder)
    assert len(decoded) == 14 - 3


@pytest.mark.parametrize("name", ["samples.npy", "store.json", "journal.csv"])
def test_damaged_partial_folder_is_made_again(
    name: str, tiny_dataset: TinyDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, folder = tiny_dataset(), tmp_path / "store"
    monkeypatch.setattr(store_files, "finish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepared(data, folder)
    monkeypatch.undo()
    os.truncate(tmp_path / "store.partial" / name, 10)
    prepared(data, folder)
    prepared(data, tmp_path / "fresh")
    assert contents(folder) == contents(tmp_path / "fresh")


@pytest.mark.parametrize("renames", [1, 2])
def test_killed_between_the_renames(
    renames: int, tiny_dataset: TinyDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, folder = tiny_dataset(), tmp_path / "store"
    prepared(data, folder)
    rewrite(data / CLIP)
    original, count = Path.rename, 0

    def dying(path: Path, target: Path) -> Path:
        nonlocal count
        if count == renames:
            raise KeyboardInterrupt
        count += 1
        return original(path, target)

    def dead(path: Path, ignore_errors: bool = False) -> None:
        if path.suffix == ".old":
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", dying)
    monkeypatch.setattr(store_files.shutil, "rmtree", dead)
    with pytest.raises(KeyboardInterrupt):
        prepared(data, folder)
    monkeypatch.undo()
    prepared(data, folder)
    prepared(data, tmp_path / "fresh")
    assert contents(folder) == contents(tmp_path / "fresh")
    assert sorted(path.name for path in tmp_path.glob("store*")) == ["store", "store.lock"]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_kill_9_at_random_moments(workers: int, shared: Path, tmp_path: Path) -> None:
    data = shared / "data" / "esc10-as-tau"
    prepared(data, tmp_path / "whole", workers=2)
    folder = tmp_path / "store"
    for lines in sorted(random.Random(workers).sample(range(1200), 6)):
        run = start(data, folder, workers)
        kill_at(run, folder, lines)
        assert not folder.exists()
    deadline = time.monotonic() + 10
    while workers_of(run.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers_of(run.pid) == []  # workers do not outlive their parent
    assert start(data, folder, workers).wait() == 0
    assert contents(folder) == contents(tmp_path / "whole")


@pytest.mark.slow
def test_kill_9_of_an_update_keeps_the_old_store(shared: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(shared / "data" / "esc10-as-tau", data, copy_function=shutil.copyfile)
    os.chmod(data / "audio", 0o755)
    folder = tmp_path / "store"
    prepared(data, folder, workers=2)
    before = contents(folder)
    for path in sorted((data / "audio").iterdir())[::2]:
        rewrite(path.with_suffix(".wav"))
        os.replace(path.with_suffix(".wav"), path)
    for lines in sorted(random.Random(9).sample(range(1200), 3)):
        kill_at(start(data, folder, 2), folder, lines)
        assert contents(folder) == before
    assert start(data, folder, 2).wait() == 0
    prepared(data, tmp_path / "fresh", workers=2)
    assert contents(folder) == contents(tmp_path / "fresh")
    assert contents(folder)["samples.npy"] != before["samples.npy"]


@pytest.mark.slow
def test_ctrl_c_stops_quietly_and_can_be_resumed(shared: Path, tmp_path: Path) -> None:
    data, folder = shared / "data" / "esc10-as-tau", tmp_path / "store"
    run = start(data, folder, 2, subprocess.PIPE)
    wait_for_journal(run, folder, 600)
    os.killpg(run.pid, signal.SIGINT)  # what a terminal does: to the workers as well
    _, errors = run.communicate(timeout=30)
    assert errors.decode().splitlines()[-1] == "KeyboardInterrupt"
    assert errors.decode().count("Traceback") == 1  # none from the workers
    assert not folder.exists()
    assert len((tmp_path / "store.partial" / "journal.csv").read_text().splitlines()) >= 600


@pytest.mark.slow
def test_two_runs_at_once(shared: Path, tmp_path: Path) -> None:
    data = shared / "data" / "esc10-as-tau"
    runs = [start(data, tmp_path / "store", 2, subprocess.PIPE) for _ in range(2)]
    errors = [run.communicate()[1].decode() for run in runs]
    refused = [error for run, error in zip(runs, errors, strict=True) if run.returncode]
    assert len(refused) <= 1  # none if one was over before the other began
    assert all("another run is preparing this store" in error for error in refused)
    assert open_store(tmp_path / "store", read_dataset(data), rate_hz=32_000)
