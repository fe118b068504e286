"""Accuracy over seeds: float, fp16 and int8 systems of the baseline on a dataset's splits.

    python benchmarks/accuracy.py DATA --splits 25 100 --seeds 0 1 2 3 4 --out runs/accuracy

Runs that are complete are not repeated. Prints mean and standard deviation of the macro accuracy
on the test split, the last epoch's, and how often each system decides as the float network does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from deploy.allocator import keep_memory
from deploy.table import format_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--splits", type=int, nargs="+", default=[25, 100])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--recipe", default="small")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    keep_memory()
    rows = [
        row
        for split in options.splits
        for seed in options.seeds
        for row in scores_of_run(options.data, options.recipe, split, seed, options.out)
    ]
    print(summary(pd.DataFrame(rows)))


def scores_of_run(
    data: Path, recipe_name: str, split: int, seed: int, out: Path
) -> list[dict[str, object]]:
    """Train, quantise and evaluate one run: a row for each system."""
    from baseline.recipe import load_recipe
    from submission.pipeline import Task, default_run_folder, full_run

    recipe = load_recipe(recipe_name)
    folder = default_run_folder(out, recipe, split, seed)
    task = Task(data, out / "prepared", folder, recipe, split, seed)
    run = full_run(task, evaluation=None, say=print)
    return [
        {
            "split": split,
            "seed": seed,
            "system": system,
            "accuracy": 100 * run.evaluation(system)["macro_accuracy"],
            "agreement": 100 * run.evaluation(system)["agreement_with_float"],
        }
        for system in run.evaluated_systems()
    ]


def summary(rows: pd.DataFrame) -> str:
    """Mean and standard deviation over the seeds, a line for each split and system."""
    lines = []
    for (split, system), group in rows.groupby(["split", "system"]):
        spread = np.std(group.accuracy, ddof=1) if len(group) > 1 else float("nan")
        accuracy = f"{group.accuracy.mean():.1f} ± {spread:.1f}"
        lines.append([split, system, len(group), accuracy, f"{group.agreement.min():.1f}"])
    header = ["split %", "system", "seeds", "macro accuracy %", "lowest agreement with float %"]
    return format_table(header, lines)


if __name__ == "__main__":
    main()
