"""Printing what became of many recordings, each as soon as it is known."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from deploy.progress import Progress
from deploy.recordings import Outcome


def print_outcomes(
    outcomes: Iterable[Outcome], paths: Sequence[Path], labels: Sequence[str], *, as_csv: bool
) -> int:
    """Print a row for each recording on standard output, and a sentence for each bad one on error.

    Returns:
        How many recordings could not be classified.
    """
    progress, bad = Progress(len(paths), "files", sys.stderr), 0
    write = _csv_writer(labels) if as_csv else _table_writer(paths, labels)
    for outcome in outcomes:
        progress.wipe()
        if outcome.probabilities is None:
            bad += 1
            print(f"tinyscene: {outcome.fault}", file=sys.stderr, flush=True)
        else:
            write(outcome)
        progress.step()
    progress.wipe()
    if bad:
        print(
            f"tinyscene: {bad} of {len(paths)} recordings could not be classified.", file=sys.stderr
        )
    return bad


def _csv_writer(labels: Sequence[str]) -> Callable[[Outcome], None]:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", "scene", "seconds", *labels])

    def write(outcome: Outcome) -> None:
        assert outcome.probabilities is not None
        numbers = [f"{probability:.6f}" for probability in outcome.probabilities]
        scene = labels[int(outcome.probabilities.argmax())]
        writer.writerow([outcome.path, scene, f"{outcome.seconds:.3f}", *numbers])
        sys.stdout.flush()

    return write


def _table_writer(paths: Sequence[Path], labels: Sequence[str]) -> Callable[[Outcome], None]:
    width = max(len("file"), *(len(str(path)) for path in paths))
    scene_width = max(map(len, labels))
    first, second = f"{'scene':<{scene_width}}  prob.", f"{'next':<{scene_width}}  prob."
    print(f"{'file':<{width}}  {'seconds':>8}  {first}  {second}")

    def write(outcome: Outcome) -> None:
        assert outcome.probabilities is not None
        order = outcome.probabilities.argsort()[::-1]
        best = "  ".join(
            f"{labels[index]:<{scene_width}}  {outcome.probabilities[index]:5.3f}"
            for index in order[:2]
        )
        print(f"{outcome.path!s:<{width}}  {outcome.seconds:8.2f}  {best}", flush=True)

    return write
