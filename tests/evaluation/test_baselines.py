"""Baselines: what can be said of a note without hearing it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from guitarclf.evaluation.baselines import duration_only, event_durations
from guitarclf.labels import LABELS


@pytest.fixture
def short_dead_notes(rng):
    """90 events of which only the dead notes have a length of their own."""
    labels = np.repeat(LABELS, 30)
    durations = np.where(labels == "dead_note", rng.uniform(0.05, 0.15, 90), rng.uniform(0.5, 1.0, 90))
    onsets = rng.uniform(0, 60, 90)
    return pd.DataFrame({"onset_sec": onsets, "offset_sec": onsets + durations, "label_category": labels})


def test_a_duration_is_offset_minus_onset():
    events = pd.DataFrame({"onset_sec": [0.5, 2.0], "offset_sec": [1.0, 2.25]})
    np.testing.assert_array_equal(event_durations(events), [[0.5], [0.25]])


def test_durations_tell_short_dead_notes_and_nothing_else(short_dead_notes):
    y = short_dead_notes["label_category"]
    halves = np.arange(90) % 2 == 0
    model = duration_only().fit(short_dead_notes[halves], y[halves])
    called = model.predict(short_dead_notes[~halves])
    dead = (y[~halves] == "dead_note").to_numpy()
    assert (called[dead] == "dead_note").all()
    assert (called[~dead] != "dead_note").all()
    assert (called == y[~halves]).mean() < 0.9  # harmonic and general_note are as long


def test_equal_durations_are_told_apart_by_chance(small_table):
    events = small_table.events.assign(onset_sec=0.0, offset_sec=1.0)
    proba = duration_only().fit(events, events["label_category"]).predict_proba(events)
    np.testing.assert_allclose(proba, 1 / 3)


def test_the_audio_is_never_opened(short_dead_notes):
    events = short_dead_notes.assign(audio_path="gone.wav", pitch_midi=-1)
    model = duration_only().fit(events, events["label_category"])
    np.testing.assert_array_equal(model.predict(events), model.predict(short_dead_notes))


def test_later_notes_of_the_same_length_are_called_the_same(short_dead_notes):
    model = duration_only().fit(short_dead_notes, short_dead_notes["label_category"])
    later = short_dead_notes.assign(
        onset_sec=short_dead_notes["onset_sec"] + 64, offset_sec=short_dead_notes["offset_sec"] + 64
    )
    np.testing.assert_array_equal(model.predict(later), model.predict(short_dead_notes))


def test_a_clone_fits_the_same(short_dead_notes):
    y = short_dead_notes["label_category"]
    model = duration_only()
    first, second = model.fit(short_dead_notes, y), clone(model).fit(short_dead_notes, y)
    np.testing.assert_array_equal(first.predict_proba(short_dead_notes), second.predict_proba(short_dead_notes))
    assert first.classes_.tolist() == sorted(LABELS)
