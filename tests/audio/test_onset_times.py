"""Where the events of a recording start, whatever its length, level, rate and channels."""

import tracemalloc
from functools import partial

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notes import decaying_sine, noise_click, partial_series

from guitarclf.audio.onset_times import BLOCK_SEC, PeakPicker, find_onsets, mono_blocks, onsets_of
from guitarclf.audio.recordings import open_recording
from guitarclf.audio.superflux import FRAMES_PER_SEC, HOP, LAG, N_FFT, RATE, Rises, filters
from guitarclf.audio.windows import WindowReader
from guitarclf.errors import AudioReadError, ParameterError
from guitarclf.parameters.sections import OnsetParameters

ONSETS = (0.3, 0.8, 1.0, 1.6, 2.1)
PITCHES = (110, 220, 165, 330, 440)


def phrase(rate=RATE, *, onsets=ONSETS, seconds=3.0, noise=1e-4):
    """Return plucked notes on a little noise, float32."""
    rng = np.random.default_rng(0)
    sound = noise * rng.standard_normal(round(seconds * rate))
    for onset, pitch in zip(onsets, PITCHES * len(onsets), strict=False):
        length = min(0.9, seconds - onset)
        note = decaying_sine(pitch, length, sample_rate=rate, amplitude=0.3)
        note = note + noise_click(rng, length, sample_rate=rate, amplitude=0.2)
        start = round(onset * rate)
        sound[start : start + len(note)] += note[: len(sound) - start]
    return sound.astype(np.float32)


def times(sound, rate=RATE, **parameters):
    return [onset.time for onset in find_onsets([sound], rate, OnsetParameters(**parameters))]


def in_blocks(sound, lengths):
    """Yield a sound in blocks of these lengths, over and over."""
    start = place = 0
    while start < len(sound):
        yield sound[start : start + lengths[place % len(lengths)]]
        start, place = start + lengths[place % len(lengths)], place + 1


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_the_notes_of_a_phrase_are_found_at_any_rate(rate):
    assert times(phrase(rate), rate) == pytest.approx(ONSETS, abs=0.02)


@pytest.mark.parametrize("rate", [RATE, 48000])
@settings(max_examples=12, deadline=None)
@given(lengths=st.lists(st.integers(1, 40_000), min_size=1, max_size=4).filter(lambda lengths: max(lengths) > 300))
def test_onsets_do_not_depend_on_the_blocks(rate, lengths):
    sound = phrase(rate)
    assert list(find_onsets(in_blocks(sound, lengths), rate)) == list(find_onsets([sound], rate))


@pytest.mark.parametrize("gain", [1e-2, 1e3])
def test_onsets_do_not_depend_on_the_level(gain):
    assert times(gain * phrase()) == times(phrase())


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
@pytest.mark.parametrize("kind", ["silence", "dc", "white", "brown", "sine", "hum", "fade", "short", "nothing"])
def test_what_starts_nothing_has_no_onset(rng, rate, kind):
    seconds = np.arange(12 * rate) / rate
    sine = np.sin(2 * np.pi * 220 * seconds)
    sound = {
        "silence": np.zeros(12 * rate),
        "dc": np.full(12 * rate, 0.5),
        "white": rng.standard_normal(12 * rate),
        "brown": np.cumsum(rng.standard_normal(12 * rate)) / 100,
        "sine": sine,
        "hum": np.sin(2 * np.pi * 50 * seconds) + 0.3 * np.sin(2 * np.pi * 150 * seconds),
        "fade": sine * np.clip((seconds - 2) / 1.0, 0, 1),
        "short": sine[:10],
        "nothing": sine[:0],
    }[kind]
    assert times(sound.astype(np.float32), rate) == []


def test_a_note_that_the_recording_begins_with_starts_at_zero():
    assert times(phrase(onsets=(0.0, 0.7))) == pytest.approx([0.0, 0.7], abs=0.02)


@pytest.mark.parametrize("rate", [RATE, 48000])
def test_dc_makes_no_difference(rate):
    assert times(phrase(rate) + np.float32(0.5), rate) == pytest.approx(times(phrase(rate), rate), abs=0.006)


def test_one_sample_is_an_onset_and_the_end_of_a_recording_is_none():
    sound = np.zeros(3 * RATE, dtype=np.float32)
    sound[RATE] = 1
    assert times(sound) == pytest.approx([1.0], abs=0.01)
    sound[-200:] = 0.5
    assert times(sound) == pytest.approx([1.0], abs=0.01)


def test_a_slow_strum_over_a_chord_that_rings_on_is_an_onset():
    sound = phrase(onsets=())
    for start, level in ((0.5, 1.0), (1.5, 0.7)):
        for string, pitch in enumerate((82.4, 123.5, 164.8, 207.7, 246.9, 329.6)):
            onset = start + 0.012 * string
            note = level * partial_series(pitch, 3.0 - onset, n_partials=12, amplitude=0.1, decay=0.8)
            sound[-len(note) :] += note
    assert times(sound) == pytest.approx([0.5, 1.5], abs=0.02)


