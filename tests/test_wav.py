"""Our WAV reader against libsndfile, on pipes, and on bytes that are no WAV."""

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.audio import blocks, read_audio
from deploy.errors import InputError
from deploy.wav import STREAMED, WavError, WavReader

RATE_HZ = 22_050


def noise(channels=1, samples=1_001, seed=0):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (samples, channels))


def wav_bytes(samples, *, subtype="PCM_16", kind="WAV", rate_hz=RATE_HZ):
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, subtype=subtype, format=kind)
    return file.getvalue()


class Pipe:
    """Gives its bytes a few at a time and cannot go back."""

    def __init__(self, content, at_once):
        self._content, self._at_once = io.BytesIO(content), at_once

    def read(self, count):
        return self._content.read(min(count, self._at_once))


def read_all(reader, frames=300):
    parts = []
    while (part := reader.read(frames)).shape[1]:
        parts.append(part)
    return np.concatenate(parts, axis=1) if parts else np.empty((reader.format.channels, 0))


@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_reads_what_libsndfile_reads(subtype, channels, kind):
    content = wav_bytes(noise(channels), subtype=subtype, kind=kind)
    expected, rate_hz = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    reader = WavReader(Pipe(content, at_once=7))
    assert (reader.format.rate_hz, reader.format.channels) == (rate_hz, channels)
    np.testing.assert_array_equal(read_all(reader), expected.T)


@pytest.mark.parametrize("length", STREAMED)
def test_a_header_written_before_the_length_was_known(length):
    content = bytearray(wav_bytes(noise()))
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", length)
    assert read_all(WavReader(io.BytesIO(content))).shape == (1, 1_001)


def test_other_chunks_are_skipped():
    content = wav_bytes(noise())
    place = content.index(b"fmt ")
    extra = b"LIST" + struct.pack("<I", 5) + b"hello\0"
    found = read_all(WavReader(io.BytesIO(content[:place] + extra + content[place:] + extra)))
    np.testing.assert_array_equal(found, read_all(WavReader(io.BytesIO(content))))


def test_wavs_one_after_another_are_one():
    parts = [wav_bytes(noise(samples=size, seed=size)) for size in (500, 1, 700)]
    found = read_all(WavReader(Pipe(b"".join(parts), at_once=1000)))
    expected = [read_all(WavReader(io.BytesIO(part))) for part in parts]
    np.testing.assert_array_equal(found, np.concatenate(expected, axis=1))


def test_another_rate_behind_is_refused_after_all_samples_before():
    reader = WavReader(io.BytesIO(wav_bytes(noise()) + wav_bytes(noise(), rate_hz=48_000)))
    assert reader.read(2_000).shape == (1, 1_001)
    with pytest.raises(WavError, match=r"from 22050 Hz.* to 48000 Hz"):
        reader.read(1)


def test_cut_short_is_told():
    reader = WavReader(io.BytesIO(wav_bytes(noise())[:-3]))
    with pytest.raises(WavError, match="3 of its bytes are missing"):
        read_all(reader, frames=5_000)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "ends within its header"),
        (b"ID3 mp3", "not a WAV"),
        (b"RIFF\0\0\0\0AVI ", "not a WAV"),
        (wav_bytes(noise(), subtype="ULAW"), "kind 7 with 8 bits"),
        (wav_bytes(noise()).replace(b"fmt ", b"fmx "), "samples but no format"),
        (wav_bytes(noise())[:30], "ends within its header"),
    ],
)
def test_no_usable_wav(content, words):
    with pytest.raises(WavError, match=words):
        read_all(WavReader(io.BytesIO(content)))


@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.data())
def test_damaged_bytes_are_read_or_refused(data):
    content = bytearray(wav_bytes(noise(samples=50)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        found = read_all(WavReader(Pipe(bytes(content[:cut]), at_once=11)))
    except WavError:
        return
    assert found.dtype == np.float32 or found.size == 0


@pytest.fixture
def without_soundfile(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_recordings_without_soundfile(subtype, tmp_path, without_soundfile):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(noise(2), subtype=subtype))
    samples, rate_hz = read_audio(path)
    expected, _ = soundfile.read(path, dtype="float32")
    np.testing.assert_array_equal(samples, expected.T)
    assert rate_hz == RATE_HZ
    pieces = [piece for piece, _ in blocks(path, 0.01)]
    assert len(pieces) > 3
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), samples)


def test_what_wav_cannot_hold_is_refused_without_soundfile(tmp_path, without_soundfile):
    path = tmp_path / "a.flac"
    path.write_bytes(b"fLaC")
    with pytest.raises(InputError, match="it is not a WAV file"):
        read_audio(path)
