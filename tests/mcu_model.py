"""A small network that hears: full-int8, of three scenes, with a small front end beside it."""

from __future__ import annotations

from pathlib import Path

from mcu_networks import RELU, NetworkFile, Tensor, write

from deploy.frontend import FrontEnd
from deploy.model_file import ModelInfo, write_info

LABELS = ("airport", "bus", "tram")

FRONT_END = FrontEnd(
    name="small",
    rate_hz=16_000,
    n_fft=512,
    win_length=400,
    hop_length=160,
    n_mels=40,
    f_min_hz=0.0,
    f_max_hz=8_000.0,
    log_offset=1e-5,
)


def write_model(folder: Path, *, labels: tuple[str, ...] = LABELS) -> Path:
    """Write small.tflite and the JSON beside it."""
    network = NetworkFile(seed=0)
    columns = FRONT_END.frames(FRONT_END.rate_hz)
    x = network.input(FRONT_END.n_mels, columns, 1)
    x = network.convolution(x, 8, (3, 3), (2, 2), activation=RELU)
    x = _inverted_residual(network, x)
    x = network.convolution(x, len(LABELS), (1, 1))
    x = network.mean(x)
    folder.mkdir(parents=True, exist_ok=True)
    model = write(folder / "small.tflite", network, x)
    write_info(model, ModelInfo(labels, FRONT_END))
    return model


def _inverted_residual(network: NetworkFile, x: Tensor) -> Tensor:
    y = network.convolution(x, 16, (1, 1), activation=RELU)
    y = network.depthwise(y, 1, (3, 3), activation=RELU)
    y = network.convolution(y, 8, (1, 1))
    return network.add(y, x, activation=RELU)
