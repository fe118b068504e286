"""The evaluate stage: every system of a run on the test split, as JSON, CSV and pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from baseline import metrics, plots
from baseline.challenge import DEVICE_GROUPS
from baseline.clips import Dataset
from baseline.inference import BATCH_CLIPS
from baseline.progress import progress_bar
from baseline.run import MODEL_DIGEST, Run
from baseline.store import Store
from deploy.errors import InputError
from deploy.files import file_digest, replacing, write_json
from deploy.table import format_table
from quantize.system_names import FLOAT_SYSTEM
from quantize.systems import System, open_system


def evaluate_system(
    run: Run, system_name: str, dataset: Dataset, store: Store, *, show_progress: bool = True
) -> dict[str, Any]:
    """Score one system on the test split and keep the scores and pictures in the run.

    Returns:
        The scores, as `baseline.metrics.evaluate` gives them.

    Raises:
        InputError: a system that cannot be opened, or whose results are not finite.
    """
    clips = dataset.clips.iloc[dataset.test_rows()]
    system = open_system(run, system_name)
    probabilities = clip_probabilities(
        system,
        store.samples,
        store.positions(clips.filename),
        f"evaluate {system_name}",
        show_progress=show_progress,
    )
    if not np.isfinite(probabilities).all():
        raise InputError(
            f"{run.folder}: {system_name} gives NaN on the test split, expected probabilities; "
            "train again with a smaller learning rate, or quantise again."
        )
    with replacing(run.probabilities_file(system_name)) as temporary:
        np.save(temporary, probabilities.astype(np.float32))
    scores = {
        "system": system_name,
        MODEL_DIGEST: file_digest(run.source_file(system_name)),
        "agreement_with_float": agreement_with_float(run, probabilities),
        **metrics.evaluate(probabilities, clips.label.to_numpy(), clips.device.to_list()),
    }
    write_json(run.evaluation_file(system_name), scores)
    plots.write_score_tables(scores, run.evaluation_file(system_name).with_suffix(""))
    plots.plot_confusion(scores, run.plots / f"confusion-{system_name}.png", title=system_name)
    plots.plot_scores(scores, run.plots / f"accuracy-{system_name}.png", title=system_name)
    return scores


def agreement_with_float(run: Run, probabilities: np.ndarray) -> float | None:
    """Share of clips decided as by the float32 torch network, or None if that has no scores."""
    path = run.probabilities_file(FLOAT_SYSTEM)
    if not path.is_file():
        return None
    try:
        reference = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path}: is damaged; run: tinyscene evaluate {run.folder} --backend torch"
        ) from error
    if reference.shape != probabilities.shape:  # evaluated on another test list
        return None
    return float((reference.argmax(1) == probabilities.argmax(1)).mean())


def format_scores(scores: dict[str, dict[str, Any]]) -> str:
    """A line for each evaluated system: accuracy overall and per device group, log loss."""

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.1f}"

    rows = [
        [
            system,
            percent(row["macro_accuracy"]),
            *(percent(row["groups"][group]["accuracy"]) for group in DEVICE_GROUPS),
            f"{row['log_loss']:.3f}",
            percent(row["agreement_with_float"]),
        ]
        for system, row in scores.items()
    ]
    groups = [f"{group} %" for group in DEVICE_GROUPS]
    return format_table(["system", "macro %", *groups, "log loss", "as float %"], rows)


def clip_probabilities(
    system: System, samples: np.ndarray, positions: np.ndarray, title: str, *, show_progress: bool
) -> np.ndarray:
    """Probabilities (clips, classes) of chosen rows of a store's samples."""
    batches = []
    with progress_bar(len(positions), title, "clip", show=show_progress) as progress:
        for start in range(0, len(positions), BATCH_CLIPS):
            waves = samples[positions[start : start + BATCH_CLIPS]]
            batches.append(system.probabilities(waves, system.front_end.rate_hz))
            progress.update(len(waves))
    return np.concatenate(batches)
