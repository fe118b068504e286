"""frontend_tables.h: the numbers and tables of a front end, for frontend.c and scene.c."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass

import numpy as np

from deploy.errors import InputError
from deploy.frontend import FrontEnd
from deploy.mcu.c_text import c_array, c_comment

SMALLEST_FFT = 16
"""Points that the stages of frontend.c need at least."""

TOLERANCE = 1e-5
"""By how much a mel filter may differ from the shares of neighbours that C adds up."""

SMALLEST_OFFSET = float(np.finfo(np.float32).tiny)
"""Below it, frontend.c's logarithm does not know the exponent."""

INT16_STEPS = 2**15
"""Of a sample of 1."""

LINE, MARGIN = 100, "    "
"""Of the C written."""

HEADER = """\
/* Front end {name}: the numbers and tables that frontend.c and scene.c work with. */
#ifndef FRONTEND_TABLES_H
#define FRONTEND_TABLES_H

#define SCENE_RATE_HZ {rate_hz} /* samples in a second */
#define SCENE_HOP {hop} /* samples from a column to the next */
#define SCENE_COLUMNS {columns} /* columns that the network hears at a time */
#define SCENE_LABELS {label_count} /* scenes, one for each logit */
#define SCENE_LABEL_NAMES {label_names}

#define FRONTEND_FFT {n_fft} /* real samples of a transform; a power of two */
#define FRONTEND_FFT_STAGES {stages} /* the power */
#define FRONTEND_WINDOW {window} /* samples of a window; the rest of the transform's are zero */
#define FRONTEND_WINDOW_MIRROR {mirror} /* sum of two samples' places that have the same weight */
#define FRONTEND_MELS {mels} /* filters */
#define FRONTEND_FIRST_BIN {first_bin} /* first bin of the spectrum that a filter takes */
#define FRONTEND_SAMPLES_LOST {lost} /* 1 with pre-emphasis y[n] = x[n + 1] - c * x[n], else 0 */
#define FRONTEND_PRE_EMPHASIS {pre_emphasis} /* its c */
#define FRONTEND_LOG_OFFSET {log_offset} /* added to energies before the logarithm */
#define FRONTEND_MEAN {mean} /* subtracted from the logarithm */
#define FRONTEND_DEVIATION {deviation} /* which then divides it */
#define FRONTEND_LEVELS_PER_UNIT {gain} /* int8 levels for 1 of the bare logarithm */
#define FRONTEND_LEVEL_OF_ZERO {zero} /* int8 level of a bare logarithm of 0, unrounded */
#define FRONTEND_SILENCE ({silence}) /* int8 level of silence */
#define FRONTEND_SCRATCH_BYTES {scratch} /* of model_arena */

#endif

/* Only frontend.c has the tables. */
#if defined(FRONTEND_TABLES) && !defined(FRONTEND_TABLES_DEFINED)
#define FRONTEND_TABLES_DEFINED

/* First half of the window and its middle, over 65536: an int16 as a half of what it stands for. */
{window_table}
/* cos(2 pi k / FRONTEND_FFT), a quarter of the wave. */
{cosine_table}
/* Bins between two neighbouring edges of the filters. */
{bin_table}
/* Share of each bin's power, from FRONTEND_FIRST_BIN on, that goes to the filter that rises. */
{share_table}
#endif
"""


@dataclass(frozen=True)
class Slopes:
    """A mel filterbank as slopes between neighbouring edges.

    Between edges i and i + 1, a bin gives its share to filter i and the rest to filter i - 1.
    """

    first_bin: int
    bins: np.ndarray
    """Bins between an edge and the next, shape (n_mels + 1,), uint16."""
    shares: np.ndarray
    """Of bins from the first one on, in [0, 1], float32."""


def front_end_header(
    front_end: FrontEnd, scale: float, zero_point: int, columns: int, labels: tuple[str, ...]
) -> str:
    """The text of frontend_tables.h.

    Args:
        scale: of the network's int8 input: log-mel = (level - zero point) * scale.
        zero_point: of the same, -128 to 127.
        columns: that the network hears at a time, as `map_columns` found them.
        labels: scenes in the order of the logits.

    Raises:
        InputError: a front end that frontend.c cannot compute.
    """
    _check(front_end)
    filters = slopes(front_end)
    gain = 1 / (front_end.deviation * scale)
    return HEADER.format(
        name=c_comment(front_end.name),
        rate_hz=front_end.rate_hz,
        hop=front_end.hop_length,
        columns=columns,
        label_count=len(labels),
        label_names=", ".join(map(_c_string, labels)),
        n_fft=front_end.n_fft,
        stages=front_end.n_fft.bit_length() - 1,
        window=front_end.win_length,
        mirror=front_end.win_length - (0 if front_end.periodic_window else 1),
        mels=front_end.n_mels,
        first_bin=filters.first_bin,
        lost=front_end.samples_lost,
        pre_emphasis=_c_float(front_end.pre_emphasis),
        log_offset=_c_float(front_end.log_offset),
        mean=_c_float(front_end.mean),
        deviation=_c_float(front_end.deviation),
        gain=_c_float(gain),
        zero=_c_float(zero_point - front_end.mean * gain),
        silence=_silence(front_end, scale, zero_point),
        scratch=scratch_bytes(front_end),
        window_table=_float_array("frontend_window", _half_window(front_end)),
        cosine_table=_float_array("frontend_cosine", _quarter_wave(front_end.n_fft)),
        bin_table=c_array("frontend_bins", filters.bins),
        share_table=_float_array("frontend_shares", filters.shares),
    )


