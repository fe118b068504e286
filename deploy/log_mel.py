"""Log-mel energies through buffers that are made once, of single waves or of a sliding window.

Allocating anew at every call costs a third of the time: buffers of this size come from the system,
page by page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deploy.banded import bands, product
from deploy.errors import InputError

if TYPE_CHECKING:
    from deploy.frontend import FrontEnd

MELS_PER_BAND = 8

FRAMES_AT_ONCE = 33
"""Transformed together: few calls, and buffers that stay in the processor's cache."""


class LogMel:
    """A front end for waves of one length. Not to be shared between threads."""

    def __init__(self, front_end: FrontEnd, samples: int) -> None:
        """Make tables and buffers.

        Args:
            samples: length of the waves at `front_end.rate_hz`.

        Raises:
            InputError: waves too short to be reflected.
        """
        self._spec, self._padding = front_end, front_end.padding()
        shortest = self._padding + front_end.samples_lost
        if samples <= shortest:
            raise InputError(
                f"front end {front_end.name}: found {samples} samples at {front_end.rate_hz} Hz, "
                f"expected more than {shortest}; give a longer recording."
            )
        self._window = front_end.window()
        # Each bin twice, for the squares of its real and its imaginary part.
        self._bands = bands(np.repeat(front_end.mel_filters(), 2, axis=0), MELS_PER_BAND)
        length = samples - front_end.samples_lost
        self._padded = np.zeros(length + 2 * self._padding, np.float32)
        self._wave = self._padded[self._padding : self._padding + length]
        framed = np.lib.stride_tricks.sliding_window_view(self._padded, front_end.win_length)
        self._framed = framed[:: front_end.hop_length]
        self._make_buffers(len(self._framed))

    def _make_buffers(self, frames: int) -> None:
        spec = self._spec
        # Zeros behind the window change the phase, not the power.
        self._windowed = np.zeros((FRAMES_AT_ONCE, spec.n_fft), np.float32)
        self._spectrum = np.empty((frames, spec.n_fft // 2 + 1), np.complex64)
        self._squares = self._spectrum.view(np.float32)  # the same memory, squared in place
        self._mels = np.empty((frames, spec.n_mels), np.float32)
        self._log_mel = np.empty((1, 1, spec.n_mels, frames), np.float32)
        self._last_sample = np.zeros(1, np.float32)

    def of(self, wave: np.ndarray) -> np.ndarray:
        """Log-mel of a wave.

        Args:
            wave: float32 (samples,) in [-1, 1].

        Returns:
            float32 (1, 1, n_mels, frames), natural logarithm, normalised; the same memory is
            written again by the next call.
        """
        emphasis = self._spec.pre_emphasis
        self._wave[:] = wave[1:] - emphasis * wave[:-1] if emphasis else wave
        self._last_sample[:] = wave[-1]
        self._reflect()
        self._transform(slice(0, len(self._framed)))
        return self._log_mel

    def slide(self, following: np.ndarray) -> np.ndarray:
        """Log-mel of the same stream further on: of the window that ends with `following`.

        Only frames that are new are computed, and those which see an end of the window, where the
        wave is reflected; the result is that of `of` for the whole window.

        Args:
            following: float32, the samples after those of the call before; a whole number of hops,
                and fewer than the window holds.

        Returns:
            As `of`.

        Raises:
            ValueError: not a whole number of hops.
        """
        hops, rest = divmod(len(following), self._spec.hop_length)
        if rest:
            raise ValueError(f"{len(following)} samples are no whole number of hops")
        self._append(following)
        self._reflect()
        first, last = self._inner_frames()
        last_kept = max(first, last - hops)
        inner = self._log_mel[0, 0]
        inner[:, first:last_kept] = inner[:, last - (last_kept - first) : last]
        self._transform(slice(0, first), slice(last_kept, len(self._framed)))
        return self._log_mel

    def _append(self, following: np.ndarray) -> None:
        emphasis, count = self._spec.pre_emphasis, len(following)
        self._wave[:-count] = self._wave[count:]
        self._wave[-count:] = following
        if emphasis:
            before = np.concatenate([self._last_sample, following[:-1]])
            self._wave[-count:] -= emphasis * before
        self._last_sample[:] = following[-1]

    def _reflect(self) -> None:
        padding = self._padding
        self._padded[:padding] = self._wave[padding:0:-1]
        self._padded[-padding:] = self._wave[-2 : -padding - 2 : -1]

    def _inner_frames(self) -> tuple[int, int]:
        """First frame without reflected samples, and the one after the last such frame."""
        hop = self._spec.hop_length
        first = -(-self._padding // hop)
        whole = self._padding + len(self._wave) - self._spec.win_length
        return first, max(first, whole // hop + 1)

    def _transform(self, *parts: slice) -> None:
        """Compute the frames of these parts."""
        row = 0
        for part in parts:
            for first in range(part.start, part.stop, FRAMES_AT_ONCE):
                row = self._squares_of(first, min(first + FRAMES_AT_ONCE, part.stop), row)
        mels, row = self._log_mels(row), 0
        for part in parts:
            count = part.stop - part.start
            self._log_mel[0, 0, :, part] = mels[row : row + count].T
            row += count

    def _squares_of(self, first: int, last: int, row: int) -> int:
        """Put the squared spectra of some frames into `_squares` from `row` on; the row behind."""
        end = row + last - first
        windowed, spectrum = self._windowed[: end - row], self._spectrum[row:end]
        np.multiply(self._framed[first:last], self._window, out=windowed[:, : len(self._window)])
        _real_fft(windowed, spectrum)
        np.square(self._squares[row:end], out=self._squares[row:end])
        return end

    def _log_mels(self, rows: int) -> np.ndarray:
        """The log-mel (rows, n_mels) of so many squared spectra."""
        spec = self._spec
        mels = product(self._squares[:rows], self._bands, out=self._mels[:rows])
        mels += np.float32(spec.log_offset)
        np.log(mels, out=mels)
        if spec.normalises:
            mels -= np.float32(spec.mean)
            mels /= np.float32(spec.deviation)
        return mels


def _real_fft(frames: np.ndarray, out: np.ndarray) -> None:
    try:
        np.fft.rfft(frames, out=out)
    except TypeError:  # numpy 1, which tflite-runtime needs, has no `out` and computes in double
        out[:] = np.fft.rfft(frames)