@pytest.mark.parametrize("is_struck", [False, True])
def test_the_release_of_a_note_is_no_onset_and_a_muted_stroke_that_ends_it_is(rng, is_struck):
    sound = phrase(onsets=(0.5, 1.2), seconds=3.0)
    stop, fade = round(2.0 * RATE), np.exp(-np.arange(RATE) / (0.006 * RATE))  # a finger stops the string
    sound[stop:] *= fade[: len(sound) - stop]
    level = np.abs(sound[stop - 200 : stop]).max()
    click = noise_click(rng, 0.1, amplitude=level * (2.0 if is_struck else 0.5), decay=0.004)
    at = stop + round(0.03 * RATE)
    sound[at : at + len(click)] += click
    found = times(sound)
    assert len(found) == (3 if is_struck else 2)
    np.testing.assert_allclose(found[:2], (0.5, 1.2), atol=0.02)


def test_a_tone_that_fades_in_slowly_among_notes_is_none():
    sound = phrase(seconds=6.0)
    seconds = np.arange(len(sound)) / RATE
    fading = 0.3 * np.sin(2 * np.pi * 660 * seconds) * np.clip((seconds - 3.5) / 1.5, 0, 1)
    assert times(sound + fading.astype(np.float32)) == times(sound)


def test_noises_far_below_the_notes_are_none_and_a_quieter_half_is_heard(rng):
    sound = phrase(onsets=(2.0, 2.5))
    sound[RATE : RATE + 1000] += (1e-3 * rng.standard_normal(1000)).astype(np.float32)
    assert times(sound) == pytest.approx([2.0, 2.5], abs=0.02)
    halves = np.concatenate([phrase(seconds=15.0), phrase(seconds=15.0, noise=1e-5) * np.float32(10**-1.5)])
    late = [15 + onset for onset in ONSETS]
    assert times(halves) == pytest.approx([*ONSETS, *late], abs=0.02)


def test_faint_noises_in_the_first_second_of_a_stream_are_none(rng):
    sound = phrase(onsets=(2.0, 2.5), noise=1e-5)
    for onset in (0.3, 0.9):
        place = round(onset * RATE)
        sound[place : place + 1500] += noise_click(rng, 1500 / RATE, amplitude=10 ** (-70 / 20))
    found = [onset.time for onset in find_onsets(in_blocks(sound, [2205]), RATE, live=True)]
    assert found == pytest.approx([2.0, 2.5], abs=0.02)


@pytest.mark.parametrize("peak_db", [0, -20, -40, -48])
def test_a_quiet_stream_loses_no_note(peak_db):
    sound = phrase(noise=0)
    sound *= np.float32(10 ** (peak_db / 20) / np.abs(sound).max())
    found = [onset.time for onset in find_onsets(in_blocks(sound, [2205]), RATE, live=True)]
    assert found == pytest.approx(ONSETS, abs=0.02)


def test_what_a_minute_holds_does_not_depend_on_what_comes_later():
    sound = phrase(seconds=6.0)
    longer = np.concatenate([sound, np.zeros(12 * RATE, dtype=np.float32), 100 * sound])
    assert times(longer)[: len(ONSETS)] == times(sound)


def test_an_onset_comes_before_the_whole_is_read():
    read = []
    blocks = (read.append(second) or phrase(seconds=1.0, onsets=(0.2,)) for second in range(100))
    assert next(find_onsets(blocks, RATE)).time == pytest.approx(0.2, abs=0.02)
    assert len(read) < 15


def test_memory_does_not_grow_with_the_length():
    second = phrase(seconds=1.0, onsets=(0.2, 0.6)) * np.linspace(1, 0, RATE, dtype=np.float32)

    def peak(n_seconds):
        tracemalloc.start()
        n_found = sum(1 for _ in find_onsets((second for _ in range(n_seconds)), RATE))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert n_found == 2 * n_seconds
        return most

    assert peak(150) < 1.05 * peak(30)


def picked(x, *, pre_max, post_max, pre_avg, post_avg, delta, wait):
    """Return the peaks of an envelope as librosa.util.peak_pick documents them."""
    peaks = []
    for n, value in enumerate(x):
        is_highest = value == x[max(0, n - pre_max) : n + post_max].max()
        is_peak = is_highest and value >= x[max(0, n - pre_avg) : n + post_avg].mean() + delta
        if is_peak and (not peaks or n - peaks[-1] > wait):
            peaks.append(n)
    return np.array(peaks)


