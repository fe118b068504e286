"""Accuracy of ensembles of runs, such as teachers, on the test split they were evaluated on.

    python -m benchmarks.ensemble RUN RUN ... [--each 2]

Log-probabilities are averaged, which decides as the mean of logits that `tinyscene teach` takes.
With `--each N` the runs are taken N at a time, in the order given; mean and sample standard
deviation over these ensembles follow.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np

from baseline.metrics import evaluate
from baseline.run import Run, open_run
from submission.pipeline import open_data

SYSTEM = "torch-fp32"
LEAST = 1e-30
"""Probabilities below it are rounded to zero in float32."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--each", type=int, help="runs an ensemble (default: all)")
    options = parser.parse_args()
    runs = [open_run(folder) for folder in options.runs]
    size = options.each or len(runs)
    found = [accuracy(runs[start : start + size]) for start in range(0, len(runs), size)]
    for start, percent in zip(range(0, len(runs), size), found, strict=True):
        print(
            f"{percent:.2f} %  {', '.join(run.folder.name for run in runs[start : start + size])}"
        )
    if len(found) > 1:
        print(f"{statistics.mean(found):.2f} ± {statistics.stdev(found):.2f} %, n = {len(found)}")


def accuracy(runs: list[Run]) -> float:
    """Macro accuracy in percent of the mean of the runs' logits."""
    dataset, _ = open_data(runs[0], None, None)
    clips = dataset.clips.iloc[dataset.test_rows()]
    logits = [np.log(np.maximum(np.load(run.probabilities_file(SYSTEM)), LEAST)) for run in runs]
    mean = np.mean(logits, axis=0)
    probabilities = np.exp(mean - np.logaddexp.reduce(mean, axis=1, keepdims=True))
    scores = evaluate(probabilities, clips.label.to_numpy(), clips.device.tolist())
    return 100 * float(scores["macro_accuracy"])


if __name__ == "__main__":
    main()
