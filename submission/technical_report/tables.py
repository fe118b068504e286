"""The tables of a report, from the figures that the runs keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import fmean
from typing import Any

from baseline.challenge import (
    DEVICE_GROUPS,
    DEVICES,
    MAX_MACS,
    MAX_MODEL_BYTES,
    SCENES,
    SPLITS,
    TEST_CLIPS,
)
from submission.results.published import BASELINE_2024, DATASET, PUBLISHED, TEST, Published
from submission.technical_report.markup import table, text
from submission.technical_report.references import cite
from submission.technical_report.systems import System

MOST_STAGES = 16
"""Rows of a network's table; a finer division than fits into them is not shown."""

NONE = "-"
"""Where there is no figure."""

SPLIT_HEADERS = [f"{split} %" for split in SPLITS]


def complexity_table(systems: Sequence[System]) -> str:
    """Parameters, bytes and MACs of each system against the limits."""
    rows = [
        [
            system.name,
            system.recipe.precision,
            f"{system.complexity['total_parameters']:,}",
            f"{system.complexity['total_model_size']:,}",
            f"{system.complexity['macs']:,}",
        ]
        for system in systems
    ]
    return table(
        ["", "precision", "parameters", "bytes", "MACs"],
        [*rows, ["limit", NONE, NONE, f"{MAX_MODEL_BYTES:,}", f"{MAX_MACS:,}"]],
        caption="Complexity as the organisers count it: parameters times bits, and MACs of one "
        "second of audio, of the network as trained.",
        label="complexity",
    )


def stage_table(system: System) -> str:
    """A network stage by stage; empty where the runs keep no layers."""
    if not system.layers:
        return ""
    rows = [
        [
            text(stage),
            text(" × ".join(map(str, layers[-1]["output_shape"][1:]))),
            f"{sum(layer['parameters'] for layer in layers):,}",
            f"{sum(layer['macs'] for layer in layers):,}",
        ]
        for stage, layers in _stages(system.layers)
    ]
    return table(
        ["stage", "output", "parameters", "MACs"],
        rows,
        caption=f"The network of {system.name}. Output: channels × mels × frames, or channels.",
        label=f"stages-{system.number}",
    )


def results_table(systems: Sequence[System]) -> str:
    """Accuracy and log loss of each system by split, beside the published baseline."""
    rows = [row for system in systems for row in _result_rows(system)]
    caption = (
        "Macro accuracy (%) and log loss on the development test by share of the training data, "
        f"and the mean over the splits.{_comparable(systems)}"
    )
    return table(
        ["", "", *SPLIT_HEADERS, "mean"],
        [*rows, *_published_rows()],
        caption=caption,
        label="results",
        wide=True,
    )


def _result_rows(system: System) -> Iterator[list[str]]:
    overall = [system.evaluations[split] for split in SPLITS]
    accuracies = [100 * scores["macro_accuracy"] for scores in overall]
    losses = [scores["log_loss"] for scores in overall]
    yield [system.name, "accuracy", *map(_percent, [*accuracies, fmean(accuracies)])]
    yield ["", "log loss", *map(_nats, [*losses, fmean(losses)])]


def _published_rows() -> Iterator[list[str]]:
    """The systems that were published on every split of the development test."""
    for name in dict.fromkeys(row.system for row in PUBLISHED):
        rows = [row for row in PUBLISHED if row.system == name and row.tested_on == TEST]
        if tuple(row.split for row in rows) == SPLITS:
            shown = [*map(_published, rows), _percent(fmean(row.accuracy for row in rows))]
            yield [f"{text(name)}{cite('challenge')}", "accuracy", *shown]


def _published_groups(group: str) -> Iterator[list[str]]:
    """Accuracy of the published baseline on a group of devices, on the splits that have one."""
    rows = [row for row in PUBLISHED if row.source == BASELINE_2024 and row.tested_on == TEST]
    by_split = {row.split: row.by_group[group] for row in rows}
    for name in dict.fromkeys(row.system for row in rows):
        shown = [_percent(by_split.get(split)) for split in SPLITS]
        yield [f"{text(name)}, {group}", *shown]


