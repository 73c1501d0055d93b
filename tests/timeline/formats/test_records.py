"""JSON lines and JAMS."""

import json

import jams as jams_package
import pytest
from timelines import EVENTS, HEARD, HOSTILE, timeline, unread

import guitarclf
from guitarclf.files.whole import write_text
from guitarclf.timeline.events import COLUMNS
from guitarclf.timeline.formats.records import SCHEMA_VERSION, jams, jsonl

pytestmark = pytest.mark.filterwarnings("ignore:Passing a schema to Validator:DeprecationWarning")  # jams does that


def lines_of(text):
    """Return the objects of JSON lines, a line each however lines are counted."""
    return [json.loads(line) for line in text.splitlines()]


def test_json_lines_begin_with_the_recording_and_its_settings():
    first, *_ = lines_of(jsonl(timeline(model="pretrained", onsets={"quiet_db": 40.0})))
    assert first == {
        "schema_version": SCHEMA_VERSION,
        "recording": {"audio_path": "takes/lick.wav", "duration_sec": 2.0, "sample_rate": 44100, "error": ""},
        "settings": {"model": "pretrained", "onsets": {"quiet_db": 40.0}},
    }


def test_each_further_line_is_an_event():
    _, *events = lines_of(jsonl(timeline()))
    assert [tuple(event) for event in events] == [COLUMNS] * len(EVENTS)
    assert [event["onset_sec"] for event in events] == [0.1, 0.5, 0.833333, 1.25, 1.5]
    assert [event["label_category"] for event in events] == [event.label for event in EVENTS]
    assert events[-1] | {"confidence": None, "strength_db": None, "p_harmonic": None} == events[-1]


def test_json_lines_say_why_a_recording_could_not_be_read():
    first, event = lines_of(jsonl(unread()))
    assert first["recording"] == {
        "audio_path": "gone.wav",
        "duration_sec": None,
        "sample_rate": 0,
        "error": "There is no such file.",
    }
    assert event["error"] == "There is no such file."


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_in_a_name_breaks_a_line_of_json(name):
    first, *events = lines_of(jsonl(timeline(audio_path=name)))
    assert {first["recording"]["audio_path"], *(event["audio_path"] for event in events)} == {name}


def load(tmp_path, one):
    """Return a timeline as the package jams loads it, which it has validated then."""
    write_text(tmp_path / "t.jams", jams(one))
    loaded = jams_package.load(str(tmp_path / "t.jams"))
    assert loaded.validate()
    return loaded


@pytest.mark.parametrize("one", [timeline(), timeline([]), unread(), *(timeline(audio_path=n) for n in HOSTILE)])
def test_jams_is_valid(tmp_path, one):
    loaded = load(tmp_path, one)
    assert loaded.file_metadata.identifiers.audio_path == one.audio_path
    assert [note.namespace for note in loaded.annotations] == ["tag_open"]


def test_jams_has_the_events_with_their_confidence(tmp_path):
    data = load(tmp_path, timeline()).annotations[0].data
    assert [(e.time, e.value, e.confidence) for e in data] == [
        (round(event.onset, 6), event.label, event.confidence) for event in HEARD
    ]
    assert [e.duration for e in data] == [0.4, 0.2, 0.416667, 0.25]


def test_jams_says_what_made_it_and_how_long_the_recording_is(tmp_path):
    loaded = load(tmp_path, timeline(model="pretrained"))
    metadata = loaded.annotations[0].annotation_metadata
    assert metadata.annotation_tools == f"guitarclf {guitarclf.__version__}"
    assert metadata.annotator.model == "pretrained"
    assert loaded.file_metadata.duration == loaded.annotations[0].duration == 2.0
    assert load(tmp_path, unread()).sandbox.error == "There is no such file."


def test_jams_has_the_probabilities_of_each_event_in_its_sandbox(tmp_path):
    found = load(tmp_path, timeline()).annotations[0].sandbox.probabilities
    assert found["harmonic"] == [0.9, 0.1, 0.05, 0.4]
    assert found["general_note"] == [0.06, 0.05, 0.8, 0.25]
