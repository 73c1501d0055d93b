"""Log-mel spectrograms: identities first, then librosa's numbers, then what the class adds."""

import librosa
import numpy as np
import pytest

from guitarclf.audio.mel import frame_rms_db, log_mel
from guitarclf.errors import ParameterError
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.features.window import EventWindow

RATE = 22050
FLOOR_DB = -100.0  # 10 log10(1e-10)


@pytest.fixture
def waveforms(make_tone, make_partials, click, rng):
    """Five unlike seconds of sound, from a faint tone to full-scale noise."""
    noise = rng.uniform(-1, 1, RATE).astype(np.float32)
    return np.stack([make_tone(440), make_tone(3000, amplitude=1e-3), make_partials(110), click, noise])


def librosa_power(waveform, **settings):
    settings = {"sr": RATE, "n_fft": 1024, "hop_length": 256, "n_mels": 64} | settings
    return librosa.feature.melspectrogram(y=waveform, pad_mode="constant", **settings)


def test_the_shape_is_bands_by_frames(waveforms):
    spectrograms = log_mel(waveforms)
    assert spectrograms.shape == (5, 64, 1 + RATE // 256)
    assert spectrograms.dtype == np.float32
    assert log_mel(waveforms, hop_length=512, n_mels=40).shape == (5, 40, 1 + RATE // 512)


def assert_decibels_equal(result, expected):
    """Equal to 1e-2 dB in every cell, the faintest too."""
    np.testing.assert_allclose(result, np.asarray(expected), rtol=0, atol=1e-2)


def test_silence_is_the_floor_everywhere():
    silence = np.zeros((2, RATE), dtype=np.float32)
    np.testing.assert_allclose(log_mel(silence), FLOOR_DB, atol=1e-4)
    np.testing.assert_array_equal(log_mel(silence, compression="log1p"), 0)


@pytest.mark.parametrize("frequency", [200, 1000, 5000])
def test_a_sine_lands_in_its_mel_band(make_tone, frequency):
    edges = librosa.mel_frequencies(64 + 2, fmin=0, fmax=RATE / 2)
    band = log_mel(make_tone(frequency)[None])[0, :, 10].argmax()
    assert edges[band] < frequency < edges[band + 2]


def test_a_click_lands_in_its_frame():
    waveform = np.zeros((1, RATE), dtype=np.float32)
    waveform[0, 40 * 256] = 1
    assert log_mel(waveform)[0].sum(axis=0).argmax() == 40


def test_twice_the_amplitude_is_six_decibels(waveforms):
    louder, loud = log_mel(2 * waveforms), log_mel(waveforms)
    heard = loud > FLOOR_DB + 7
    assert heard.mean() > 0.2
    np.testing.assert_allclose((louder - loud)[heard], 20 * np.log10(2), atol=1e-3)


@pytest.mark.parametrize(
    "settings",
    [{}, {"hop_length": 300, "n_mels": 40}, {"n_fft": 2048, "n_mels": 128}, {"fmin": 80.0, "fmax": 8000.0}],
)
def test_decibels_equal_librosas(waveforms, settings):
    expected = [librosa.power_to_db(librosa_power(row, **settings), top_db=None) for row in waveforms]
    assert_decibels_equal(log_mel(waveforms, **settings), expected)


def test_another_rate_equals_librosas(waveforms):
    expected = librosa.power_to_db(librosa_power(waveforms[2], sr=16000), top_db=None)
    assert_decibels_equal(log_mel(waveforms[2:3], sample_rate=16000)[0], expected)


def test_top_db_is_per_row_as_librosa_on_one_clip(waveforms):
    expected = [librosa.power_to_db(librosa_power(row), top_db=60) for row in waveforms]
    np.testing.assert_allclose(log_mel(waveforms, top_db=60), expected, rtol=0, atol=1e-2)
    assert log_mel(waveforms)[0].min() < log_mel(waveforms)[0].max() - 60


def test_log1p_is_the_log_of_one_plus_alpha_power(waveforms):
    expected = [np.log1p(50 * librosa_power(row)) for row in waveforms]
    result = log_mel(waveforms, compression="log1p", log1p_alpha=50)
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-5)


def test_the_golden_spectrogram(make_partials):
    # librosa 0.11: power_to_db(melspectrogram(y=partial_series(220.0), sr=22050, n_fft=1024, hop_length=256,
    # n_mels=64, pad_mode="constant"), top_db=None)[::16, ::29].round(3)
    golden = [
        [8.732, -44.739, -50.866],
        [8.677, -1.237, -15.859],
        [-10.869, -82.682, -100.0],
        [-28.766, -100.0, -100.0],
    ]
    np.testing.assert_allclose(log_mel(make_partials(220.0)[None])[0, ::16, ::29], golden, rtol=0, atol=2e-2)


@pytest.mark.parametrize("settings", [{}, {"top_db": 40.0}, {"compression": "log1p"}])
def test_a_row_does_not_depend_on_its_neighbours(waveforms, settings):
    transformer = LogMelSpectrogram(extra_channels=["rms", "delta"], **settings)
    many = np.concatenate([waveforms] * 9)  # more than are transformed at once
    together = transformer.transform(many)
    for row, waveform in enumerate(waveforms):
        alone = transformer.transform(waveform[None])[0]
        np.testing.assert_array_equal(together[row], alone)
        np.testing.assert_array_equal(together[40 + row], alone)


def test_the_class_is_the_function_with_a_channel_axis(waveforms):
    features = LogMelSpectrogram(n_mels=40, fmin=50.0).fit(waveforms).transform(waveforms)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features[:, 0], log_mel(waveforms, n_mels=40, fmin=50.0))
    assert features.shape[1] == 1


