"""Ways to spoil a workplace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from deploy.files import read_json, write_json

RATE_HZ = 44_100

Break = Callable[[Path], object]
"""Spoils something in a workplace."""


def write(name: str, text: str | bytes) -> Break:
    """Write a file, perhaps over another."""

    def spoil(place: Path) -> None:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return spoil


def edit(name: str, change: Callable[[bytes], bytes]) -> Break:
    """Change the content of a file."""

    def spoil(place: Path) -> None:
        before = (place / name).read_bytes()
        after = change(before)
        assert after != before
        (place / name).write_bytes(after)

    return spoil


def replace(name: str, old: str, new: str) -> Break:
    """Replace the first occurrence of a text, which must be there."""
    return edit(name, lambda data: data.replace(old.encode(), new.encode(), 1))


def cut(name: str) -> Break:
    """Leave out the last third of a file."""
    return edit(name, lambda data: data[: len(data) * 2 // 3])


def append(name: str, text: str) -> Break:
    return edit(name, lambda data: data + text.encode())


def remove(name: str) -> Break:
    return lambda place: (place / name).unlink()


def folder(name: str) -> Break:
    return lambda place: (place / name).mkdir(parents=True)


def both(*breaks: Break) -> Break:
    """Several breaks, one after the other."""

    def spoil(place: Path) -> None:
        for single in breaks:
            single(place)

    return spoil


def wav(
    name: str,
    *,
    samples: int = RATE_HZ,
    rate_hz: int = RATE_HZ,
    channels: int = 1,
    value: float | None = None,
) -> Break:
    """Write one recording of noise; `value` replaces the sample in its middle."""

    def spoil(place: Path) -> None:
        wave = np.random.default_rng(0).normal(0, 0.1, (samples, channels)).clip(-1, 1)
        if value is not None:
            wave[samples // 2] = value
        (place / name).parent.mkdir(exist_ok=True)
        soundfile.write(place / name, wave, rate_hz, subtype="FLOAT")

    return spoil


def set_json(name: str, **changes: object) -> Break:
    """Change values of a JSON file; None leaves the key out."""

    def spoil(place: Path) -> None:
        values = read_json(place / name) | changes
        write_json(place / name, {k: v for k, v in values.items() if v is not None})

    return spoil
