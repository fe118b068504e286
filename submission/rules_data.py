"""The rules for the data that runs were trained on (S5xx), checked against the dataset's lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from baseline.clips import Dataset, read_dataset
from baseline.run import Run
from baseline.teacher_logits import read_logits
from deploy.errors import InputError
from submission.faults import Fault, examples


def check_data(runs: Sequence[Run]) -> list[Fault]:
    """Check that runs were trained, calibrated and taught on clips of their splits alone.

    Training on anything else disqualifies a system.
    """
    datasets: dict[str, Dataset | InputError] = {}
    return [fault for run in runs for fault in _check_run(run, datasets)]


def _check_run(run: Run, datasets: dict[str, Dataset | InputError]) -> Iterator[Fault]:
    place = run.record["data"]
    if place not in datasets:
        datasets[place] = _read(Path(place))
    dataset = datasets[place]
    if isinstance(dataset, InputError):
        yield Fault("S505", str(run.folder), f"cannot be checked against its split: {dataset}")
        return
    for code, path in (("S501", run.training_list_file), ("S502", run.calibration_file)):
        if path.is_file():
            yield from _check_list(run, code, path, dataset)
        elif code == "S501":
            message = f"cannot be checked: found no {path.name}, expected what training wrote."
            yield Fault("S505", str(run.folder), message)
    yield from _check_teachers(run)


def _read(folder: Path) -> Dataset | InputError:
    try:
        return read_dataset(folder)
    except InputError as error:
        return error


def _check_list(run: Run, code: str, path: Path, dataset: Dataset) -> Iterator[Fault]:
    try:
        allowed = set(dataset.clips.filename[dataset.train_rows(run.split)])
        test = set(dataset.clips.filename[dataset.test_rows()])
        clips = path.read_text(encoding="utf-8").split("\n")
    except (InputError, OSError, UnicodeDecodeError) as error:
        yield Fault("S505", str(run.folder), f"cannot be checked against its split: {error}")
        return
    outside = [clip for clip in clips if clip and clip not in allowed]
    if outside:
        tested = sum(clip in test for clip in outside)
        found = f"found {len(outside):,} clips outside of split {run.split}, {tested:,} of them"
        yield Fault(code, str(path), f"{found} to test on ({examples(outside)}), expected none.")


def _check_teachers(run: Run) -> Iterator[Fault]:
    place = run.record.get("teachers")
    if run.recipe.distill is None or not isinstance(place, str):
        return
    try:
        known = read_logits(Path(place)).split
    except InputError as error:
        yield Fault("S505", str(run.folder), f"its teachers cannot be checked: {error}")
        return
    if known > run.split:
        message = f"learned from teachers of split {known}, expected of {run.split} or less."
        yield Fault("S503", str(run.folder), message)
