"""A registered network that is not the baseline, quantised, as C: max pools and groups."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import tinyscene
from baseline import models
from baseline.challenge import SCENES
from deploy.frontend import front_end
from deploy.mcu.network import Convolution, MaxPool
from deploy.mcu.reader import read_network
from deploy.model_file import ModelInfo, write_info
from quantize import tflite_files

NAME, FRONT_END = "cpresnet128k", front_end("cpjku2023_teacher")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network with seeded weights and statistics of noise, calibrated on noise."""
    pytest.importorskip("litert_torch")
    torch.manual_seed(0)
    waves = np.random.default_rng(0).normal(0, 0.1, (4, FRONT_END.rate_hz)).astype(np.float32)
    log_mels = FRONT_END.log_mel(waves)
    network = models.create(NAME)
    with torch.no_grad():
        network(torch.from_numpy(log_mels))
    path = tmp_path_factory.mktemp("model") / f"{NAME}.tflite"
    tflite_files.convert_int8(network.eval(), log_mels, path)
    write_info(path, ModelInfo(SCENES, FRONT_END))
    return path


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_cpresnet_becomes_c_equal_to_litert_and_tflm(model, tmp_path, capsys):
    layers = read_network(model).layers
    assert any(isinstance(layer, MaxPool) for layer in layers)
    assert any(isinstance(layer, Convolution) and layer.groups > 1 for layer in layers)
    folder = str(tmp_path / "firmware")
    assert tinyscene.main(["mcu", str(model), "--out", folder, "--target", "generic"]) == 0
    capsys.readouterr()
    assert tinyscene.main(["mcu", "test", folder]) == 0
    printed = capsys.readouterr().out
    assert "FAIL" not in printed
    assert "golden outputs: 8 inputs, largest difference 0" in printed
    assert "LiteRT: 8 inputs, largest difference 0" in printed
