"""The numpy front end against golden vectors and against first principles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.banded import bands, product
from deploy.errors import InputError
from deploy.frontend import FRONT_ENDS, front_end, resample
from deploy.log_mel import LogMel
from deploy.resampling import Resampler, kernel

SPEC = FRONT_ENDS["dcase2024"]
CPJKU = FRONT_ENDS["cpjku2023"]


def test_filterbank_equals_the_original(golden_asc):
    reference = golden_asc("mel_fb_2024")["fb"]
    # The original computes the edges in float32, whose rounding is worth 1.6e-5 here.
    np.testing.assert_allclose(SPEC.mel_filters(), reference, atol=2e-5)


def test_kaldi_filterbank_equals_the_original(golden_asc):
    reference = golden_asc("mel_fb_kaldi_256_15500")["fb"].T
    # The original computes bins and edges in float32, whose rounding is worth 2.8e-5 here.
    np.testing.assert_allclose(CPJKU.mel_filters(), reference, atol=4e-5)


@pytest.mark.parametrize("spec", FRONT_ENDS.values(), ids=FRONT_ENDS)
def test_every_filter_has_a_bin(spec):
    assert spec.mel_filters().any(axis=0).all()


def test_symmetric_window_closes_with_its_last_sample():
    reference = np.hanning(CPJKU.win_length)
    np.testing.assert_allclose(CPJKU.window(), reference, atol=1e-6)
    assert SPEC.window()[-1] > 0


def test_window_begins_as_the_original(golden_asc):
    np.testing.assert_allclose(
        SPEC.window()[:8], golden_asc("baseline2024_io")["window_first8"], atol=1e-7
    )


def test_resampling_kernel_equals_the_original(golden_asc):
    half_width, taps = kernel(441, 320)
    assert half_width == 9
    reference = golden_asc("baseline2024_io")["resample_kernel"][:, 0].T
    np.testing.assert_allclose(taps, reference, atol=1e-5)


def test_resampled_wave_equals_the_original(golden_asc):
    io = golden_asc("baseline2024_io")
    np.testing.assert_allclose(resample(io["wave_44k"], 44_100, 32_000), io["wave_32k"], atol=1e-5)


def test_log_mel_equals_the_original(golden_asc):
    io = golden_asc("baseline2024_io")
    log_mel = SPEC.log_mel(io["wave_32k"][:, 0])
    np.testing.assert_allclose(log_mel, io["logmel"], rtol=1e-4, atol=1e-4)
    power = np.exp(log_mel.astype(np.float64)) - SPEC.log_offset
    np.testing.assert_allclose(power, io["mel_power"], rtol=1e-3, atol=1e-6)


def in_double_precision(
    waves, rate=32_000, n_fft=4096, window=3072, hop=500, f_max=15_500, mels=256
):
    """The log-mel of CP-JKU's front ends, from the sheets' formulas in float64."""
    waves, half = waves.astype(np.float64), n_fft // 2
    padded = np.pad(waves[:, 1:] - 0.97 * waves[:, :-1], [(0, 0), (half, half)], "reflect")
    framed = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=-1)[:, ::hop]
    windowed = framed * np.pad(np.hanning(window), (n_fft - window) // 2)
    power = np.abs(np.fft.rfft(windowed)) ** 2
    bins = 1127 * np.log(1 + np.arange(half + 1) * rate / n_fft / 700)
    edges = np.linspace(0, 1127 * np.log(1 + f_max / 700), mels + 2)
    filters = [np.interp(bins, edges[i : i + 3], (0, 1, 0)) for i in range(mels)]
    return (np.log(filters @ power.swapaxes(1, 2) + 1e-5) + 4.5)[:, None] / 5


def test_log_mel_of_2023_equals_the_original(golden_asc):
    """The original is itself 4.6e-5 from its formulas in float64, in the quietest cells.

    2.6e-5 come from its float32 transform, the rest from its float32 filters, so that nothing but
    the same transform could be nearer to it everywhere; ours is 0.7e-5 from the formulas.
    """
    io = golden_asc("cpmobile2023_io")
    log_mel = CPJKU.log_mel(io["wave_32k"])
    np.testing.assert_allclose(log_mel, in_double_precision(io["wave_32k"]), atol=2e-5)
    error = np.abs(log_mel - io["logmel"])
    assert error.max() < 1e-4
    assert np.quantile(error, 0.99) < 1e-5


def test_log_mel_of_the_teachers_of_2023_equals_the_original(golden_asc):
    io = golden_asc("cpresnet2023_io")
    error = np.abs(FRONT_ENDS["cpjku2023_teacher"].log_mel(io["wave_32k"]) - io["logmel"])
    assert error.max() < 1e-4
    assert np.quantile(error, 0.99) < 1e-5


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("cpjku2023_teacher", (32_000, 4096, 3072, 750, 15_500)),
        ("cpjku2022", (32_000, 2048, 2048, 744, 16_000)),
        ("cpresnet_dir", (22_050, 2048, 2048, 512, 11_025)),
    ],
)
def test_log_mels_of_cp_resnet_equal_the_formulas(name, numbers):
    loudness = np.array([1e-4, 1e-2, 0.3])[:, None]
    waves = np.random.default_rng(0).normal(size=(3, numbers[0])) * loudness
    expected = in_double_precision(waves, *numbers)
    found = FRONT_ENDS[name].log_mel(waves.astype(np.float32))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(("name", "f_max"), [("passt", 15_500), ("passt_dcase2022", 16_000)])
def test_log_mel_of_passt_equals_the_original(name, f_max, golden_asc):
    """The original is itself up to 3.1e-5 from its formulas in float64, ours 0.7e-5."""
    golden = golden_asc("passt_frontend")
    log_mel = front_end(name).log_mel(golden["wave_32k"])
    formulas = in_double_precision(golden["wave_32k"], 32_000, 1024, 800, 320, f_max, 128)
    np.testing.assert_allclose(log_mel, formulas, atol=1e-5)
    error = np.abs(log_mel - golden[f"logmel_fmax{f_max}"])
    assert error.max() < 4e-5
    assert np.quantile(error, 0.99) < 1e-5


@pytest.mark.parametrize("signal", ["noise_32000", "chirp_16001", "short_5120", "zeros_8000"])
def test_log_mel_of_the_taggers_equals_the_original(signal, golden_tagging):
    golden = golden_tagging("frontend_augmentmelstft_eval")
    log_mel = front_end("passt_audioset").log_mel(golden[f"in/{signal}"])[:, 0]
    np.testing.assert_allclose(log_mel, golden[f"out/default/{signal}"], atol=6e-5)


@pytest.mark.parametrize("samples", [1_538, 2_000, 2_001, 31_999, 32_000, 32_001, 50_000])
@pytest.mark.parametrize("spec", FRONT_ENDS.values(), ids=FRONT_ENDS)
def test_as_many_frames_as_said(spec, samples):
    assert spec.log_mel(np.zeros((1, samples), np.float32)).shape[-1] == spec.frames(samples)


def test_frames_of_a_second():
    assert (SPEC.frames(32_000), CPJKU.frames(32_000)) == (65, 64)
    assert front_end("passt").frames(32_000) == 100


def test_value_of_a_masked_mel():
    assert SPEC.mask_value == np.log(1e-5)  # as of silence
    assert CPJKU.mask_value == pytest.approx(0.9)  # a log-mel of 0, which is loud


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(48_000, 32_000), (16_000, 32_000), (22_050, 32_000)]
)
def test_resampling_keeps_a_tone(from_hz, to_hz):
    seconds, tone_hz = 0.5, 1_000.0
    wave = np.sin(2 * np.pi * tone_hz * np.arange(round(from_hz * seconds)) / from_hz)
    resampled = resample(wave.astype(np.float32), from_hz, to_hz)
    assert len(resampled) == round(to_hz * seconds)
    expected = np.sin(2 * np.pi * tone_hz * np.arange(len(resampled)) / to_hz)
    middle = slice(len(resampled) // 10, -len(resampled) // 10)
    np.testing.assert_allclose(resampled[middle], expected[middle], atol=2e-3)


def test_resampling_removes_what_the_lower_rate_cannot_hold():
    wave = np.sin(2 * np.pi * 20_000 * np.arange(44_100) / 44_100).astype(np.float32)
    assert np.abs(resample(wave, 44_100, 32_000)[1000:-1000]).max() < 0.05


def test_same_rate_is_left_alone():
    wave = np.arange(5, dtype=np.float32)
    np.testing.assert_array_equal(resample(wave, 32_000, 32_000), wave)


def test_resampling_refuses_impossible_rates():
    with pytest.raises(ValueError, match="positive"):
        resample(np.zeros(10, np.float32), 0, 32_000)


def test_log_mel_needs_more_than_half_a_window():
    with pytest.raises(InputError, match="expected more than 1536"):
        SPEC.log_mel(np.zeros((1, 1536), np.float32))
    with pytest.raises(InputError, match="expected more than 1537"):
        CPJKU.log_mel(np.zeros((1, 1537), np.float32))


@pytest.mark.parametrize("hops", [1, 3, 16, 61, 63])
@pytest.mark.parametrize("spec", FRONT_ENDS.values(), ids=FRONT_ENDS)
def test_sliding_window_has_the_log_mel_of_the_whole_window(spec, hops):
    stream = np.random.default_rng(hops).normal(0, 0.1, 200_000).astype(np.float32)
    sliding = LogMel(spec, 32_000)
    sliding.of(stream[:32_000])
    step = min(hops, 31_999 // spec.hop_length) * spec.hop_length  # less than the window
    for start in range(step, 5 * step, step):
        whole = stream[start : start + 32_000]
        found = sliding.slide(whole[-step:])
        np.testing.assert_allclose(found, spec.log_mel(whole[None]), atol=1e-4)


def test_sliding_window_moves_by_whole_hops():
    with pytest.raises(ValueError, match="501 samples are no whole number of hops"):
        LogMel(SPEC, 32_000).slide(np.zeros(501, np.float32))


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    st.sampled_from([(44_100, 32_000), (48_000, 32_000), (16_000, 32_000), (32_000, 32_000)]),
    st.lists(st.integers(0, 3_000), max_size=12),
)
def test_resampling_block_by_block_gives_the_whole(rates, sizes):
    wave = np.random.default_rng(len(sizes)).normal(0, 0.1, sum(sizes)).astype(np.float32)
    resampler = Resampler(*rates)
    blocks = [resampler.push(block) for block in np.split(wave, np.cumsum(sizes))]
    found = np.concatenate([*blocks, resampler.finish()])
    np.testing.assert_allclose(found, resample(wave, *rates), atol=1e-6)


def test_unknown_front_end_names_the_known():
    with pytest.raises(InputError, match="dcase2024"):
        front_end("dcase2042")


def test_silence_is_the_logarithm_of_the_offset():
    log_mel = SPEC.log_mel(np.zeros((1, 32_000), np.float32))
    assert log_mel.shape == (1, 1, 256, 65)
    np.testing.assert_allclose(log_mel, np.log(1e-5), rtol=1e-6)
    normalised = CPJKU.log_mel(np.zeros((1, 32_000), np.float32))
    np.testing.assert_allclose(normalised, (np.log(1e-5) + 4.5) / 5, rtol=1e-6)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_banded_product_is_the_product(rows, columns, width, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, columns)).astype(np.float32)
    matrix[rng.random((rows, columns)) < 0.7] = 0
    values = rng.normal(size=(3, rows)).astype(np.float32)
    np.testing.assert_allclose(product(values, bands(matrix, width)), values @ matrix, atol=1e-4)


def test_filterbank_bands_skip_most_of_the_zeros():
    weights = sum(band.weights.size for band in SPEC.mel_bands())
    assert weights < SPEC.mel_filters().size / 10
