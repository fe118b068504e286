"""The quantise stage: from a trained run to its ONNX and TFLite files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from baseline.challenge import SCENES
from baseline.clip_audio import FULL_SCALE
from baseline.clips import Dataset
from baseline.recipe import Quantization, load_recipe
from baseline.run import Run, environment
from baseline.store import Store
from baseline.trained_network import load_network
from deploy.errors import InputError
from deploy.files import read_json, write_json, write_text
from deploy.frontend import front_end
from deploy.model_file import ModelInfo, write_info
from quantize import onnx_files
from quantize.calibration import choose_clips, recorded_log_mels
from quantize.post_training import quantize_network
from quantize.qat import train_qat, write_onnx, write_tflite
from quantize.quiet import output_to
from quantize.ranges import Observer
from quantize.refusal import refuse_operator
from quantize.system_names import FILES_OF_METHOD
from quantize.tuned import quantize_tuned


@dataclass(frozen=True)
class Source:
    """What int8 files are made from."""

    run: Run
    dataset: Dataset
    store: Store
    settings: Quantization
    network: nn.Module
    log_mels: np.ndarray
    """Calibration clips (clips, 1, mels, frames), float32."""
    clips: list[str]
    """Names of the calibration clips."""
    show_progress: bool

    def files(self) -> list[Path]:
        """The files that the method writes: first .onnx, then .tflite."""
        return [self.run.model_file(system) for system in FILES_OF_METHOD[self.settings.method]]


def quantize_run(
    run: Run,
    dataset: Dataset,
    store: Store,
    *,
    settings: Quantization | None = None,
    calibration: Path | None = None,
    show_progress: bool = True,
) -> list[Path]:
    """Write the run's float32 ONNX file and the int8 files of one method.

    Args:
        settings: by default the recipe's.
        calibration: folder of recordings to calibrate on; by default clips of the run's own
            training split. Either way their names are kept in the run.

    Returns:
        The files written.

    Raises:
        InputError: unusable weights (see `load_network`), no complexity, too few clips, or an
            operator that a converter refuses.
    """
    settings = settings or run.recipe.quantize
    network, info = load_network(run), _model_info(run)
    names, log_mels = (
        recorded_log_mels(calibration, info.front_end)
        if calibration
        else _training_log_mels(run, dataset, store, settings)
    )
    source = Source(run, dataset, store, settings, network, log_mels, names, show_progress)
    with refuse_operator(run.folder, network, log_mels[:1]):
        with output_to(run.quantize_log):
            onnx_files.export_float(network, log_mels[:1], run.model_file("onnx-fp32"))
        details = METHODS[settings.method](source)
    files = [run.model_file("onnx-fp32"), *source.files()]
    for path in files:
        write_info(path, info)
    write_text(run.calibration_file, "\n".join(names) + "\n")
    write_json(run.quantization_file(settings.method), _record(source, details))
    return files


def quantization_settings(run: Run, method: str | None, overrides: list[str]) -> Quantization:
    """The recipe's settings with others for this time, such as `quantize.observer=mse`.

    Raises:
        InputError: a wrong key or value, or one that is not about quantisation.
    """
    if method:
        overrides = [*overrides, f"quantize.method={method}"]
    for override in overrides:
        if not override.startswith("quantize."):
            raise InputError(
                f"--set {override}: the run is trained, expected a key of quantize, such as "
                "quantize.observer=mse."
            )
    return load_recipe(str(run.recipe_file), overrides).quantize


def _post_training(source: Source) -> dict[str, Any]:
    with output_to(source.run.quantize_log):
        quantize_network(
            source.network, source.log_mels, source.files(), _observer(source.settings)
        )
    return {}


def _quantization_aware(source: Source) -> dict[str, Any]:
    run = source.run
    trained = train_qat(
        run,
        source.network,
        source.dataset,
        source.store,
        source.log_mels,
        source.settings,
        show_progress=source.show_progress,
    )
    onnx_file, tflite_file = source.files()
    with output_to(run.quantize_log):
        write_onnx(trained, source.log_mels[:1], onnx_file)
        write_tflite(trained, source.log_mels[:1], tflite_file)
    run.qat_checkpoint_file.unlink(missing_ok=True)
    run.qat_settings_file.unlink(missing_ok=True)
    return {}


def _tuned(source: Source) -> dict[str, Any]:
    run, settings = source.run, source.settings
    clips = source.dataset.clips.iloc[source.dataset.train_rows(run.split)]
    rest = clips[~clips.filename.isin(source.clips)]
    held_out = choose_clips(rest, settings.held_out_clips, run.seed)
    labels = clips.set_index("filename").label[held_out].to_numpy()
    with output_to(run.quantize_log):
        result = quantize_tuned(
            source.network,
            source.log_mels,
            _log_mels(run, source.store, held_out),
            labels,
            source.files()[0],
            settings.tolerable_drop,
        )
    return {"held_out_clips": held_out, **result}


METHODS: dict[str, Callable[[Source], dict[str, Any]]] = {
    "ptq": _post_training,
    "qat": _quantization_aware,
    "tuned": _tuned,
}
"""Each writes the source's files and gives what there is to record."""


def _training_log_mels(
    run: Run, dataset: Dataset, store: Store, settings: Quantization
) -> tuple[list[str], np.ndarray]:
    clips = dataset.clips.iloc[dataset.train_rows(run.split)]
    names = choose_clips(clips, settings.calibration_clips, run.seed)
    return names, _log_mels(run, store, names)


def _log_mels(run: Run, store: Store, names: list[str]) -> np.ndarray:
    waves = store.samples[store.positions(names)].astype(np.float32) / FULL_SCALE
    return front_end(run.recipe.front_end).log_mel(waves)


def _observer(settings: Quantization) -> Observer:
    return Observer(settings.observer, settings.percentile)


def _record(source: Source, details: dict[str, Any]) -> dict[str, Any]:
    return {
        "settings": source.settings.model_dump(),
        "calibration_clips": source.clips,
        **details,
        **environment(),
    }


def _model_info(run: Run) -> ModelInfo:
    complexity = read_json(run.complexity_file)
    try:
        parameters, macs = int(complexity["parameters"]), int(complexity["macs"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{run.complexity_file}: does not hold parameters and MACs ({error!r}); train again."
        ) from error
    return ModelInfo(SCENES, front_end(run.recipe.front_end), parameters, macs)