def _published(row: Published) -> str:
    spread = "" if row.deviation is None else f" ± {row.deviation:.2f}"
    return f"{_percent(row.accuracy)}{spread}"


def _comparable(systems: Sequence[System]) -> str:
    """Why the published rows cannot be compared with the runs, if they cannot."""
    clips = {scores.clips for system in systems for scores in system.scores.values()}
    if clips == {TEST_CLIPS}:
        return f" Published: mean ± standard deviation, on {DATASET}."
    found = " to ".join(f"{count:,}" for count in sorted({min(clips), max(clips)}))
    return (
        f" Published: mean ± standard deviation, on the {TEST_CLIPS:,} test clips of {DATASET}; "
        f"ours are of other data, {found} clips, and cannot be compared with it."
    )


def scene_table(system: System) -> str:
    """Accuracy and log loss of each scene by split."""
    rows = [[text(scene), *_both(system, "scenes", scene)] for scene in SCENES]
    return table(
        ["scene", *SPLIT_HEADERS],
        rows,
        caption=f"{system.name} by scene: accuracy (%) / log loss, by share of the training data.",
        label=f"scenes-{system.number}",
        wide=True,
    )


def device_table(system: System) -> str:
    """Accuracy and log loss of each device by split, and the accuracy of each group of devices."""
    devices = [
        [f"{device}, {group}", *_both(system, "devices", device)]
        for group, members in DEVICE_GROUPS.items()
        for device in members
    ]
    groups = [[f"all {group}", *_group(system, group)] for group in DEVICE_GROUPS]
    published = [row for group in DEVICE_GROUPS for row in _published_groups(group)]
    return table(
        ["device", *SPLIT_HEADERS],
        [*devices, *groups, *published],
        caption=f"{system.name} by recording device: accuracy (%) / log loss, by share of the "
        f"training data. Devices {DEVICES[0]} to {DEVICES[-1]} are real, simulated and seen in "
        "training, or simulated and unseen; of all of a group, the accuracy. The baseline is as "
        "published.",
        label=f"devices-{system.number}",
        wide=True,
    )


def _both(system: System, kind: str, name: str) -> Iterator[str]:
    for split in SPLITS:
        row = system.evaluations[split][kind][name]
        yield f"{_share(row['accuracy'])} / {_nats(row['log_loss'])}"


def _group(system: System, group: str) -> Iterator[str]:
    for split in SPLITS:
        yield _share(system.scores[split].groups[group].accuracy)


def forms_table(system: System) -> str:
    """Macro accuracy of the forms that the network was scored in; empty where it is but one."""
    forms = system.evaluated_forms
    if len(forms) < 2:
        return ""
    rows = [[text(form), *map(_percent, _accuracies(system, form))] for form in forms]
    return table(
        ["form", *SPLIT_HEADERS],
        rows,
        caption=f"Macro accuracy (%) of {system.name} before and after conversion, by share of the "
        f"training data. Submitted: {text(system.recipe.submitted_system)}",
        label=f"forms-{system.number}",
    )


def _accuracies(system: System, form: str) -> list[float]:
    return [100 * run.evaluation(form)["macro_accuracy"] for run in system.runs.values()]


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"


def _share(fraction: float | None) -> str:
    return _percent(None if fraction is None else 100 * fraction)


def _nats(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _stages(layers: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Layers by what they are parts of, as finely as rows do and each stage has parameters."""
    deepest = max(layer["name"].count(".") for layer in layers)
    divisions = (_by_beginning(layers, parts) for parts in range(deepest, 1, -1))
    return next(filter(_fits, divisions), _by_beginning(layers, 1))


def _fits(stages: Sequence[tuple[str, list[dict[str, Any]]]]) -> bool:
    trained = (any(layer["parameters"] for layer in layers) for _, layers in stages)
    return len(stages) <= MOST_STAGES and all(trained)


def _by_beginning(
    layers: Sequence[dict[str, Any]], parts: int
) -> list[tuple[str, list[dict[str, Any]]]]:
    def beginning(layer: dict[str, Any]) -> str:
        *holders, last = layer["name"].split(".")
        return ".".join(holders[:parts]) or last

    return [(name, list(group)) for name, group in groupby(layers, beginning)]
