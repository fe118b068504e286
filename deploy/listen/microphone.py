"""Sound from a microphone through PortAudio, by the package sounddevice."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import numpy as np

from deploy.errors import InputError

QUEUE_SECONDS = 5.0
"""Sound that waits at most; what comes while it is full is lost and counted."""

SILENT_SECONDS = 3.0
"""Without any sample, after which a microphone is taken to be unplugged."""


class Microphone:
    """One channel of an input device."""

    def __init__(self, device: str | None = None, rate_hz: int | None = None) -> None:
        """Ask for the device.

        Args:
            device: number or part of a name; the system's default without it.
            rate_hz: the device's own rate by default.

        Raises:
            InputError: sounddevice or PortAudio is not installed, or there is no such device.
        """
        self._sound = sounddevice()
        self._device = int(device) if device and device.isdigit() else device
        try:
            found = self._sound.query_devices(self._device, "input")
            self.rate_hz = rate_hz or int(found["default_samplerate"])
            self._sound.check_input_settings(self._device, 1, "float32", None, self.rate_hz)
        except (ValueError, self._sound.PortAudioError) as error:
            raise _unusable(error) from error
        self.overruns = 0

    def blocks(self, seconds: float) -> Iterator[np.ndarray]:
        """See `deploy.listen.sources.Source`.

        Raises:
            InputError: no samples come any more.
        """
        waiting: queue.Queue[np.ndarray] = queue.Queue(max(1, int(QUEUE_SECONDS / seconds)))

        def take(samples: np.ndarray, _frames: int, _time: object, status: Any) -> None:
            self.overruns += bool(status.input_overflow)
            try:
                waiting.put_nowait(samples[:, 0].copy())
            except queue.Full:
                self.overruns += 1

        frames = max(1, round(self.rate_hz * seconds))
        try:
            stream = self._sound.InputStream(
                self.rate_hz, frames, self._device, 1, "float32", callback=take
            )
            with stream:
                while True:
                    yield waiting.get(timeout=SILENT_SECONDS)
        except queue.Empty:
            raise InputError(
                f"microphone: gave no sample for {SILENT_SECONDS:g} s; "
                "check that it is plugged in, and start again."
            ) from None
        except self._sound.PortAudioError as error:
            raise _unusable(error) from error


def sounddevice() -> Any:
    """The package of that name.

    Raises:
        InputError: it is not installed, or PortAudio is not.
    """
    try:
        import sounddevice as package
    except ImportError as error:
        raise InputError(
            "microphone: needs the package sounddevice; run: pip install sounddevice"
        ) from error
    except OSError as error:
        raise InputError(
            f"microphone: {error}; install it, such as by: sudo apt install libportaudio2"
        ) from error
    return package


def _unusable(error: Exception) -> InputError:
    reason = " ".join(str(error).split())
    return InputError(
        f"microphone: cannot be opened ({reason}); "
        "plug one in, or choose another by --device; list them by: python -m sounddevice"
    )
