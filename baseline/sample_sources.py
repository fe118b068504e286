"""Sound sources of the sample dataset: engines, rails, voices, birds, bells ..., made by code.

Every source takes a generator, the place it sounds in and a number of samples, and returns a wave
at 44.1 kHz, float64, whose loudest twentieth of a second has an RMS of 1 (or which is silent, when
nothing happens). Waves are periodic or fade out, so that filters may wrap around their ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from baseline.challenge import SOURCE_RATE_HZ

TABLE = 4096
"""Samples of one period in a wavetable."""

BLOCK = SOURCE_RATE_HZ // 20
"""Samples over which loudness is measured."""


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


# Building blocks


def level(wave: np.ndarray) -> np.ndarray:
    """Scale a wave so that its loudest twentieth of a second has an RMS of 1; silence stays."""
    blocks = wave[: len(wave) // BLOCK * BLOCK].reshape(-1, BLOCK)
    loudest = np.sqrt(np.square(blocks).mean(axis=1).max())
    return wave / loudest if loudest > 0 else wave


def noise(
    rng: np.random.Generator, samples: int, low_hz: float, high_hz: float, tilt_db: float = 0.0
) -> np.ndarray:
    """Periodic Gaussian noise between two corners (12 dB per octave), with a tilt per octave."""
    hz = np.fft.rfftfreq(samples, 1 / SOURCE_RATE_HZ)
    hz[0] = hz[1]
    gain = (hz / 1000) ** (tilt_db / 6.02)
    gain /= (1 + (low_hz / hz) ** 2) * (1 + (hz / high_hz) ** 2)
    gain[0] = 0
    real, imaginary = rng.standard_normal((2, len(hz)))
    return level(np.fft.irfft(gain * (real + 1j * imaginary), samples))


def wander(
    rng: np.random.Generator, samples: int, points_per_second: float, spread: float
) -> np.ndarray:
    """A slowly changing factor around 1, log-normal at its turning points, periodic."""
    points = max(2, round(points_per_second * samples / SOURCE_RATE_HZ))
    heights = np.exp(spread * rng.standard_normal(points))
    where = np.arange(samples) * (points / samples)
    return np.interp(where, np.arange(points + 1), np.append(heights, heights[0]))


def rotate(rng: np.random.Generator, hz: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """A harmonic tone: `amplitudes[k]` is that of harmonic k + 1 of the frequency track `hz`."""
    angles = np.exp(2j * np.pi * rng.random(len(amplitudes)))
    table = np.fft.irfft(np.concatenate([[0], amplitudes * angles]), TABLE) * TABLE
    turns = rng.random() + np.cumsum(hz) / SOURCE_RATE_HZ
    return table[(turns * TABLE).astype(np.int64) % TABLE]


def decay(samples: int, seconds: float) -> np.ndarray:
    """Exponential decay by 60 dB in `seconds`, after a rise of 2 ms."""
    time = np.arange(samples) / SOURCE_RATE_HZ
    return np.minimum(1, time / 0.002) * np.exp(-6.91 * time / seconds)


def place_events(
    rng: np.random.Generator, samples: int, rate_hz: float, event: Callable[[], np.ndarray]
) -> np.ndarray:
    """Add up events at random times, wrapping around the end; on average `rate_hz` a second."""
    starts = rng.integers(0, samples, rng.poisson(rate_hz * samples / SOURCE_RATE_HZ))
    return _overlap(samples, starts, event)


def repeat(
    rng: np.random.Generator, samples: int, rate_hz: float, event: Callable[[], np.ndarray]
) -> np.ndarray:
    """Add up events at nearly regular times, wrapping around the end."""
    count = max(1, round(rate_hz * samples / SOURCE_RATE_HZ))
    times = (np.arange(count) + rng.random() + 0.06 * rng.standard_normal(count)) / count
    return _overlap(samples, (times * samples).astype(np.int64) % samples, event)


def _overlap(samples: int, starts: np.ndarray, event: Callable[[], np.ndarray]) -> np.ndarray:
    wave = np.zeros(2 * samples)
    for start in starts:
        sound = event()[:samples]
        wave[start : start + len(sound)] += sound
    return wave[:samples] + wave[samples:]


def _strike(
    rng: np.random.Generator, hz: float, ratios: tuple[float, ...], seconds: float
) -> np.ndarray:
    # A struck body: partials at `ratios` of `hz`, the higher the shorter and weaker.
    samples = round(seconds * SOURCE_RATE_HZ)
    time = np.arange(samples) / SOURCE_RATE_HZ
    partials = [
        np.sin(2 * np.pi * (hz * ratio * time + rng.random()))
        * decay(samples, seconds / ratio**0.5)
        for ratio in ratios
    ]
    return np.sum([partial / (1 + index) for index, partial in enumerate(partials)], axis=0)


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
    rolling = noise(rng, samples, 90, 1400 * place.pitch, -4) * wander(rng, samples, 6, 0.25)

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
    wave = np.zeros(samples)
    time = np.arange(samples) / SOURCE_RATE_HZ
    for _ in range(rng.integers(1, 4)):
        width = rng.uniform(0.35, 1.4) / place.pace
        nearness = 1 / (1 + ((time - rng.uniform(-0.5, time[-1] + 0.5)) / width) ** 2)
        tyres = noise(rng, samples, 150, 1100) * nearness
        tyres += noise(rng, samples, 900 * place.pitch, 3500) * nearness**2
        doppler = 1 - 0.06 * np.tanh((time - time.mean()) / width)
        hz = 55 * place.pitch * rng.uniform(0.7, 1.6) * doppler
        hum = level(rotate(rng, hz, np.arange(1, 30) ** (-1.2 / place.harshness)))
        wave += rng.uniform(0.4, 1) * (tyres + 0.7 * hum * nearness)
    return level(wave)


def tram_bell(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """A tram's warning bell, struck a few times."""
    hz = 1150 * place.pitch
    ratios = (1.0, 1.51, 2.02, 2.74, 3.9)
    return level(repeat(rng, samples, rng.uniform(1, 4), lambda: _strike(rng, hz, ratios, 0.6)))


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
    near = np.sum([_talker(rng, samples, rng.choice([1.0, 1.7])) for _ in range(4)], axis=0)
    turns = rng.integers(0, samples, 5)  # the same voices again at other times: a denser babble
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
    notes = iter((1.0, 0.8, 0.67, 1.0, 0.8, 0.67))
    if rng.random() < 0.5:
        return level(
            repeat(rng, samples, 2, lambda: _strike(rng, hz * next(notes), (1, 2, 3), 0.8))
        )
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
    wave = np.zeros(samples)
    for _ in range(rng.integers(1, 3)):
        heel_hz = 1500 * place.pitch * rng.uniform(0.6, 1.6)

        def step(heel_hz: float = heel_hz) -> np.ndarray:
            thud = noise(rng, 4410, 60, 250) * decay(4410, 0.1)
            return thud + rng.uniform(0.1, 1) * noise(rng, 4410, heel_hz, 6000) * decay(4410, 0.03)

        wave += repeat(rng, samples, 1.9 * place.pace * rng.uniform(0.85, 1.2), step)
    return level(wave)


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
        hz = rng.choice(scale) * rng.choice([1, 2, 4])
        return _strike(rng, float(hz), (1, 2, 3, 4), rng.uniform(0.4, 1.2))

    root = np.full(samples, rng.choice(scale))
    chord = [rotate(rng, root * ratio, np.arange(1, 9.0) ** -1.5) for ratio in (0.5, 1.25, 1.5)]
    melody = place_events(rng, samples, 5 * place.pace, note)
    return level(level(np.sum(chord, axis=0)) + level(melody))


