"""From a wave to scene probabilities with an exported network: numpy and one interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deploy.audio import WINDOW_SECONDS
from deploy.errors import InputError
from deploy.frontend import FrontEnd, resample
from deploy.interpreters import open_interpreter
from deploy.log_mel import LogMel
from deploy.model_file import read_info
from deploy.windows import SHORTEST_SECONDS, seconds


class Classifier:
    """A .tflite or .onnx file with its front end. For several threads, make one for each.

    Example:
        >>> scenes = Classifier("tflite-int8.tflite")           # doctest: +SKIP
        >>> scenes.probabilities(wave, rate_hz=44_100).round(2)  # doctest: +SKIP
    """

    def __init__(self, path: str | Path, *, threads: int = 1, backend: str | None = None) -> None:
        """Load a model file and the JSON file beside it.

        Args:
            threads: of the network's interpreter.
            backend: ai-edge-litert, tflite-runtime or onnxruntime; the first that works by default.

        Raises:
            InputError: a missing or damaged file, no interpreter for it, or a network that does not
                fit what the JSON file says.
        """
        path = Path(path)
        self.interpreter = open_interpreter(path, threads, backend)
        info = read_info(path)
        self.labels = info.labels
        self.front_end = info.front_end
        self._log_mel = LogMel(self.front_end, self.front_end.rate_hz * WINDOW_SECONDS)
        self._require_fit(path)

    def probabilities(
        self, wave: np.ndarray, rate_hz: int, *, channel_axis: int | None = None
    ) -> np.ndarray:
        """Probabilities of the labels, averaged over the seconds of a wave.

        Args:
            wave: (samples,) or (batch, samples), float in [-1, 1] or integers of 8, 16 or 32 bits;
                at least a tenth of a second.
            rate_hz: sampling rate of the wave.
            channel_axis: which axis holds channels, to be averaged; for mono, none does.

        Returns:
            (classes,) or (batch, classes), float64, each summing to 1.

        Raises:
            InputError: a wave too short, not finite or of another type.
        """
        wave = as_float(wave)
        if channel_axis is not None:
            wave = wave.mean(channel_axis)
        windows = one_second_windows(wave, rate_hz, self.front_end)
        batch, count, samples = windows.shape
        rows = [self.window_probabilities(window) for window in windows.reshape(-1, samples)]
        mean = np.reshape(rows, (batch, count, -1)).mean(1)
        return mean if wave.ndim == 2 else mean[0]

    def window_probabilities(self, window: np.ndarray) -> np.ndarray:
        """Probabilities (classes,) of one second, float32 (front_end.rate_hz,)."""
        return softmax(self.interpreter.logits(self.log_mel(window)))[0]

    def log_mel(self, window: np.ndarray) -> np.ndarray:
        """Log-mel (1, 1, mels, frames) of one second; the next call writes to the same memory."""
        return self._log_mel.of(window)

    def _require_fit(self, path: Path) -> None:
        log_mel = self.log_mel(np.zeros(self.front_end.rate_hz * WINDOW_SECONDS, np.float32))
        try:
            found = self.interpreter.logits(log_mel).shape
        except Exception as error:  # every interpreter raises classes of its own
            shape, reason = "x".join(map(str, log_mel.shape)), " ".join(str(error).split())
            raise InputError(
                f"{path}: does not take a log-mel of {shape} ({reason[:200]}); export it again."
            ) from error
        if found != (1, len(self.labels)):
            raise InputError(
                f"{path}: found {found[-1]} logits, expected {len(self.labels)}, one a label; "
                "export it again."
            )


def one_second_windows(wave: np.ndarray, rate_hz: int, front_end: FrontEnd) -> np.ndarray:
    """Cut waves into seconds at the front end's rate, as `deploy.windows.seconds` does.

    Returns:
        float32 (batch, windows, front_end.rate_hz).

    Raises:
        InputError: a wave shorter than a tenth of a second, not finite or of another type.
    """
    waves = as_float(np.atleast_2d(wave))
    if waves.shape[1] < rate_hz * SHORTEST_SECONDS:
        raise InputError(
            f"wave: found {wave.shape[-1]} samples at {rate_hz} Hz, expected at least "
            f"{SHORTEST_SECONDS} s; give a longer recording."
        )
    waves = resample(waves, rate_hz, front_end.rate_hz)
    return np.stack([list(seconds([one], front_end.rate_hz)) for one in waves])


def as_float(wave: np.ndarray) -> np.ndarray:
    """Samples as float32 in [-1, 1], from float or from integers of 8, 16 or 32 bits.

    Raises:
        InputError: another type, or samples that are not finite.
    """
    if wave.dtype == np.uint8:  # as in WAV files, where silence is 128
        return (wave.astype(np.float32) - 128) / 128
    if wave.dtype in (np.int8, np.int16, np.int32):
        return wave.astype(np.float32) / -float(np.iinfo(wave.dtype).min)
    if not np.issubdtype(wave.dtype, np.floating):
        raise InputError(
            f"wave: found samples of type {wave.dtype}, expected float, int16, int32 or 8 bits; "
            "convert them first."
        )
    if not np.isfinite(wave).all():
        raise InputError("wave: holds NaN or infinite samples; record it again.")
    return wave.astype(np.float32, copy=False)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of (batch, classes) logits, in float64."""
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    powers: np.ndarray = np.exp(shifted)
    return powers / powers.sum(-1, keepdims=True)
