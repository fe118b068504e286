"""The verb listen: from a source of sound to a view, until the sound ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from deploy.classifier import Classifier
from deploy.errors import InputError, suggestion
from deploy.listen.listener import Answer, Listener
from deploy.listen.microphone import Microphone
from deploy.listen.sources import FileSource, Source, open_pipe
from deploy.listen.views import JsonLines, LiveView, View
from deploy.pcm import FORMATS

BLOCKS_PER_HOP = 4
"""So that an answer waits at most a quarter of a hop for the block that completes it."""

HOP_TOLERANCE = 1e-3
"""Beyond this share, a hop that had to be rounded is told."""


def open_source(options: argparse.Namespace) -> Source:
    """The source that the command line asks for.

    Raises:
        InputError: none or two asked for, or one that cannot be used.
    """
    if options.microphone == bool(options.source):
        raise InputError("listen: give one of FILE, - (standard input) and --microphone.")
    if options.microphone:
        return Microphone(options.device, options.rate)
    if options.source != "-":
        return FileSource(Path(options.source), in_real_time=not options.fast)
    if options.format not in FORMATS:
        end = suggestion(options.format, FORMATS)
        raise InputError(f"--format: '{options.format}' is none of {', '.join(FORMATS)}{end}")
    if sys.stdin is None:
        raise InputError("standard input: is closed; pipe WAV or raw samples into it.")
    return open_pipe(
        sys.stdin.buffer,
        rate_hz=options.rate,
        sample_format=options.format,
        channels=options.channels,
    )


def choose_view(out: TextIO, labels: Sequence[str], *, json_lines: bool) -> View:
    """A live view on a terminal, JSON Lines elsewhere or where asked for."""
    if json_lines or not out.isatty():
        return JsonLines(out, labels)
    return LiveView(out, labels)


def listen(
    classifier: Classifier, source: Source, view: View, *, hop_s: float, smoothing_s: float
) -> None:
    """Show an answer each hop until the sound ends or Ctrl-C; then say how it went.

    Raises:
        InputError: the source fails; what was answered before has been shown.
    """
    listener = Listener(classifier, source.rate_hz, hop_s=hop_s, smoothing_s=smoothing_s)
    if abs(listener.hop_s - hop_s) > HOP_TOLERANCE * hop_s:
        print(f"tinyscene: an answer every {listener.hop_s:g} s", file=sys.stderr)
    try:
        for answer in _answers(listener, source):
            view.show(answer, source.overruns)
    finally:
        if listener.answers:
            _conclude(listener, source)
    if not listener.answers:
        raise InputError("listen: found less than a second of sound; give a longer recording.")


def _answers(listener: Listener, source: Source) -> Iterator[Answer]:
    failure = None
    try:
        for block in source.blocks(listener.hop_s / BLOCKS_PER_HOP):
            yield from listener.hear(block)
    except InputError as error:  # what came before it is still answered
        failure = error
    yield from listener.finish()
    if failure:
        raise failure


def _conclude(listener: Listener, source: Source) -> None:
    remarks = [f"{listener.answers:,} answers", f"{source.overruns:,} overruns"]
    if listener.repaired:
        remarks.append(f"{listener.repaired:,} NaN or absurd samples heard as silence")
    print(f"tinyscene: {', '.join(remarks)}", file=sys.stderr)
