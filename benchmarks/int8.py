"""Every way to int8: accuracy, drop and agreement of each system of trained runs.

    python -m benchmarks.int8 RUN... --methods ptq qat tuned

Quantises trained runs (of `benchmarks.accuracy`, say) by each method, evaluates every system on the
test split, and prints means over the runs of each split.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd

from deploy.allocator import keep_memory
from deploy.table import format_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--methods", nargs="+", default=["ptq", "qat", "tuned"])
    parser.add_argument("--set", action="append", default=[], metavar="quantize.KEY=VALUE")
    options = parser.parse_args()
    keep_memory()
    rows = [row for run in options.runs for row in scores(run, options.methods, options.set)]
    print(summary(pd.DataFrame(rows)))


def scores(folder: Path, methods: list[str], overrides: list[str]) -> list[dict[str, object]]:
    """Quantise and evaluate one run: a row for each system."""
    from baseline.run import open_run
    from quantize.evaluation import evaluate_system
    from quantize.quantization import quantization_settings, quantize_run
    from quantize.system_names import available_systems
    from submission.pipeline import open_data

    run = open_run(folder)
    dataset, store = open_data(run, None, None)
    for method in methods:
        started = time.perf_counter()
        settings = quantization_settings(run, method, overrides)
        quantize_run(run, dataset, store, settings=settings, show_progress=False)
        print(f"{folder}: {method} took {time.perf_counter() - started:.0f} s", flush=True)
    rows: list[dict[str, object]] = []
    for system in available_systems(run):
        result = evaluate_system(run, system, dataset, store, show_progress=False)
        accuracy = 100 * result["macro_accuracy"]
        exact = rows[0]["accuracy"] if rows else accuracy
        agreement = 100 * result["agreement_with_float"]
        row = {"split": run.split, "system": system, "accuracy": accuracy, "float": exact}
        rows.append(row | {"agreement": agreement, "bytes": _file_bytes(run.model_file(system))})
    return rows


def summary(rows: pd.DataFrame) -> str:
    """Means over the runs, a line for each split and system."""
    rows["drop"] = rows.float - rows.accuracy
    lines = [
        [
            split,
            system,
            len(group),
            f"{group.accuracy.mean():.1f}",
            f"{group['drop'].mean():+.2f}",
            f"{group.agreement.mean():.1f}",
            f"{group.agreement.min():.1f}",
            f"{group.bytes.max():,}" if group.bytes.max() else "-",
        ]
        for (split, system), group in rows.groupby(["split", "system"], sort=False)
    ]
    header = ["split %", "system", "runs", "macro %", "drop", "as float %", "lowest", "bytes"]
    return format_table(header, lines)


def _file_bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


if __name__ == "__main__":
    main()
