"""Phrases: every note once, at the times that the table says, with what rings on under the next."""

import numpy as np
import pandas as pd
import pytest

from guitarclf.audio.recordings import load_segment
from guitarclf.data.events import read_events
from guitarclf.data.phrases import COLUMNS, FADE_SEC, Joining, join_phrases, write_phrases
from guitarclf.errors import AudioReadError, ParameterError

RATE = 22050
STILL = {"level_db": 0.0, "notes_per_phrase": 5, "sample_rate": RATE}


@pytest.fixture(scope="module")
def events(small_table):
    return small_table.events


def test_every_note_is_in_one_phrase_with_notes_of_its_track_alone(events):
    phrases = [rows for _, _, rows in join_phrases(events, Joining(**STILL))]
    rows = pd.concat(phrases)
    assert sorted(rows["source_note"]) == sorted(events["note_id"])
    assert rows["note_id"].is_unique
    assert all(part["track"].nunique() == 1 for part in phrases)
    label_of = events.set_index("note_id")["label_category"]
    assert (rows["label_category"].to_numpy() == label_of[rows["source_note"]].to_numpy()).all()


@pytest.mark.parametrize("spacing", [(0.2, 0.2), (0.12, 0.9)])
def test_onsets_lie_as_far_apart_as_is_asked_and_notes_end_by_the_next(events, spacing):
    for _, waveform, rows in join_phrases(events, Joining(spacing=spacing, **STILL)):
        steps = np.diff(rows["onset_sec"])
        assert ((spacing[0] - 1e-4 <= steps) & (steps <= spacing[1] + 1e-4)).all()
        assert (rows["offset_sec"].to_numpy()[:-1] <= rows["onset_sec"].to_numpy()[1:] + 1e-4).all()
        assert len(waveform) / RATE > rows["offset_sec"].max()


@pytest.mark.parametrize("overlap", [0.0, 1.0])
def test_a_note_rings_on_into_the_next_only_if_it_is_asked_to(events, overlap):
    joining = Joining(overlap=overlap, spacing=(0.3, 0.3), **STILL)
    of_note = events.set_index("note_id")
    differences = []
    for _, waveform, rows in join_phrases(events, joining):
        later = rows.iloc[1]  # the first note rings on under it, or not
        start = round(later["onset_sec"] * RATE)
        heard = waveform[start : start + round((0.3 - FADE_SEC) * RATE)]
        source = of_note.loc[later["source_note"]]
        alone = load_segment(source["audio_path"], source["onset_sec"], 0.3, sample_rate=RATE)[: len(heard)]
        alone *= np.dot(alone, heard) / np.dot(alone, alone)
        differences.append(np.abs(heard - alone).max() / np.abs(heard).max())
    assert (np.median(differences) < 0.01) == (overlap == 0)


def test_a_seed_gives_the_same_phrases_and_another_seed_others(events):
    first, again, other = (next(join_phrases(events, Joining(**STILL), seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[2]["onset_sec"], other[2]["onset_sec"])


def test_phrases_that_were_written_are_a_table_that_is_read(events, tmp_path):
    table = write_phrases(tmp_path, events, Joining(**STILL))
    assert list(table.columns) == list(COLUMNS)
    read = read_events(tmp_path / "metadata.csv", audio_root=tmp_path)
    assert len(read) == len(events)
    np.testing.assert_allclose(read["onset_sec"], table["onset_sec"])


@pytest.mark.parametrize(
    ("name", "value"),
    [("spacing", (0.9, 0.1)), ("spacing", (0.0, 1.0)), ("overlap", 1.5), ("ring_sec", -1), ("notes_per_phrase", 0)],
)
def test_a_way_of_joining_that_cannot_be_is_refused(name, value):
    with pytest.raises(ParameterError, match=f"`{name}`"):
        Joining(**{name: value})


def two_notes_that_begin(seconds, write_wav):
    late = np.sin(np.arange(3 * RATE) / 10) * (np.arange(3 * RATE) > seconds * RATE)
    path = str(write_wav(late.astype(np.float32)))
    note = {"note_id": "mute", "audio_path": path, "onset_sec": 0.0, "offset_sec": 2.9, "track": "t", "pitch_midi": -1}
    note |= {"expression_style": "NO", "label_category": "general_note", "events_in_file": 1}
    return pd.DataFrame([note, note | {"note_id": "too"}])


def test_a_note_with_silence_before_it_as_long_as_the_step_begins_with_its_attack(write_wav):
    events = two_notes_that_begin(0.6, write_wav)
    ((_, waveform, rows),) = join_phrases(events, Joining(spacing=(0.3, 0.3), overlap=0))
    begun = waveform[round(rows["onset_sec"].iloc[0] * 44100) :]
    assert np.abs(begun[:2205]).max() > 0.1


def test_a_note_that_is_silent_is_named(write_wav):
    events = two_notes_that_begin(2.5, write_wav)
    with pytest.raises(AudioReadError, match=r"must sound from 0\.000 s on, .* Leave (mute|too) out"):
        list(join_phrases(events))
