"""Sound sources of the sample dataset: engines, rails, voices, birds, bells ..., made by code.

Every source takes a generator, the place it sounds in and a number of samples, and returns a wave
at 44.1 kHz, float64, whose loudest twentieth of a second has an RMS of 1 (or which is silent, when
nothing happens). Events wrap around the end, as the filters of `baseline.sample.scenes` do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from baseline.challenge import SOURCE_RATE_HZ
from baseline.sample.synthesis import (
    decay,
    level,
    noise,
    repeat,
    rotate,
    scatter,
    strike,
    wander,
)


@dataclass(frozen=True)
class Character:
    """What one place's sources have in common; 1 is the average of all places."""

    pitch: float
    """Factor on the frequencies of motors, bells, voices and birds."""
    pace: float
    """Factor on the rates of steps, rail joints and chirps."""
    harshness: float
    """How slowly the harmonics of motors weaken."""


Source = Callable[[np.random.Generator, Character, int], np.ndarray]


# Vehicles


def engine(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """A diesel engine: harmonics of its firing rate, and a rattle that follows it."""
    hz = 32 * place.pitch * rng.uniform(0.8, 1.8) * wander(rng, samples, 2, 0.06)
    harmonics = np.arange(1, 61)
    amplitudes = harmonics ** (-1.1 / place.harshness) * rng.lognormal(0, 0.5, len(harmonics))
    rumble = level(rotate(rng, hz, amplitudes))
    rattle = noise(rng, samples, 400, 3000, -3) * (1.2 + rumble / np.abs(rumble).max())
    return level(rumble + 0.3 * level(rattle))


def motor(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """The whine of an electric drive, gliding while the train speeds up or slows down."""
    glide = np.exp(np.linspace(0, rng.normal(0, 0.35), samples))
    hz = 420 * place.pitch * rng.uniform(0.6, 1.7) * glide * wander(rng, samples, 8, 0.004)
    amplitudes = np.arange(1, 13) ** (-1.3 / place.harshness) * rng.lognormal(0, 0.6, 12)
    return level(rotate(rng, hz, amplitudes))


def rails(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Wheels on rails: rolling noise, and clacks in pairs at the joints."""
    rolling = noise(rng, samples, 90, 2000 * place.pitch, -4) * wander(rng, samples, 6, 0.2)

    def joint() -> np.ndarray:
        clack = noise(rng, 6000, 150, 900 * place.pitch) * decay(6000, 0.09)
        return np.concatenate([clack, 0.7 * clack])

    clacks = repeat(rng, samples, 1.6 * place.pace, joint)
    return level(rolling + rng.uniform(0.1, 0.9) * level(clacks))


def squeal(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Wheel flanges in a curve: high tones that come and go."""
    wave = np.zeros(samples)
    for _ in range(rng.integers(1, 4)):
        hz = 2700 * place.pitch * rng.uniform(0.7, 1.7) * wander(rng, samples, 15, 0.006)
        presence = np.clip(wander(rng, samples, 4, 1.2) - 0.8, 0, 2)
        wave += rotate(rng, hz, np.array([1, 0.3, 0.1])) * presence
    return level(wave)


def car(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Cars passing by: tyre noise that swells, brightens and fades, over a falling engine note."""
    dull, bright = noise(rng, samples, 150, 1100), noise(rng, samples, 900 * place.pitch, 3500)
    amplitudes = np.arange(1, 30) ** (-1.2 / place.harshness)
    wave = np.zeros(samples)
    time = np.arange(samples) / SOURCE_RATE_HZ
    for _ in range(rng.integers(1, 4)):
        width = rng.uniform(0.35, 1.4) / place.pace
        passed = (time - rng.uniform(0, time[-1])) / width  # below 0 while the car approaches
        nearness = 1 / (1 + passed**2)
        hz = 55 * place.pitch * rng.uniform(0.7, 1.6) * (1 - 0.06 * passed * np.sqrt(nearness))
        hum = 0.7 * level(rotate(rng, hz, amplitudes))
        wave += rng.uniform(0.4, 1) * nearness * (dull + bright * nearness + hum)
    return level(wave)


def tram_bell(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """A tram's warning bell, struck a few times."""
    stroke = strike(rng, 1150 * place.pitch, (1.0, 1.51, 2.02, 2.74, 3.9), 0.6)
    return level(repeat(rng, samples, rng.uniform(1, 4), lambda: stroke))


def doors(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Closing doors: warning beeps, then a hiss of air."""
    beep = np.ones(round(0.09 * SOURCE_RATE_HZ))
    hz = 1900 * place.pitch
    beeps = repeat(rng, samples, 4, lambda: rotate(rng, hz * beep, np.array([1, 0, 0.4])))
    hiss = noise(rng, samples, 2500, 12000) * np.clip(wander(rng, samples, 2, 1) - 0.7, 0, 2)
    return level(rng.uniform(0, 1) * level(beeps) + rng.uniform(0, 1) * level(hiss))


# People

FORMANTS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480),
               (570, 840, 2410), (440, 1020, 2240), (660, 1720, 2410))  # fmt: skip
"""First three formants of English vowels, men (Peterson and Barney 1952)."""


def voices(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """A few people talking nearby."""
    talkers = [_talker(rng, samples, rng.choice([1.0, 1.7])) for _ in range(rng.integers(1, 4))]
    return level(np.sum([rng.uniform(0.3, 1) * talker for talker in talkers], axis=0))


def crowd(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Many people at a distance: babble in which no word stands out."""
    near = np.sum([_talker(rng, samples, rng.choice([1.0, 1.7])) for _ in range(3)], axis=0)
    turns = rng.integers(0, samples, 6)  # the same voices again at other times: a denser babble
    babble = np.sum([np.roll(near, turn) for turn in turns], axis=0)
    murmur = noise(rng, samples, 250, 1100 * place.pitch, -3) * wander(rng, samples, 8, 0.2)
    return level(level(babble) + 0.6 * murmur)


def children(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Children calling."""
    talkers = [_talker(rng, samples, rng.uniform(2.4, 3.4)) for _ in range(rng.integers(1, 3))]
    return level(np.sum(talkers, axis=0))


def announcement(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """A gong of loudspeakers or the voice after it."""
    hz = 520 * place.pitch
    notes = cycle((1.0, 0.8, 0.67))
    if rng.random() < 0.5:
        return level(repeat(rng, samples, 2, lambda: strike(rng, hz * next(notes), (1, 2, 3), 0.8)))
    return _filtered(_talker(rng, samples, 1.6), 500, 3200)


def _talker(rng: np.random.Generator, samples: int, pitch: float) -> np.ndarray:
    # Syllables with an intonation: a vowel's harmonics, after a consonant's noise now and then.
    length = round(SOURCE_RATE_HZ / rng.uniform(3.5, 6))
    stretch = pitch**0.35  # higher voices come from shorter vocal tracts
    melody = 115 * pitch * rng.uniform(0.8, 1.3) * wander(rng, samples, 3, 0.15)
    wave = np.zeros(samples)
    for start in range(rng.integers(length), samples - length // 2, length):
        if rng.random() < 0.2:  # a pause between words
            continue
        hz = melody[start : start + round(length * rng.uniform(0.7, 1))]
        envelope = np.sin(np.pi * np.linspace(0, 1, len(hz))) ** 0.7
        vowel = FORMANTS_HZ[rng.integers(len(FORMANTS_HZ))]
        amplitudes = _vowel(float(hz[0]), np.array(vowel) * stretch)
        wave[start : start + len(hz)] += envelope * rotate(rng, hz, amplitudes)
        if rng.random() < 0.5:
            hiss = rng.standard_normal(2500) * np.hanning(2500) * amplitudes.max()
            end = min(samples, start + 2500)
            wave[start:end] += np.diff(hiss, prepend=0)[: end - start]
    return level(wave)


def _vowel(hz: float, formants_hz: np.ndarray) -> np.ndarray:
    # Amplitudes of harmonics: a glottal source falling by 9 dB per octave, through resonances.
    harmonics = hz * np.arange(1, int(8000 / hz) + 1)
    resonances = [
        1 / np.hypot(1 - (harmonics / formant) ** 2, harmonics * (60 + 0.05 * formant) / formant**2)
        for formant in formants_hz
    ]
    return np.asarray((harmonics / hz) ** -1.5 * np.sum(resonances, axis=0))


def _filtered(wave: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    hz = np.fft.rfftfreq(len(wave), 1 / SOURCE_RATE_HZ) + 1
    gain = 1 / ((1 + (low_hz / hz) ** 4) * (1 + (hz / high_hz) ** 4))
    return level(np.fft.irfft(np.fft.rfft(wave) * gain, len(wave)))


def footsteps(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """One or two people walking: thuds and clicks of heels."""
    walkers = [_walker(rng, place, samples) for _ in range(rng.integers(1, 3))]
    return level(np.sum(walkers, axis=0))


def _walker(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    heel_hz = 1500 * place.pitch * rng.uniform(0.6, 1.6)

    def step() -> np.ndarray:
        thud = noise(rng, 4410, 60, 250) * decay(4410, 0.1)
        click = rng.uniform(0.1, 1) * noise(rng, 4410, heel_hz, 6000) * decay(4410, 0.03)
        return np.asarray(thud + click)

    return repeat(rng, samples, 1.9 * place.pace * rng.uniform(0.85, 1.2), step)


def suitcase(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """A suitcase on wheels: rumble, chopped by the joints of the floor."""
    rumble = noise(rng, samples, 200 * place.pitch, 1800 * place.pitch, -2)
    joints = repeat(rng, samples, 9 * place.pace * rng.uniform(0.7, 1.4), lambda: decay(4410, 0.15))
    return level(rumble * (0.35 + joints) * wander(rng, samples, 2, 0.4))


# Buildings, nature


def ventilation(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Air conditioning: steady noise of a duct and the hum of its fan."""
    hz = np.full(samples, 100 * place.pitch)
    hum = level(rotate(rng, hz, np.arange(1, 9) ** (-1.5 / place.harshness)))
    return level(noise(rng, samples, 80, 700 * place.pitch, -4) + 0.35 * hum)


def music(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Background music: a slow chord and a melody above it."""
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)

    def note() -> np.ndarray:
        seconds = rng.uniform(0.4, 1)
        hz = np.full(round(seconds * SOURCE_RATE_HZ), rng.choice(scale) * rng.choice([1, 2, 4]))
        return np.asarray(rotate(rng, hz, np.array([1, 0.5, 0.3, 0.2])) * decay(len(hz), seconds))

    root = np.full(samples, rng.choice(scale))
    chord = [rotate(rng, root * ratio, np.arange(1, 9.0) ** -1.5) for ratio in (0.5, 1.25, 1.5)]
    melody = scatter(rng, samples, 5 * place.pace, note)
    return level(level(np.sum(chord, axis=0)) + level(melody))


def dishes(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Cups, cutlery and tills: short ringing clinks."""

    def clink() -> np.ndarray:
        hz = rng.uniform(1800, 4500) * place.pitch
        return rng.uniform(0.2, 1) * strike(rng, hz, (1, 1.58, 2.37), rng.uniform(0.05, 0.3))

    return level(scatter(rng, samples, 4 * place.pace, clink))


def birds(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Birdsong: chirps that sweep and trill, each bird with its own phrase."""
    return level(np.sum([_bird(rng, place, samples) for _ in range(rng.integers(1, 4))], axis=0))


def _bird(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    base_hz = 3600 * place.pitch * rng.uniform(0.65, 1.7)
    time = np.arange(round(SOURCE_RATE_HZ * rng.uniform(0.04, 0.16))) / SOURCE_RATE_HZ
    sweep, trill_hz = rng.uniform(-0.5, 0.5), rng.uniform(15, 45)
    hz = base_hz * np.exp(sweep * time / time[-1] + 0.05 * np.sin(2 * np.pi * trill_hz * time))

    def chirp() -> np.ndarray:
        return np.asarray(np.hanning(len(hz)) * rotate(rng, hz, np.array([1, 0.15, 0.05])))

    phrase = np.clip(wander(rng, samples, 3, 1) - 0.5, 0, 2)
    return np.asarray(phrase * repeat(rng, samples, rng.uniform(3, 7) * place.pace, chirp))


def wind(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Gusts against the microphone and through leaves."""
    gusts = wander(rng, samples, 2, 0.5)
    leaves = noise(rng, samples, 1500, 7000 * place.pitch) * gusts * wander(rng, samples, 12, 0.2)
    return level(noise(rng, samples, 20, 120 * place.pitch) * gusts + 0.25 * leaves)


def fountain(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Falling water: a broad hiss full of drops."""
    spray = noise(rng, samples, 700 * place.pitch, 5000, -2)
    drops = np.zeros(samples)
    drops[rng.integers(0, samples, 60 * samples // SOURCE_RATE_HZ)] = 1
    ring = np.sin(2 * np.pi * 1300 * place.pitch * np.arange(samples) / SOURCE_RATE_HZ)
    ring *= decay(samples, 0.02)
    sparkle = np.fft.irfft(np.fft.rfft(drops) * np.fft.rfft(ring), samples)
    return level(spray + 0.5 * level(sparkle))


def traffic(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """A street some blocks away: low, steady rumble."""
    return level(noise(rng, samples, 40, 350 * place.pitch, -3) * wander(rng, samples, 1, 0.25))
