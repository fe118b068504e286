"""What a case is, and the commands and names that many cases share."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import tinyscene
from baseline.challenge import SPLITS
from tests.bad_input.spoil import Break

BAD_INPUT, FAILED_CHECK = 2, 1

CLIP = "data/audio/bus-lisbon-2-0-0-a.wav"
TRAIN = "train --data data --split 100 --recipe small --set train.epochs=1 --set train.batch_size=8"
DATA = "--data data --store data/prepared"
RUNS = " ".join(f"runs/split{split}" for split in SPLITS)
PACKAGE = f"package {RUNS} --team team.yaml --list list.csv --out new.zip"


@dataclass(frozen=True)
class Case:
    """A command in a spoilt workplace and what it must say."""

    title: str
    command: str
    words: tuple[str, ...]
    """What the sentence must hold, also in this order."""
    spoil: Break = lambda _: None
    code: int = BAD_INPUT
    leaves: tuple[str, ...] = ()
    """Beginnings of paths that the command may make: complete files of earlier stages, or the
    beginning of work that goes on when the command is started again."""
    file_limit: int | None = None
    """Bytes that the system lets a file have, as on a disk that is nearly full."""


def call(command: str) -> int:
    """The exit code of a command."""
    try:
        return tinyscene.main(shlex.split(command))
    except SystemExit as stop:
        return int(stop.code or 0)