def scratch_bytes(front_end: FrontEnd) -> int:
    """Memory of model_arena that frontend.c uses: a transform and the mel energies, as floats."""
    return 4 * (front_end.n_fft + front_end.n_mels)


def map_columns(front_end: FrontEnd, shape: tuple[int, ...]) -> int:
    """Columns of a network's input.

    Args:
        shape: of the input, (1, mels, columns, channels).

    Raises:
        InputError: any other shape than one second of this front end.
    """
    expected = (1, front_end.n_mels, front_end.frames(front_end.rate_hz), 1)
    if shape != expected:
        raise InputError(
            f"input of the network: found shape {shape}, expected {expected}, one second of front "
            f"end {front_end.name}; export the network with its own front end."
        )
    return expected[2]


def slopes(front_end: FrontEnd) -> Slopes:
    """The mel filterbank as slopes.

    Raises:
        InputError: filters of another form than triangles of which neighbours overlap by half.
    """
    filters = front_end.mel_filters()
    inner = filters[1:-1]  # frontend.c leaves out 0 Hz and half the rate, where filters are zero
    used = 1 + np.flatnonzero(inner.any(axis=1))
    first, end = (int(used[0]), int(used[-1]) + 1) if len(used) else (1, 2)
    edges = _edges_below(filters[first:end])
    rising = np.pad(filters, [(0, 0), (0, 1)])[np.arange(first, end), edges]
    falls_only = edges == front_end.n_mels
    shares = np.where(falls_only, 1 - filters[first:end, -1], rising).astype(np.float32)
    bins = np.bincount(edges, minlength=front_end.n_mels + 1).astype(np.uint16)
    rebuilt = _filters(first, edges, shares, filters.shape)
    if (np.diff(edges) < 0).any() or np.abs(rebuilt - filters).max() > TOLERANCE:
        raise InputError(
            f"front end {front_end.name}: found mel filters of another form than triangles that "
            "each begin at the peak of the one before, which frontend.c expects; use another."
        )
    return Slopes(first, bins, shares)


def _edges_below(filters: np.ndarray) -> np.ndarray:
    """For each bin, the filter that rises there: its last one, or one more where that one falls."""
    last = filters.shape[1] - 1
    highest = last - np.argmax(filters[:, ::-1] > 0, axis=1)
    alone = (filters > 0).sum(axis=1) == 1
    return highest + (alone & (highest == last) & (filters[:, last] < 1))


def _filters(
    first: int, edges: np.ndarray, shares: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """The filterbank that the slopes stand for, of shape (bins, n_mels)."""
    filters = np.zeros((shape[0], shape[1] + 2), np.float32)  # one more filter at each side
    rows = first + np.arange(len(edges))
    filters[rows, edges + 1] = shares
    filters[rows, edges] = 1 - shares
    return filters[:, 1:-1]


def _check(front_end: FrontEnd) -> None:
    where = f"front end {front_end.name}"
    if front_end.n_fft < SMALLEST_FFT or front_end.n_fft & (front_end.n_fft - 1):
        raise InputError(
            f"{where}: found n_fft {front_end.n_fft}, expected a power of two from {SMALLEST_FFT} "
            "on; train with another transform."
        )
    if front_end.win_length % 2 or not 0 < front_end.hop_length <= front_end.win_length:
        raise InputError(
            f"{where}: found win_length {front_end.win_length} and hop_length "
            f"{front_end.hop_length}, expected an even window and a hop no longer than it; train "
            "with others."
        )
    if front_end.log_offset < SMALLEST_OFFSET:
        raise InputError(
            f"{where}: found log_offset {front_end.log_offset:g}, expected at least "
            f"{SMALLEST_OFFSET:.1e}; train with another."
        )


def _silence(front_end: FrontEnd, scale: float, zero_point: int) -> int:
    log_mel = (math.log(front_end.log_offset) - front_end.mean) / front_end.deviation
    return int(np.clip(round(log_mel / scale) + zero_point, -128, 127))


def _half_window(front_end: FrontEnd) -> np.ndarray:
    return front_end.window()[: front_end.win_length // 2 + 1] / np.float32(2 * INT16_STEPS)


def _quarter_wave(n_fft: int) -> np.ndarray:
    return np.cos(2 * np.pi * np.arange(n_fft // 4 + 1) / n_fft)


def _float_array(name: str, values: np.ndarray) -> str:
    numbers = ", ".join(map(_c_float, values.tolist()))
    lines = textwrap.fill(numbers, LINE, initial_indent=MARGIN, subsequent_indent=MARGIN)
    return f"static const float {name}[{values.size}] = {{\n{lines}\n}};\n"


def _c_float(value: float) -> str:
    """A float32 constant in as few digits as give it exactly, in brackets where it is negative."""
    text = str(np.float32(value))
    return f"({text}f)" if value < 0 else f"{text}f"


def _c_string(text: str) -> str:
    """A string constant, whatever the text: UTF-8, all but plain characters as octal numbers."""
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{plain}"'