def dishes(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Cups, cutlery and tills: short ringing clinks."""

    def clink() -> np.ndarray:
        hz = rng.uniform(1800, 4500) * place.pitch
        return rng.uniform(0.2, 1) * _strike(rng, hz, (1, 1.58, 2.37), rng.uniform(0.05, 0.3))

    return level(place_events(rng, samples, 4 * place.pace, clink))


def birds(rng: np.random.Generator, place: Character, samples: int) -> np.ndarray:
    """Birdsong: chirps that sweep and trill, each bird with its own phrase."""
    wave = np.zeros(samples)
    for _ in range(rng.integers(1, 4)):
        base_hz = 3600 * place.pitch * rng.uniform(0.65, 1.7)
        length = round(SOURCE_RATE_HZ * rng.uniform(0.04, 0.16))
        sweep, trill_hz = rng.uniform(-0.5, 0.5), rng.uniform(15, 45)

        def chirp(base: float = base_hz, n: int = length, bend: float = sweep,
                  trill: float = trill_hz) -> np.ndarray:  # fmt: skip
            time = np.linspace(0, 1, n)
            wobble = 0.05 * np.sin(2 * np.pi * trill * time * n / SOURCE_RATE_HZ)
            hz = base * np.exp(bend * time + wobble)
            return np.hanning(n) * rotate(rng, hz, np.array([1, 0.15, 0.05]))

        phrase = np.clip(wander(rng, samples, 3, 1) - 0.5, 0, 2)
        wave += phrase * repeat(rng, samples, rng.uniform(3, 7) * place.pace, chirp)
    return level(wave)


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
