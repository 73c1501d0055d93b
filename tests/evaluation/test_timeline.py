"""Scores of the events found in recordings."""

import json
import sys

import mir_eval
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guitarclf.errors import LabelError, ParameterError
from guitarclf.evaluation.timeline import score_timeline
from guitarclf.evaluation.timeline_report import CALLED
from guitarclf.labels import LABELS

HARMONIC, DEAD, GENERAL = LABELS


def table(*rows, recording="a.wav"):
    """Return events: (onset, label), or (recording, onset, label)."""
    rows = [row if len(row) == 3 else (recording, *row) for row in rows]
    return pd.DataFrame(rows, columns=["audio_path", "onset_sec", "label_category"])


TRUE = table((1.0, HARMONIC), (2.0, DEAD), (3.0, GENERAL), (4.0, GENERAL), (5.0, GENERAL))


def test_events_that_are_all_found_score_one():
    report = score_timeline(TRUE, TRUE.sample(frac=1, random_state=0))
    assert report.macro_f1 == report.onsets.f1 == report.onsets.precision == report.onsets.recall == 1
    assert report.missed == report.spurious == report.left_out == []


def test_onsets_count_whatever_they_are_called_and_classes_where_both_sides_agree():
    found = table((1.04, DEAD), (2.0, DEAD), (3.0, GENERAL), (4.06, GENERAL), (5.0, "unknown"), (6.0, HARMONIC))
    report = score_timeline(TRUE, found)
    assert (report.onsets.n_true, report.onsets.n_found, report.onsets.n_hits) == (5, 6, 4)
    assert (report.onsets.precision, report.onsets.recall) == (pytest.approx(4 / 6), pytest.approx(4 / 5))
    assert (report.per_class[HARMONIC].f1, report.per_class[HARMONIC].n_found) == (0, 1)
    assert (report.per_class[DEAD].precision, report.per_class[DEAD].recall) == (0.5, 1)
    assert (report.per_class[GENERAL].precision, report.per_class[GENERAL].recall) == (0.5, pytest.approx(1 / 3))
    assert report.macro_f1 == pytest.approx((0 + 2 / 3 + 0.4) / 3)
    assert list(CALLED) == [*LABELS, "unknown"]
    assert report.confusion == [[0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]]
    assert report.missed == [{"audio_path": "a.wav", "onset_sec": 4.0, "label_category": GENERAL}]
    assert [row["onset_sec"] for row in report.spurious] == [4.06, 6.0]


def test_an_event_has_one_partner_and_none_in_another_recording():
    true = table(("a.wav", 1.0, GENERAL), ("b.wav", 2.0, GENERAL))
    found = table(("a.wav", 0.98, GENERAL), ("a.wav", 1.02, GENERAL), ("a.wav", 2.0, GENERAL))
    report = score_timeline(true, found)
    assert (report.n_recordings, report.onsets.n_hits, len(report.missed), len(report.spurious)) == (2, 1, 1, 2)


def test_the_tolerance_is_an_argument():
    late = table((1.04, GENERAL), (2.0, GENERAL))
    true = table((1.0, GENERAL), (2.0, GENERAL))
    assert score_timeline(true, late).onsets.n_hits == 2
    assert score_timeline(true, late, tolerance=0.02).onsets.n_hits == 1


def test_of_two_partners_in_reach_the_one_of_the_same_label_is_taken():
    true, found = table((1.0, DEAD), (1.06, GENERAL)), table((1.015, GENERAL), (1.045, DEAD))
    assert score_timeline(true, found).macro_f1 == 1


