"""Scenes, places and devices of the sample dataset: what sounds where, and who records it.

Every number here is invented. Scenes share most of their sources, places differ in character, and
the devices s4 to s6 differ more from all others than those do among themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from baseline.challenge import SOURCE_RATE_HZ
from baseline.sample import sources
from baseline.sample.sources import Character, Source
from baseline.sample.synthesis import decay

TYPICAL_RMS_DB = -28.0
"""Level of a recording by device a, in dB below full scale."""

CEILING = 0.9
"""No sample exceeds it: louder peaks are rounded off."""


@dataclass(frozen=True)
class Part:
    """One source's part in a scene."""

    source: Source
    level_db: float
    chance: float = 1.0
    """How often it is heard at all."""


@dataclass(frozen=True)
class Scene:
    """What is heard in a kind of place."""

    reverb_seconds: float
    """Typical time in which sound decays by 60 dB."""
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Place:
    """One place: the scene's sources, each with its own level there, and the space around them."""

    scene: Scene
    character: Character
    levels_db: tuple[float, ...]
    reverb_seconds: float
    reverb_db: float
    color_db: tuple[float, ...]
    """How much the surroundings raise or lower each of `COLOR_HZ`."""


COLOR_HZ = (60, 180, 500, 1400, 4000, 11000)


@dataclass(frozen=True)
class Device:
    """A recording device."""

    response: tuple[tuple[float, float], ...]
    """Points (Hz, dB) of its frequency response, joined by lines over log frequency."""
    noise_db: float
    """Level of its own noise, in dB below full scale."""
    drive: float = 0.0
    """How strongly it compresses: 0 not at all, 2 very much."""


def _scene(reverb_seconds: float, *parts: Part) -> Scene:
    return Scene(reverb_seconds, parts)


SCENES = {
    "airport": _scene(
        1.2,
        Part(sources.ventilation, -2),
        Part(sources.crowd, -5),
        Part(sources.suitcase, 0, 0.75),
        Part(sources.announcement, -2, 0.45),
        Part(sources.voices, -4, 0.4),
        Part(sources.footsteps, -6, 0.5),
        Part(sources.dishes, -8, 0.1),
    ),
    "bus": _scene(
        0.15,
        Part(sources.engine, 1),
        Part(sources.traffic, -5),
        Part(sources.voices, -6, 0.5),
        Part(sources.doors, -6, 0.25),
        Part(sources.car, -9, 0.3),
        Part(sources.ventilation, -8, 0.5),
    ),
    "metro": _scene(
        0.4,
        Part(sources.rails, 1),
        Part(sources.ventilation, -5),
        Part(sources.motor, -8, 0.7),
        Part(sources.squeal, -10, 0.2),
        Part(sources.voices, -7, 0.4),
        Part(sources.doors, -7, 0.2),
        Part(sources.announcement, -7, 0.15),
    ),
    "metro_station": _scene(
        2.2,
        Part(sources.ventilation, -3),
        Part(sources.rails, -4, 0.6),
        Part(sources.crowd, -5, 0.7),
        Part(sources.footsteps, -3, 0.7),
        Part(sources.doors, -3, 0.4),
        Part(sources.announcement, -3, 0.3),
        Part(sources.motor, -9, 0.4),
        Part(sources.squeal, -9, 0.2),
    ),
    "park": _scene(
        0.3,
        Part(sources.birds, -2, 0.85),
        Part(sources.wind, -2),
        Part(sources.traffic, -7),
        Part(sources.children, -7, 0.25),
        Part(sources.voices, -7, 0.3),
        Part(sources.footsteps, -8, 0.3),
        Part(sources.fountain, -10, 0.15),
    ),
    "public_square": _scene(
        0.7,
        Part(sources.fountain, -2, 0.8),
        Part(sources.crowd, -3),
        Part(sources.traffic, -6),
        Part(sources.voices, -5, 0.4),
        Part(sources.children, -4, 0.4),
        Part(sources.birds, -9, 0.25),
        Part(sources.footsteps, -8, 0.4),
        Part(sources.wind, -8, 0.4),
        Part(sources.car, -9, 0.25),
    ),
    "shopping_mall": _scene(
        0.9,
        Part(sources.music, -1, 0.85),
        Part(sources.crowd, -1),
        Part(sources.dishes, -4, 0.5),
        Part(sources.ventilation, -8),
        Part(sources.voices, -5, 0.4),
        Part(sources.footsteps, -7, 0.5),
        Part(sources.children, -8, 0.2),
    ),
    "street_pedestrian": _scene(
        0.5,
        Part(sources.footsteps, 1),
        Part(sources.voices, -1, 0.85),
        Part(sources.traffic, -4),
        Part(sources.crowd, -8, 0.6),
        Part(sources.car, -8, 0.3),
        Part(sources.music, -9, 0.2),
        Part(sources.suitcase, -8, 0.15),
        Part(sources.wind, -9, 0.3),
    ),
    "street_traffic": _scene(
        0.35,
        Part(sources.car, 2),
        Part(sources.traffic, 0),
        Part(sources.engine, -6, 0.4),
        Part(sources.voices, -9, 0.2),
        Part(sources.footsteps, -9, 0.3),
        Part(sources.wind, -8, 0.3),
        Part(sources.tram_bell, -10, 0.08),
        Part(sources.birds, -11, 0.15),
    ),
    "tram": _scene(
        0.2,
        Part(sources.motor, 1),
        Part(sources.rails, -5),
        Part(sources.squeal, -4, 0.45),
        Part(sources.tram_bell, -3, 0.4),
        Part(sources.traffic, -6, 0.7),
        Part(sources.voices, -7, 0.4),
        Part(sources.doors, -8, 0.2),
        Part(sources.car, -9, 0.2),
    ),
}

