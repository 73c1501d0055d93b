"""Recordings are named and annotated, from Python."""

import math
import os

import numpy as np
import pandas as pd
import pytest
from notes import RATE, decaying_sine

from guitarclf.audio.folders import given_files
from guitarclf.errors import AudioReadError, ParameterError
from guitarclf.experiment.annotate import annotate, iter_events, recordings_of
from guitarclf.timeline.events import COLUMNS


@pytest.fixture
def lesson(write_wav):
    """A recording with notes at 0.5, 1.5 and 2.3 s."""
    sound = np.zeros(round(3.5 * RATE), dtype=np.float32)
    for number, onset in enumerate((0.5, 1.5, 2.3)):
        note = decaying_sine(196.0 * 1.3**number, 0.7, sample_rate=RATE, decay=0.08)
        start = round(onset * RATE)
        sound[start : start + len(note)] += note
    return write_wav(sound, "lesson.wav")


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_folder_is_the_root_and_its_recordings_keep_their_sub_folders(tmp_path):
    touch(tmp_path, "b/take.wav", "a/take.wav", "a/take.FLAC", "a/notes.txt")
    root, recordings = recordings_of([tmp_path])
    assert root == str(tmp_path)
    found = [(recording.audio_path, recording.stem) for recording in recordings]
    assert found == [("a/take.FLAC", "a/take"), ("a/take.wav", "a/take.wav"), ("b/take.wav", "b/take")]


def test_the_root_of_several_is_the_folder_that_holds_all(tmp_path):
    touch(tmp_path, "x/a/1.wav", "x/b/2.wav")
    root, recordings = recordings_of([tmp_path / "x" / "a", tmp_path / "x" / "b" / "2.wav"])
    assert root == str(tmp_path / "x")
    assert [recording.stem for recording in recordings] == ["a/1", "b/2"]


def test_a_recording_that_is_given_twice_is_heard_once(tmp_path, monkeypatch):
    touch(tmp_path, "1.wav")
    monkeypatch.chdir(tmp_path)
    _, recordings = recordings_of(["1.wav", tmp_path / "1.wav", "."])
    assert [recording.path for recording in recordings] == [str(tmp_path / "1.wav")]


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["a.flac", "a.wav"], ["a", "a.wav"]),
        (["A.flac", "a.flac"], ["A", "a.flac"]),
        (["a.flac", "a.wav", "a.wav.flac"], ["a", "a.wav", "a.wav.flac"]),
        (["a.selections.wav", "a.wav"], ["a.selections", "a.wav"]),
        (["a.wav", "a.selections.wav.flac", "a.selections.wav"], None),
    ],
)
def test_no_two_recordings_write_the_same_file(tmp_path, names, stems):
    touch(tmp_path, *names)
    _, recordings = recordings_of([tmp_path / name for name in names])
    suffixes = (".csv", ".txt", ".selections.txt", ".jams")
    files = [f"{recording.stem}{suffix}".casefold() for recording in recordings for suffix in suffixes]
    assert len(set(files)) == len(files)
    if stems is not None:
        assert [recording.stem for recording in recordings] == stems


def test_an_empty_path_is_refused():
    with pytest.raises(ParameterError, match="A path must name a file or a folder"):
        given_files([""])


def test_the_events_of_a_folder_are_a_table(lesson):
    (lesson.parent / "broken.wav").write_bytes(b"RIFF")
    events = annotate(lesson.parent)
    assert list(events.columns) == list(COLUMNS)
    assert events.attrs["audio_root"] == str(lesson.parent)
    assert events["audio_path"].tolist() == ["broken.wav", *["lesson.wav"] * 3]
    assert events["note_id"].tolist() == ["broken_0001", "lesson_0001", "lesson_0002", "lesson_0003"]
    assert "broken.wav must be" in events["error"][0]
    assert pd.isna(events["confidence"][0])
    np.testing.assert_allclose(events["onset_sec"][1:], [0.5, 1.5, 2.3], atol=0.02)
    assert (events["pitch_midi"] == -1).all()


