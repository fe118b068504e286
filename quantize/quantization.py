"""The quantise stage: from a trained run to its ONNX and TFLite files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from baseline.challenge import SCENES
from baseline.clip_audio import FULL_SCALE
from baseline.clips import Dataset
from baseline.run import Run
from baseline.store import Store
from deploy.errors import InputError
from deploy.files import read_json, write_text
from deploy.frontend import front_end
from deploy.model_file import ModelInfo, write_info
from quantize import onnx_files, tflite_files
from quantize.bias_correction import convert_corrected
from quantize.calibration import choose_clips
from quantize.quiet import output_to
from quantize.systems import load_network


def quantize_run(run: Run, dataset: Dataset, store: Store) -> list[Path]:
    """Write the run's float32 ONNX, int8 ONNX and full-int8 TFLite files.

    The int8 files are calibrated on clips of the run's own training split, whose names are kept in
    the run.

    Returns:
        The files written.

    Raises:
        InputError: unusable weights (see `load_network`), no complexity, or too few clips.
    """
    network, info = load_network(run), _model_info(run)
    log_mels = calibration_log_mels(run, dataset, store)
    onnx_fp32, onnx_int8, tflite_int8 = files = [
        run.model_file(system) for system in ("onnx-fp32", "onnx-int8", "tflite-int8")
    ]
    with output_to(run.quantize_log):
        onnx_files.export_float(network, log_mels[:1], onnx_fp32)
        convert_corrected(onnx_files.convert_int8, network, log_mels, onnx_int8)
        convert_corrected(tflite_files.convert_int8, network, log_mels, tflite_int8)
    for path in files:
        write_info(path, info)
    return files


def calibration_log_mels(run: Run, dataset: Dataset, store: Store) -> np.ndarray:
    """Log-mels (clips, 1, mels, frames) of the calibration clips; their names go into the run."""
    clips = dataset.clips.iloc[dataset.train_rows(run.split)]
    names = choose_clips(clips, run.recipe.quantize.calibration_clips, run.seed)
    write_text(run.calibration_file, "\n".join(names) + "\n")
    waves = store.samples[store.positions(names)].astype(np.float32) / FULL_SCALE
    return front_end(run.recipe.front_end).log_mel(waves)


def _model_info(run: Run) -> ModelInfo:
    complexity = read_json(run.complexity_file)
    try:
        parameters, macs = int(complexity["parameters"]), int(complexity["macs"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{run.complexity_file}: does not hold parameters and MACs ({error!r}); train again."
        ) from error
    return ModelInfo(SCENES, front_end(run.recipe.front_end), parameters, macs)