def test_the_strengths_are_those_of_librosa():
    """The envelope by ``onset_strength``, the peaks by the rule of ``peak_pick``: the same without the stream.

    Not by that function itself, whose compiled code ended a worker of these tests with a segmentation fault.
    """
    sound = phrase()
    spectrum = librosa.stft(sound - sound[0], n_fft=N_FFT, hop_length=HOP, window="hann", pad_mode="constant")
    mel = filters(RATE).T @ np.abs(spectrum) ** 2
    mel = np.concatenate([np.zeros((len(mel), LAG)), mel], axis=1)
    power = mel[:, LAG:].sum(axis=0)
    floor = max(np.percentile(power, 98), power.max() * 1e-3) / len(mel) * 1e-3
    envelope = librosa.onset.onset_strength(
        S=10 * np.log10(mel + floor), lag=LAG, max_size=3, center=False, detrend=False
    )[LAG:]
    peaks = picked(envelope, pre_max=6, post_max=11, pre_avg=20, post_avg=11, delta=1.2, wait=10)
    found = list(find_onsets([sound], RATE))
    assert [onset.time for onset in found] == pytest.approx(peaks / FRAMES_PER_SEC - 0.005, abs=1e-9)
    assert [onset.strength for onset in found] == pytest.approx(envelope[peaks], abs=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused(value):
    sound = phrase()
    sound[-5] = value
    with pytest.raises(AudioReadError, match=r"must be finite\. They have NaN or infinity"):
        list(find_onsets([sound], RATE))


def test_a_parameter_that_breaks_its_rule_is_refused():
    with pytest.raises(ParameterError, match=r"`threshold_db` must be above 0\. Got -1\.0"):
        list(find_onsets([phrase()], RATE, OnsetParameters(threshold_db=-1.0)))


@pytest.mark.parametrize("other", ["silent", "hum", "inverted", "same"])
def test_a_stereo_recording_is_heard_as_its_channel_with_the_notes(write_wav, other):
    left = phrase(44100)
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(len(left)) / 44100).astype(np.float32)
    right = {"silent": 0 * left, "hum": hum, "inverted": -left, "same": left}[other]
    with open_recording(write_wav(np.stack([left, right], axis=1), sample_rate=44100)) as recording:
        assert [onset.time for onset in onsets_of(recording)] == pytest.approx(times(left, 44100), abs=1e-9)
    with open_recording(write_wav(left, sample_rate=44100)) as recording, pytest.raises(AudioReadError, match="note"):
        list(onsets_of(recording, 3))


def test_channels_that_change_fade_into_each_other(write_wav):
    tone = partial(np.full, dtype=np.float32)
    n_block = round(BLOCK_SEC * RATE)
    left = np.concatenate([phrase(seconds=BLOCK_SEC), tone(n_block, 0.0)])
    right = np.concatenate([tone(n_block, 0.0), phrase(seconds=BLOCK_SEC)])
    with open_recording(write_wav(np.stack([left, right], axis=1))) as recording:
        found = [onset.time for onset in onsets_of(recording)]
        blocks = list(mono_blocks(recording))
    assert found == pytest.approx([*ONSETS, *(BLOCK_SEC + onset for onset in ONSETS)], abs=0.02)
    assert np.array_equal(blocks[0], left[:n_block])
    assert np.array_equal(blocks[1][RATE:], right[n_block + RATE :])


def test_samples_of_a_recording_that_are_not_finite_are_refused(write_wav):
    sound = phrase()
    sound[RATE] = np.nan
    path = write_wav(sound)
    with open_recording(path) as recording, pytest.raises(AudioReadError, match="must hold finite samples"):
        list(onsets_of(recording))


def test_a_file_by_itself_is_heard_from_its_first_note_on(rng, write_wav):
    sound = phrase(onsets=(2.0, 2.5), seconds=4.0)
    sound[RATE : RATE + 4000] += (1e-2 * np.hanning(4000) * rng.standard_normal(4000)).astype(np.float32)
    with open_recording(write_wav(sound)) as recording:
        assert WindowReader().find_onset(recording) == pytest.approx(2.0, abs=0.02)
    seconds = np.arange(4 * RATE) / RATE
    fading = np.sin(2 * np.pi * 220 * seconds) * np.clip(seconds - 2, 0, 1)
    with open_recording(write_wav(fading.astype(np.float32))) as recording:
        assert 2.0 <= WindowReader().find_onset(recording) < 2.2


def test_a_weak_rise_in_the_first_frame_is_an_onset_as_nothing_is_before_it():
    strength, level = np.zeros(200), np.full(200, -30.0)
    strength[0] = 2.0  # above the threshold, and below where a release need not be thought of
    picker = PeakPicker(OnsetParameters())
    assert [*picker.add(Rises(strength, level)), *picker.finish()] == [(0, 2.0)]
