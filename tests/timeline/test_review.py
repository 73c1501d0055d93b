"""The events to correct first."""

import math

import pytest

from guitarclf.timeline.events import Event, Timeline, rows
from guitarclf.timeline.review import least_sure


def row(name, label, confidence, key="label_category"):
    return {"note_id": name, key: label, "confidence": confidence}


ROWS = [
    row("g1", "general_note", 0.9),
    row("g2", "general_note", 0.3),
    row("h1", "harmonic", 0.8),
    row("u1", "unknown", 0.2),
    row("g3", "general_note", 0.3),
    row("h2", "harmonic", 0.7),
    row("d1", "dead_note", 0.95),
    row("e1", "", math.nan),
    row("e2", "unknown", None),
    row("x1", "slap", 0.1),
]


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (0, []),
        (1, ["h2"]),
        (5, ["h2", "d1", "g2", "u1", "h1"]),
        (100, ["h2", "d1", "g2", "u1", "h1", "g3", "g1"]),
    ],
)
def test_a_class_each_in_turn_the_least_sure_first_and_equals_as_they_come(count, names):
    assert [item["note_id"] for item in least_sure(iter(ROWS), count)] == names


def test_rows_of_predict_have_their_label_elsewhere():
    assert least_sure([row("a", "harmonic", 0.5, "label")], 3, label="label")[0]["note_id"] == "a"


def test_rows_of_a_timeline_come_back_as_they_are():
    events = [Event(0.0, 1.0, "harmonic", confidence=0.6), Event(1.0, 2.0, "", error="no sound")]
    found = least_sure(rows(Timeline("a", "a.wav", 2.0, 44100, events)), 9)
    assert [item["onset_sec"] for item in found] == [0.0]