def test_the_rms_channel_is_librosas_in_decibels(waveforms):
    features = LogMelSpectrogram(extra_channels=["rms"]).transform(waveforms)
    assert features.shape[1] == 2
    for row, waveform in enumerate(waveforms):
        rms = librosa.feature.rms(y=waveform, frame_length=1024, hop_length=256, pad_mode="constant")[0]
        expected = np.maximum(20 * np.log10(rms + 1e-12), FLOOR_DB)
        np.testing.assert_allclose(features[row, 1], np.broadcast_to(expected, (64, 87)), atol=1e-2)


def test_the_rms_of_a_constant_is_its_level():
    np.testing.assert_allclose(frame_rms_db(np.full((1, RATE), 0.1), 1024, 256)[0, 4:-4], -20, atol=1e-5)


def test_the_delta_channel_is_librosas_slope(waveforms):
    features = LogMelSpectrogram(extra_channels=["delta", "rms"]).transform(waveforms)
    for row in range(len(waveforms)):
        expected = librosa.feature.delta(features[row, 0])
        np.testing.assert_allclose(features[row, 1], expected, rtol=0, atol=1e-3)
    assert np.abs(features[:, 1]).max() > 1
    assert features.dtype == np.float32


def test_no_windows_give_no_features():
    features = LogMelSpectrogram(extra_channels=["rms"]).transform(np.zeros((0, RATE), dtype=np.float32))
    assert features.shape == (0, 2, 64, 87)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_mels": 0}, "`n_mels` must be at least 1. Got 0"),
        ({"compression": "dB"}, "`compression` must be one of db, log1p.*Got 'dB'"),
        ({"extra_channels": ["mfcc"]}, "`extra_channels` must be one of rms, delta, sounding. Got 'mfcc'"),
    ],
)
def test_a_bad_parameter_is_refused_in_fit_and_in_transform(settings, message):
    with pytest.raises(ParameterError, match=message):
        LogMelSpectrogram(**settings).fit(np.zeros((1, RATE)))
    with pytest.raises(ParameterError, match=message):
        LogMelSpectrogram(**settings).transform(np.zeros((1, RATE)))


def test_windows_of_another_shape_are_refused():
    with pytest.raises(ParameterError, match=r"must be windows of shape \(n_events, n_samples\). Got shape \(5,\)"):
        LogMelSpectrogram().transform(np.zeros(5))


def test_a_window_too_short_for_a_slope_is_refused():
    with pytest.raises(ParameterError, match=r"must have at least 9 frames\. Got 5"):
        LogMelSpectrogram(extra_channels=["delta"]).transform(np.zeros((1, 1024)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_fft": 1023}, "`n_fft` must be even. Got 1023"),
        (
            {"fmax": 20000.0},
            "`fmin` must be below `fmax`, and that at most half of `sample_rate`. Got 0.0, 20000",
        ),
        ({"fmin": 5000.0, "fmax": 400.0}, "`fmin` must be below `fmax`"),
        ({"sample_rate": 0}, "`sample_rate` must be at least 4000. Got 0"),
    ],
)
def test_frames_and_bands_that_cannot_be_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        LogMelSpectrogram(**parameters).fit(None)


@pytest.mark.parametrize("rates", [(11025, 22050), (44100, 22050)])
def test_windows_at_another_rate_are_refused(small_table, rates):
    windows = EventWindow(sample_rate=rates[0]).transform(small_table.events)
    with pytest.raises(ParameterError, match=f"must be equal. Got {rates[0]} and {rates[1]} Hz"):
        LogMelSpectrogram(sample_rate=rates[1]).fit_transform(windows)
