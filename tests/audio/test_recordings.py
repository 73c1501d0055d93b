"""Stretches of recordings: any format, any rate, the same samples as the whole file resampled and cut."""

import math

import librosa
import numpy as np
import pytest
import soundfile as sf

from guitarclf.audio.recordings import (
    find_audio_files,
    load_segment,
    open_recording,
    require_audio_files,
    resampled_length,
)
from guitarclf.errors import AudioReadError

RATE = 22050
# librosa.load imports audioread, and that modules of the standard library on their way out.
librosa_load = pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated:DeprecationWarning")


def error_db(result, expected) -> float:
    """Return the RMS of the difference in dB below the RMS of what is expected."""
    return 20 * np.log10(np.std(result - expected) / np.std(expected) + 1e-12)


def test_a_file_at_the_same_rate_is_cut_sample_by_sample(write_wav, rng):
    waveform = rng.uniform(-1, 1, RATE).astype(np.float32)
    segment = load_segment(write_wav(waveform), 0.1, 0.5, sample_rate=RATE)
    assert segment.dtype == np.float32
    np.testing.assert_array_equal(segment, waveform[2205 : 2205 + 11025])


@pytest.mark.parametrize(("onset", "duration", "n_zeros"), [(0.0, 0.5, 0), (0.9, 0.5, 8820), (-0.1, 0.5, 2205)])
@pytest.mark.parametrize("rate_in", [22050, 44100])
def test_missing_audio_becomes_zeros(write_wav, rate_in, onset, duration, n_zeros):
    path = write_wav(np.full(rate_in, 0.5), sample_rate=rate_in)
    segment = load_segment(path, onset, duration, sample_rate=RATE)
    assert len(segment) == round(duration * RATE)
    assert np.count_nonzero(segment == 0) == n_zeros
    zeros = segment[:n_zeros] if onset < 0 else segment[len(segment) - n_zeros :]
    assert not zeros.any()


def test_a_stretch_before_the_file_keeps_the_onset_in_its_place(write_wav):
    waveform = np.zeros(RATE)
    waveform[100] = 1
    assert load_segment(write_wav(waveform), -0.01, 0.1, sample_rate=RATE).argmax() == 100 + round(0.01 * RATE)


