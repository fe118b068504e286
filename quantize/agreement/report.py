"""The agreement report: do all exported forms of a network decide alike, and where are they off?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from baseline import metrics
from baseline.clip_audio import FULL_SCALE
from baseline.clips import Dataset
from baseline.inference import BATCH_CLIPS
from baseline.progress import progress_bar
from baseline.run import Run, environment
from baseline.store import Store
from baseline.trained_network import load_network
from deploy.classifier import softmax
from deploy.files import write_json
from deploy.frontend import front_end
from quantize.agreement import plots
from quantize.agreement.all_outputs import Outputs, all_outputs
from quantize.agreement.layer_noise import UnnamedTensorsError, layer_report
from quantize.system_names import FLOAT_SYSTEM

LAYER_CLIPS = 32
"""Test clips, evenly spaced over the list, that the noise of the layers is measured on."""

LAYER_SYSTEM = "tflite-int8"
"""The file whose tensors tell their modules: that of post-training quantisation."""

ONLY_THERE = (
    f"the layers are measured in {LAYER_SYSTEM} only, for the tensors of other int8 files do not "
    "tell their modules, so quantise the run with --method ptq"
)


def report(
    run: Run, dataset: Dataset, store: Store, *, show_progress: bool = True
) -> dict[str, Any]:
    """Compare all systems of a run on its test clips; keep the figures and pictures in the run.

    The log-mels come once, from the numpy front end, so that only the networks differ.

    Returns:
        What `Run.agreement_file` holds:

        - `engines`: by system, a TFLite file's with its engine, what `baseline.metrics.evaluate`
          gives and the comparison with float torch of `compare_with_float`;
        - `agreement`: by pair of engines the share of clips decided alike;
        - `integers`: by TFLite file, what `compare_integers` finds for each pair of engines;
        - `left_out`: engines that were not run, and why;
        - `layers`: of the post-training TFLite file, see `layer_noise.layer_report`, or
          `left_out`, why there are none;
        - versions, machine and commit.

    Raises:
        InputError: damaged weights or files, or logits that are not finite.
    """
    clips = dataset.clips.iloc[dataset.test_rows()]
    batches = _batches(run, store, clips.filename.to_list(), show_progress)
    outputs = all_outputs(run, batches)
    result = {
        "clips": len(clips),
        **compare(outputs, clips.label.to_numpy(), clips.device.to_list()),
        "layers": _layers(run, store, clips.filename.to_list()),
        **environment(),
    }
    write_json(run.agreement_file, result)
    plots.plot_agreement(result, run.agreement_picture, run.folder.name)
    plots.plot_layer_noise(result, run.layer_noise_picture, run.folder.name)
    return result


def compare(outputs: Outputs, labels: np.ndarray, devices: list[str]) -> dict[str, Any]:
    """The part of the report that follows from the outputs alone.

    Args:
        labels: class indices (clips,).
        devices: recording device of each clip.
    """
    exact = outputs.logits[FLOAT_SYSTEM]
    engines = {
        name: metrics.evaluate(softmax(logits), labels, devices)
        for name, logits in outputs.logits.items()
    }
    for name, scores in engines.items():
        scores |= compare_with_float(outputs.logits[name], exact)
        drop = engines[FLOAT_SYSTEM]["macro_accuracy"] - scores["macro_accuracy"]
        scores["drop_points"] = 100 * drop
    return {
        "engines": engines,
        "agreement": agreement(outputs.logits),
        "integers": {
            system: [
                {"engines": [first, second], **compare_integers(values[first], values[second])}
                for first, second in combinations(values, 2)
            ]
            for system, values in outputs.integers.items()
        },
        "left_out": outputs.left_out,
    }


def agreement(logits: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Share of clips that two systems decide alike, for each pair, each with itself as well."""
    decisions = {name: values.argmax(1) for name, values in logits.items()}
    return {
        first: {second: float((mine == yours).mean()) for second, yours in decisions.items()}
        for first, mine in decisions.items()
    }


def compare_with_float(logits: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    """Decisions and logits (clips, classes) of a system beside those of float torch."""
    return {
        "agreement_with_float": float((logits.argmax(1) == exact.argmax(1)).mean()),
        "largest_logit_difference": float(np.abs(logits - exact).max()),
    }


def compare_integers(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Largest difference in steps of the output's scale (LSB), and how many clips have any."""
    difference = np.abs(first.astype(np.int64) - second.astype(np.int64))
    return {
        "largest_lsb": int(difference.max()),
        "clips_that_differ": int(difference.any(1).sum()),
        "clips": len(difference),
    }


def _batches(run: Run, store: Store, names: list[str], show_progress: bool) -> Iterator[np.ndarray]:
    title = f"compare {run.folder.name}"
    with progress_bar(len(names), title, "clip", show=show_progress) as progress:
        for start in range(0, len(names), BATCH_CLIPS):
            log_mels = _log_mels(run, store, names[start : start + BATCH_CLIPS])
            yield log_mels
            progress.update(len(log_mels))


def _layers(run: Run, store: Store, names: list[str]) -> dict[str, Any]:
    count = min(LAYER_CLIPS, len(names))
    chosen = [names[place] for place in np.linspace(0, len(names) - 1, count).round().astype(int)]
    path = run.model_file(LAYER_SYSTEM)
    if not path.is_file():
        return {"left_out": f"there is no {path.name}; {ONLY_THERE}"}
    try:
        found = layer_report(load_network(run), path, _log_mels(run, store, chosen))
    except UnnamedTensorsError:
        return {"left_out": f"the tensors of {path.name} do not tell their modules; {ONLY_THERE}"}
    return {"left_out": None, "system": LAYER_SYSTEM, "clips": chosen, **found}


def _log_mels(run: Run, store: Store, names: list[str]) -> np.ndarray:
    waves = store.samples[store.positions(names)].astype(np.float32) / FULL_SCALE
    return front_end(run.recipe.front_end).log_mel(waves)