DEVICES = {
    "a": Device(((50, -2), (120, 0), (15000, 0), (20000, -2)), -80),
    "b": Device(((60, -12), (180, 0), (2500, 3), (6000, 1), (12000, -8), (18000, -25)), -70, 0.3),
    "c": Device(((60, -7), (150, 1), (900, -2), (5000, 4), (11000, 0), (17000, -15)), -72, 0.3),
    "s1": Device(((60, -9), (200, 2), (700, -3), (2000, 3), (8000, -4), (16000, -12)), -72, 0.2),
    "s2": Device(((60, -4), (300, -3), (1200, 4), (3500, -2), (9000, 3), (16000, -10)), -70, 0.3),
    "s3": Device(((60, -14), (250, 0), (1600, -1), (4500, 5), (7000, -3), (15000, -9)), -70, 0.2),
    "s4": Device(((60, -24), (300, -7), (1100, 6), (2800, 3), (4500, -7), (12000, -18)), -66, 0.5),
    "s5": Device(((60, 4), (160, 9), (500, 2), (1500, -8), (3000, -6), (7000, 6), (15000, 2)), -66),
    "s6": Device(((60, -16), (220, 4), (600, -7), (2200, 7), (4000, -9), (9000, -2)), -62, 0.8),
}


def make_place(rng: np.random.Generator, scene: str) -> Place:
    """Draw a place of a scene."""
    spec = SCENES[scene]
    character = Character(*np.exp((0.18, 0.15, 0.2) * rng.standard_normal(3)).tolist())
    return Place(
        spec,
        character,
        tuple(part.level_db + 2 * float(rng.standard_normal()) for part in spec.parts),
        reverb_seconds=spec.reverb_seconds * float(rng.lognormal(0, 0.3)),
        reverb_db=-4 + 2 * float(rng.standard_normal()),
        color_db=tuple((2 * rng.standard_normal(len(COLOR_HZ))).tolist()),
    )


def render(rng: np.random.Generator, place: Place, samples: int) -> np.ndarray:
    """A recording at a place by an ideal microphone, float64 of that many samples, RMS 1."""
    wave = np.zeros(samples)
    for part, level_db in zip(place.scene.parts, place.levels_db, strict=True):
        if rng.random() < part.chance:
            gain = _ratio(level_db + 2.5 * rng.standard_normal())
            wave += gain * part.source(rng, place.character, samples)
    spectrum = np.fft.rfft(wave)
    spectrum *= _gain(samples, tuple(zip(COLOR_HZ, place.color_db, strict=True)))
    spectrum *= 1 + _ratio(place.reverb_db) * _reverberation(rng, place, samples)
    wave = np.fft.irfft(spectrum, samples)
    return np.asarray(wave / np.sqrt(np.square(wave).mean()))


def record(rng: np.random.Generator, wave: np.ndarray, device: str, level_db: float) -> np.ndarray:
    """What a device makes of a wave of RMS 1.

    Args:
        level_db: how loud the recording is, relative to `TYPICAL_RMS_DB`.

    Returns:
        float64 of the same shape, between -`CEILING` and `CEILING`.
    """
    spec = DEVICES[device]
    heard = np.fft.irfft(np.fft.rfft(wave) * _gain(len(wave), spec.response), len(wave))
    if spec.drive:
        heard = np.tanh(spec.drive * heard) / spec.drive
    heard = _ratio(TYPICAL_RMS_DB + level_db) * heard
    heard += _ratio(spec.noise_db) * rng.standard_normal(len(wave))
    return np.asarray(CEILING * np.tanh(heard / CEILING))


def _ratio(decibels: float) -> float:
    return float(10 ** (decibels / 20))


@lru_cache(maxsize=32)  # the devices' stay, those of places come and go
def _gain(samples: int, response: tuple[tuple[float, float], ...]) -> np.ndarray:
    # A frequency response without phase, at the frequencies of a real FFT.
    hz, decibels = zip(*response, strict=True)
    log_hz = np.log(np.maximum(np.fft.rfftfreq(samples, 1 / SOURCE_RATE_HZ), 1))
    return np.asarray(10 ** (np.interp(log_hz, np.log(hz), decibels) / 20))


def _reverberation(rng: np.random.Generator, place: Place, samples: int) -> np.ndarray:
    # The spectrum of an impulse response: exponentially decaying noise (Moorer 1979), of energy 1,
    # with less treble the longer it lasts.
    response = rng.standard_normal(samples) * decay(samples, place.reverb_seconds)
    spectrum = np.fft.rfft(response / np.sqrt(np.square(response).sum()))
    hz = np.fft.rfftfreq(samples, 1 / SOURCE_RATE_HZ)
    return np.asarray(spectrum / (1 + hz / 6000))