@librosa_load
@pytest.mark.parametrize("rate_in", [8000, 11025, 16000, 32000, 44100, 48000, 96000, 37123])
def test_resampling_equals_the_whole_file_resampled_and_cut(write_wav, rng, rate_in):
    path = write_wav(rng.uniform(-0.9, 0.9, round(2.6 * rate_in)), sample_rate=rate_in)
    whole, _ = librosa.load(path, sr=RATE, res_type="soxr_hq")
    for onset in (0.0, 0.0301, 1.23456, 2.1):
        start = round(onset * RATE)
        expected = whole[start : start + RATE // 2]
        segment = load_segment(path, onset, 0.5, sample_rate=RATE)
        assert error_db(segment[: len(expected)], expected) < -60
        assert not segment[len(expected) :].any()


@librosa_load
def test_the_length_of_a_resampled_file_is_librosas(write_wav, rng):
    for n_frames, rate_in in [(44101, 44100), (48000, 48000), (12345, 16000), (1, 96000), (999, 8000)]:
        path = write_wav(rng.uniform(-1, 1, n_frames), sample_rate=rate_in)
        whole, _ = librosa.load(path, sr=RATE)
        assert resampled_length(n_frames, rate_in, RATE) == len(whole)


def test_a_resampled_sine_keeps_its_frequency_and_level(write_wav, make_tone):
    path = write_wav(make_tone(1000, 2.0, sample_rate=48000, decay=1e9), sample_rate=48000)
    expected = make_tone(1000, 2.0, decay=1e9)[RATE // 2 : RATE]
    assert error_db(load_segment(path, 0.5, 0.5, sample_rate=RATE), expected) < -60


@pytest.mark.parametrize(
    ("name", "subtype", "step"),
    [
        ("a.wav", "PCM_U8", 2**-7),
        ("a.wav", "PCM_16", 2**-15),
        ("a.wav", "PCM_24", 2**-23),
        ("a.wav", "PCM_32", 2**-24),
        ("a.wav", "FLOAT", 2**-24),
        ("a.wav", "DOUBLE", 2**-24),
        ("a.flac", "PCM_16", 2**-15),
        ("a.flac", "PCM_24", 2**-23),
    ],
)
def test_every_format_is_read_to_its_own_precision(write_wav, tone, name, subtype, step):
    segment = load_segment(write_wav(tone, name, subtype=subtype), 0, 1, sample_rate=RATE)
    np.testing.assert_allclose(segment, tone, rtol=0, atol=1.01 * step)
    assert np.abs(segment).max() > 0.4


@pytest.mark.parametrize("n_channels", [1, 2])
def test_16_bit_samples_are_libsndfiles_own(write_wav, rng, n_channels):
    path = write_wav(rng.uniform(-1, 1, (RATE, n_channels)), subtype="PCM_16")
    expected, _ = sf.read(path, dtype="float32", always_2d=True)
    segment = load_segment(path, 0, 1, sample_rate=RATE)
    np.testing.assert_array_equal(segment, expected.mean(axis=1))


@pytest.mark.parametrize("n_channels", [2, 3, 6])
def test_channels_are_averaged_to_mono(write_wav, rng, n_channels):
    channels = rng.uniform(-1, 1, (RATE, n_channels)).astype(np.float32)
    segment = load_segment(write_wav(channels), 0, 1, sample_rate=RATE)
    np.testing.assert_allclose(segment, channels.mean(axis=1), atol=1e-6)


def test_only_the_asked_stretch_and_its_context_are_decoded(write_wav, rng, monkeypatch):
    path = write_wav(rng.uniform(-1, 1, 20 * 48000), sample_rate=48000)
    n_read = []
    read = sf.SoundFile.read

    def counting(self, frames=-1, *args, **kwargs):
        n_read.append(frames)
        return read(self, frames, *args, **kwargs)

    monkeypatch.setattr(sf.SoundFile, "read", counting)
    load_segment(path, 10, 1, sample_rate=RATE)
    assert 48000 <= sum(n_read) < 1.2 * 48000


def test_nan_is_refused_where_it_is_read_and_nowhere_else(write_wav, tone):
    waveform = np.concatenate([tone, np.full(100, np.nan, dtype=np.float32)])
    path = write_wav(waveform)
    assert np.isfinite(load_segment(path, 0, 0.9, sample_rate=RATE)).all()
    with pytest.raises(AudioReadError, match=r"note\.wav must hold finite samples"):
        load_segment(path, 0.5, 1, sample_rate=RATE)


@pytest.mark.parametrize("onset", [1.0, 7.0, -3.0])
def test_a_stretch_wholly_outside_the_file_is_refused(write_wav, tone, onset):
    with pytest.raises(AudioReadError, match=r"note\.wav must reach the asked stretch.*1\.000 s long"):
        load_segment(write_wav(tone), onset, 1, sample_rate=RATE)


def test_a_file_that_is_no_recording_is_refused(tmp_path, write_wav):
    with pytest.raises(AudioReadError, match=r"nowhere\.wav must be an audio file\. There is no such file"):
        open_recording(tmp_path / "nowhere.wav")
    with pytest.raises(AudioReadError, match=r"must be an audio file\. It is a folder"):
        open_recording(tmp_path)
    (tmp_path / "text.wav").write_text("these are no samples")
    with pytest.raises(AudioReadError, match=r"text\.wav must be a WAV or FLAC file"):
        open_recording(tmp_path / "text.wav")
    with pytest.raises(AudioReadError, match=r"note\.wav must be a whole recording\. It has no samples"):
        open_recording(write_wav(np.zeros(0)))


def test_a_truncated_flac_is_refused(write_wav, rng, tmp_path):
    whole = write_wav(rng.uniform(-1, 1, 2 * RATE), "whole.flac", subtype="PCM_16").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioReadError, match=r"cut\.flac must (be readable to its end|hold the 44100 frames)"):
        load_segment(tmp_path / "cut.flac", 0.5, 1.5, sample_rate=RATE)


def test_audio_files_are_found_below_a_folder_in_order(write_wav, tone, tmp_path):
    paths = [write_wav(tone, name) for name in ("b/2.WAV", "a/1.wav")]
    paths.append(write_wav(tone, "c.flac", subtype="PCM_16"))
    (tmp_path / "notes.txt").write_text("no sound")
    assert find_audio_files(tmp_path) == [paths[1], paths[0], paths[2]]


def test_missing_files_are_counted_and_found_beside_the_table(write_wav, tone, tmp_path):
    present = write_wav(tone, "audio/1.wav")
    require_audio_files([present])
    with pytest.raises(AudioReadError, match=r"2\.wav must be an audio file.*\(2 missing\)\. Check `audio_path`"):
        require_audio_files([present, "x/2.wav", "x/2.wav", "x/3.wav"])
    with pytest.raises(AudioReadError, match=r"\(1 missing\)\. It lies beside the table: pass --audio-root"):
        require_audio_files(["elsewhere/audio/1.wav"], beside=tmp_path)


def test_a_truncated_wav_is_refused(write_wav, tone):
    path = write_wav(tone, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(AudioReadError, match=r"must be a whole recording\. Its last 1000 bytes are missing"):
        load_segment(path, 0.0, 0.1, sample_rate=RATE)


def test_a_streamed_wav_of_unknown_length_is_read(write_wav, tone):
    path = write_wav(tone, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert np.abs(load_segment(path, 0.0, 0.5, sample_rate=RATE)).max() > 0.1


@pytest.mark.parametrize("n_frames", [16000, 16001, 16002, 16003, 16004])
def test_a_file_that_the_resampler_makes_a_sample_shorter_fills_its_segment(tmp_path, rng, n_frames):
    path = tmp_path / "short.wav"
    sf.write(path, 0.1 * rng.standard_normal(n_frames), 48000)
    n_samples = math.ceil(n_frames * 22050 / 48000)
    assert load_segment(path, 0, n_samples / 22050, sample_rate=22050).shape == (n_samples,)