def test_a_partner_of_the_same_label_costs_no_onset():
    true, found = table((1.0, DEAD), (1.06, GENERAL)), table((0.98, GENERAL), (1.045, DEAD))
    report = score_timeline(true, found)
    assert (report.onsets.n_hits, report.missed) == (2, [])
    assert report.confusion == [[0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]


def test_rows_of_a_chord_are_one_event_of_the_label_that_most_of_them_have():
    strings = [(1.0 + 0.03 * string, label) for string, label in enumerate([DEAD, GENERAL, GENERAL, DEAD, GENERAL])]
    report = score_timeline(table(*strings, (2.0, GENERAL), (2.06, GENERAL)), table((1.01, GENERAL), (2.0, GENERAL)))
    assert (report.onsets.n_true, report.onsets.n_hits, report.n_chord_rows) == (3, 2, 4)
    assert report.per_class[GENERAL].n_true == 3
    assert "4 rows of the true table counted with the one before: chords." in report.to_text()
    across = table(("a.wav", 1.0, GENERAL), ("b.wav", 1.01, GENERAL))
    assert score_timeline(across, across).onsets.n_true == 2


def test_scores_of_a_class_that_is_not_there_are_not_known():
    true = table((1.0, GENERAL), (2.0, GENERAL))
    report = score_timeline(true, table((1.0, GENERAL), (2.0, DEAD)))
    harmonic, dead = report.per_class[HARMONIC], report.per_class[DEAD]
    assert np.isnan([harmonic.precision, harmonic.recall, harmonic.f1, dead.recall]).all()
    assert (dead.precision, dead.f1) == (0, 0)
    assert report.macro_f1 == report.per_class[GENERAL].f1 == pytest.approx(2 / 3)
    assert "No event is harmonic or dead_note: macro note-F1 is the mean of the others." in report.to_text()


def test_where_nothing_is_found_all_is_missed_and_where_nothing_is_all_is_spurious():
    report = score_timeline(TRUE, TRUE[:0])
    assert (report.onsets.recall, report.onsets.f1, report.macro_f1, len(report.missed)) == (0, 0, 0, 5)
    assert np.isnan(report.onsets.precision)
    noise = table((1.0, "no_note"))
    report = score_timeline(noise, table((1.0, DEAD)))
    assert (report.onsets.precision, report.onsets.f1, len(report.spurious)) == (0, 0, 1)
    assert np.isnan([report.onsets.recall, report.macro_f1]).all()
    report = score_timeline(noise, TRUE[:0])
    assert np.isnan([report.onsets.precision, report.onsets.recall, report.onsets.f1]).all()


def test_events_that_could_not_be_heard_are_left_out():
    found = pd.concat([TRUE, table((4.5, ""), (np.nan, None))])
    assert score_timeline(TRUE, found).spurious == []


def test_recordings_that_are_in_one_table_only_are_told_and_left_out():
    true = table(("a.wav", 1.0, GENERAL), ("b.wav", 1.0, GENERAL))
    found = table(("a.wav", 1.0, GENERAL), ("evil\n\x1b[2J.wav", 1.0, GENERAL))
    assert score_timeline(true, found).onsets.n_true == 2  # b.wav was heard, and has no events
    report = score_timeline(true, found, recordings=["a.wav", "evil\n\x1b[2J.wav"])
    assert (report.onsets.n_true, report.left_out) == (1, ["b.wav", "evil\n\x1b[2J.wav"])
    assert r"2 recordings not in both tables, left out: b.wav, evil\n\x1b[2J.wav" in report.to_text()
    with pytest.raises(ParameterError, match=r"It has b\.wav, the others are a\.wav\. Write `audio_path` alike"):
        score_timeline(true[1:], found[:1], recordings=["a.wav"])


EVENTS = st.lists(st.tuples(st.integers(0, 40).map(lambda n: n * 0.03), st.sampled_from(LABELS)), max_size=12)


@settings(max_examples=40, deadline=None)
@given(EVENTS.filter(len), EVENTS)
def test_figures_are_those_of_mir_eval_and_add_up(rows, others):
    found = table(*others)
    report = score_timeline(table(*rows), found)
    events = sorted({onset for onset, _ in rows})
    events = [onset for before, onset in zip([-1, *events], events, strict=False) if onset - before > 0.0500001]
    f_measure, precision, recall = 0.0, 0.0, 0.0
    if len(found):
        f_measure, precision, recall = mir_eval.onset.f_measure(
            np.array(events), np.sort(found["onset_sec"].to_numpy()), window=0.05
        )
    assert report.onsets.f1 == pytest.approx(f_measure)
    assert (np.nan_to_num(report.onsets.precision), report.onsets.recall) == pytest.approx((precision, recall))
    n_hits = sum(map(sum, report.confusion))
    assert n_hits == report.onsets.n_hits == len(events) - len(report.missed) == len(found) - len(report.spurious)
    json.dumps(report.to_dict(), allow_nan=False)


def test_a_report_is_json_and_fits_the_terminal():
    long = [{"audio_path": f"{'x' * 30}{number}.wav"} for number in range(12)]
    true = pd.concat([TRUE.assign(**row) for row in long])
    report = score_timeline(true, TRUE.assign(audio_path=long[0]["audio_path"], onset_sec=[9, 2, 3, 4, 5.0]))
    written = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert (written["onsets"]["n_true"], len(written["missed"]), written["called"]) == (60, 56, list(CALLED))
    assert score_timeline(TRUE, TRUE[:0]).to_dict()["onsets"]["precision"] is None
    text = report.to_text()
    assert text.startswith("12 recordings   60 true events, 5 found   within 50 ms   macro note-F1 0.1")
    assert "  ... and 46 more" in text
    assert max(map(len, text.splitlines())) <= 90


@pytest.mark.parametrize(
    ("true", "found", "more", "error", "message"),
    [
        (TRUE, TRUE, {"tolerance": 0}, ParameterError, r"`tolerance` must be above 0 s\. Got 0"),
        (TRUE, TRUE, {"tolerance": float("nan")}, ParameterError, r"`tolerance` must be above 0 s\. Got nan"),
        (TRUE, TRUE.drop(columns="onset_sec"), {}, ParameterError, r"The found table must .* It has no onset_sec"),
        (table((1.0, "slap")), TRUE, {}, LabelError, r"labels of the true table must be one of .* Got 'slap'"),
        (table((1.0, "unknown")), TRUE, {}, LabelError, r"labels of the true table must be one of .* Got 'unknown'"),
        (TRUE, table((1.0, "no_note")), {}, LabelError, r"labels of the found table .* Got 'no_note'"),
        (table((np.inf, DEAD)), TRUE, {}, ParameterError, r"onsets of the true table must be finite .* inf in a\.wav"),
        (TRUE, table(("1,5", DEAD)), {}, ParameterError, r"onsets of the found table must be finite .* Got 1,5 in"),
    ],
)
def test_tables_that_cannot_be_scored_are_refused(true, found, more, error, message):
    with pytest.raises(error, match=message):
        score_timeline(true, found, **more)


def test_without_mir_eval_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mir_eval.util", None)
    with pytest.raises(ParameterError, match=r"need mir_eval.* It is not installed\. Install guitarclf\[score\]"):
        score_timeline(TRUE, TRUE)