def test_no_paths_are_an_empty_table_with_the_types_of_any_other(lesson):
    table, some = annotate([]), annotate(lesson)
    assert len(table) == 0
    assert tuple(table.columns) == COLUMNS
    assert table.attrs["audio_root"] == ""
    numbers = [name for name in COLUMNS if some[name].dtype != some["note_id"].dtype]
    assert len(numbers) == 8
    assert [table[name].dtype for name in numbers] == [some[name].dtype for name in numbers]


def test_events_are_kept_by_label_and_stretch(lesson):
    whole = annotate(lesson, min_confidence=0)
    label = whole["label_category"].iloc[0]
    some = annotate(lesson, min_confidence=0, only=[label], start=1, end=2)
    wanted = whole[(whole["label_category"] == label) & whole["onset_sec"].between(1, 2)]
    assert some["onset_sec"].tolist() == wanted["onset_sec"].tolist()


def test_the_pitch_is_measured_when_it_is_asked_for(lesson):
    events = annotate(lesson, min_confidence=0, pitch=True)
    pitched = events["label_category"] != "dead_note"
    wanted = np.round(69 + 12 * np.log2(196.0 * 1.3 ** np.arange(3) / 440))
    np.testing.assert_array_equal(events["pitch_midi"][pitched], wanted[pitched])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"only": ["hammer"]}, "`only` must name some of harmonic"),
        ({"start": 2.0, "end": 1.0}, "before it ends. Got 2 s to 1 s"),
        ({"start": -1.0}, "start at 0 s or later"),
        ({"start": math.nan}, "start at 0 s or later"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(lesson, options, told):
    with pytest.raises(ParameterError, match=told):
        annotate(lesson, **options)


def test_events_come_one_by_one_from_a_recording_and_from_a_stream(lesson):
    events = list(iter_events(lesson))
    np.testing.assert_allclose([event.onset for event in events], [0.5, 1.5, 2.3], atol=0.02)
    sound = np.zeros(2 * RATE, dtype=np.float64)
    sound[RATE // 2 :][:RATE] = decaying_sine(220.0, 1.0, sample_rate=RATE, decay=0.1)
    (event,) = iter_events((sound[start : start + 2205] for start in range(0, len(sound), 2205)), rate=RATE)
    assert event.onset == pytest.approx(0.5, abs=0.02)
    assert list(iter_events([sound], rate=RATE)) == [event]
    for rate in (None, 0, 44100.0, 10**9):
        with pytest.raises(ParameterError, match=f"`rate` must be given for a stream.* Got {rate}"):
            iter_events([sound], rate=rate)
    with pytest.raises(AudioReadError, match="There is no such file"):
        list(iter_events(os.devnull + "x"))


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        (np.zeros(10), r"Array 0 has shape \(\)\. Of one array, give \[array\]"),
        ([np.zeros((10, 2)), np.zeros(10)], r"Array 1 has shape \(10,\)"),
        ([np.zeros((1, 2, 3))], r"Array 0 has shape \(1, 2, 3\)"),
    ],
)
def test_what_is_no_sound_of_a_stream_is_refused(blocks, told):
    with pytest.raises(ParameterError, match=told):
        list(iter_events(blocks, rate=RATE))


def test_a_long_array_is_heard_as_what_it_is_and_a_huge_sample_in_it_is_an_error():
    sound = np.tile(np.concatenate([np.zeros(RATE), decaying_sine(220.0, 3.0, sample_rate=RATE)]), 5)
    assert len(list(iter_events([sound], rate=RATE))) == 5
    events = iter_events([np.append(sound.astype(np.float64), 1e300)], rate=RATE)
    assert [next(events).onset for _ in range(5)] == pytest.approx([1, 5, 9, 13, 17], abs=0.02)
    with pytest.raises(AudioReadError, match="It has inf"):
        next(events)
