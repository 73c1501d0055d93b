"""The edges of recordings, as annotate hears them: how they start, what lies under them, how long they are."""

import tracemalloc

import numpy as np
import pytest
import soundfile as sf
from notes import RATE, noise_click, partial_series

from guitarclf.audio.offsets import CHORD_SEC
from guitarclf.bundle.engines import load_model
from guitarclf.experiment.annotate import annotate
from guitarclf.timeline.stream import Listener

ONSETS = (1.0, 1.6, 2.5, 3.1)
SECONDS = 4.5


def music(onsets=ONSETS, *, seconds=SECONDS, rate=RATE, amplitude=0.4):
    """Return plucked strings over a little hiss, float32."""
    rng = np.random.default_rng(0)
    sound = 1e-5 * rng.standard_normal(round(seconds * rate))
    for number, onset in enumerate(onsets):
        note = partial_series(147.0 * 1.19 ** (number % 5), 0.5, sample_rate=rate, amplitude=amplitude, decay=0.15)
        note += noise_click(rng, 0.5, sample_rate=rate, amplitude=0.2 * amplitude)
        start = round(onset * rate)
        sound[start : start + len(note)] += note[: len(sound) - start]
    return sound.astype(np.float32)


def heard(path):
    """Return the onsets and labels of a recording, which must have no error."""
    events = annotate(path)
    assert events["error"].eq("").all()
    return events["onset_sec"].tolist(), events["label_category"].tolist()


def test_a_note_at_the_very_start_and_one_cut_by_the_end_are_events(write_wav):
    onsets, _ = heard(write_wav(music((0.0, 1.0, 4.3))))
    assert onsets[0] == 0.0
    assert onsets == pytest.approx([0.0, 1.0, 4.3], abs=0.02)


@pytest.mark.parametrize("kind", ["silence", "dc", "hum", "hiss", "short", "one sample"])
def test_a_recording_in_which_nothing_starts_has_no_event_and_no_error(rng, write_wav, kind):
    time = np.arange(3 * RATE) / RATE
    sound = {
        "silence": np.zeros(3 * RATE),
        "dc": np.full(3 * RATE, 0.3),
        "hum": 0.2 * np.sin(2 * np.pi * 50 * time) + 0.1 * np.sin(2 * np.pi * 150 * time),
        "hiss": 0.05 * rng.standard_normal(3 * RATE),
        "short": 0.3 * np.sin(2 * np.pi * 220 * time[:300]),
        "one sample": np.ones(1),
    }[kind]
    assert heard(write_wav(sound)) == ([], [])


def test_a_count_in_that_leaks_from_headphones_has_no_event(rng, write_wav):
    sound = music((3.0, 3.6))
    for beat in (0.5, 1.1, 1.7, 2.3):
        start = round(beat * RATE)
        sound[start : start + 2000] += noise_click(rng, 2000 / RATE, amplitude=0.4 * 10 ** (-45 / 20))
    assert heard(write_wav(sound))[0] == pytest.approx([3.0, 3.6], abs=0.02)


def test_a_loud_count_in_takes_nothing_from_the_notes_after_it(rng, write_wav):
    sound, beats = music((3.0, 3.6)), [0.6, 1.2, 1.8, 2.4]
    for beat in beats:
        start = round(beat * RATE)
        sound[start : start + 2000] += noise_click(rng, 2000 / RATE, amplitude=0.3)
    onsets, labels = heard(write_wav(sound))
    assert onsets == pytest.approx([*beats, 3.0, 3.6], abs=0.02)
    assert labels[-2:] == heard(write_wav(music((3.0, 3.6)), "alone.wav"))[1]


@pytest.mark.parametrize("under", ["dc", "hum"])
def test_what_lies_under_the_notes_changes_neither_onsets_nor_labels(write_wav, under):
    sound = music()
    time = np.arange(len(sound)) / RATE
    added = np.full(len(sound), 0.2) if under == "dc" else 0.005 * np.sin(2 * np.pi * 50 * time)
    onsets, labels = heard(write_wav(sound))
    found, called = heard(write_wav((sound + added).astype(np.float32), "under.wav"))
    assert onsets == pytest.approx(ONSETS, abs=0.02)
    assert found == pytest.approx(onsets, abs=0.006)
    assert called == labels


def test_a_half_that_is_30_db_quieter_has_the_same_events(write_wav):
    half = music(seconds=12.0)
    onsets, labels = heard(write_wav(np.concatenate([half, half * np.float32(10**-1.5)])))
    assert onsets == pytest.approx([*ONSETS, *(12 + onset for onset in ONSETS)], abs=0.02)
    assert labels[: len(ONSETS)] == labels[len(ONSETS) :]


@pytest.mark.parametrize("spread", [0.0, 0.004, 0.01])
def test_a_chord_is_one_event(write_wav, spread):
    sound = np.zeros(round(3.0 * RATE), dtype=np.float32)
    for start in (0.5, 1.5):
        for string, pitch in enumerate((82.4, 123.5, 164.8, 207.7, 246.9, 329.6)):
            note = partial_series(pitch, 0.8, amplitude=0.1)
            first = round((start + string * spread) * RATE)
            sound[first : first + len(note)] += note
    events = annotate(write_wav(sound))
    assert events["onset_sec"].tolist() == pytest.approx([0.5, 1.5], abs=0.03)
    assert (events["offset_sec"] - events["onset_sec"] > CHORD_SEC).all()


def test_96_khz_and_stereo_make_no_difference(write_wav):
    sound = music(rate=96000)
    stereo = np.stack([sound, 0.5 * sound], axis=1)
    expected, labels = heard(write_wav(music()))
    onsets, called = heard(write_wav(stereo, "high.wav", sample_rate=96000, subtype="PCM_24"))
    assert onsets == pytest.approx(expected, abs=0.006)
    assert called == labels


@pytest.mark.slow
def test_half_an_hour_takes_the_memory_of_three_minutes(tmp_path):
    minute = np.concatenate([music(tuple(np.arange(0.3, 5.5, 0.7)), seconds=6.0, rate=8000)] * 10)
    listener = Listener(load_model("pretrained"))

    def peak(n_minutes):
        path = tmp_path / f"{n_minutes}.wav"
        with sf.SoundFile(path, "w", 8000, 1) as file:
            for _ in range(n_minutes):
                file.write(minute)
        tracemalloc.start()
        n_events = sum(1 for _ in listener.events_of(str(path)))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert n_events == n_minutes * 80
        return most

    few = peak(3)
    assert peak(30) < few + 4e6
