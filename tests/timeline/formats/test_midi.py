"""MIDI, as pretty_midi and mido read it back."""

import io
import sys

import mido
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timelines import EVENTS, HOSTILE, timeline, unread

from guitarclf.errors import ParameterError
from guitarclf.timeline.events import NAN, NO_PITCH, Event
from guitarclf.timeline.formats.midi import DEAD_NOTE_PITCH, mid

WITHIN = 0.00053  # seconds


def instruments(one):
    """Return the instruments of a timeline's MIDI file by name, as pretty_midi reads them."""
    return {instrument.name: instrument for instrument in pretty_midi.PrettyMIDI(io.BytesIO(mid(one))).instruments}


def notes(events, label="general_note"):
    """Return (start, end, pitch) of the notes of one class in the MIDI file of some events, times to a millisecond."""
    found = instruments(timeline(events))[label].notes
    return sorted((round(note.start, 3), round(note.end, 3), note.pitch) for note in found)


def test_there_is_a_guitar_for_each_class():
    found = instruments(timeline())
    assert {name: pretty_midi.program_to_instrument_name(one.program) for name, one in found.items()} == {
        "harmonic": "Acoustic Guitar (steel)",
        "dead_note": "Electric Guitar (muted)",
        "general_note": "Acoustic Guitar (steel)",
        "unknown": "Acoustic Guitar (steel)",
    }
    assert not any(one.is_drum for one in found.values())


def test_notes_are_where_the_events_are():
    for event in EVENTS[:4]:
        [note] = instruments(timeline([event]))[event.label].notes
        assert (note.start, note.end) == pytest.approx((event.onset, event.offset), abs=WITHIN)
        assert note.pitch == (event.pitch if event.pitch != NO_PITCH else DEAD_NOTE_PITCH)


@pytest.mark.parametrize("onset", [0.0, 1 / 3, 59.99951, 3600.0004, 10_000.12345])
def test_times_are_right_to_half_a_millisecond_even_after_hours(onset):
    events = [Event(onset, onset + 0.25, "general_note", pitch=52)]
    [note] = instruments(timeline(events))["general_note"].notes
    assert (note.start, note.end) == pytest.approx((onset, onset + 0.25), abs=WITHIN)


def test_a_class_without_notes_has_no_track():
    assert list(instruments(timeline(EVENTS[:1]))) == ["harmonic"]


@pytest.mark.parametrize("one", [timeline([]), unread(), timeline(EVENTS[4:])])
def test_without_notes_there_is_a_file_that_opens(one):
    assert pretty_midi.PrettyMIDI(io.BytesIO(mid(one))).instruments == []


def test_a_dead_note_keeps_a_pitch_that_it_has():
    assert notes([Event(0.0, 0.5, "dead_note", pitch=45)], "dead_note")[0][2] == 45


def test_events_without_a_pitch_are_left_out_and_counted(caplog):
    events = [Event(0.0, 0.5, "general_note"), Event(0.5, 1.0, "unknown"), *EVENTS]
    assert len(notes(events)) == 1
    assert "takes/lick.wav: without a clear pitch, and so not in the MIDI file: 2 of 6 events" in caplog.text


def test_a_note_ends_where_the_next_one_of_its_pitch_starts():
    events = [Event(0.0, 1.0, "general_note", pitch=52), Event(0.5, 0.75, "general_note", pitch=52)]
    assert notes(events) == [(0.0, 0.5, 52), (0.5, 0.75, 52)]
    other = [events[0], events[1]._replace(pitch=53)]
    assert notes(other) == [(0.0, 1.0, 52), (0.5, 0.75, 53)]


def test_of_two_notes_of_one_pitch_at_one_time_there_is_one():
    events = [Event(0.5, 0.75, "general_note", pitch=52), Event(0.5, 1.0, "general_note", pitch=52)]
    assert notes(events) == [(0.5, 1.0, 52)]


@pytest.mark.parametrize("offset", [0.5, 0.50001, NAN])
def test_the_shortest_note_is_one(offset):
    assert notes([Event(0.5, offset, "general_note", pitch=52)]) == [(0.5, 0.501, 52)]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1), st.sampled_from([52, 53])), min_size=1, max_size=12).map(
        sorted
    )
)
def test_each_note_goes_off_once_after_it_went_on_whatever_overlaps(triples):
    events = [Event(onset, onset + length, "general_note", pitch=pitch) for onset, length, pitch in triples]
    track = mido.MidiFile(file=io.BytesIO(mid(timeline(events)))).tracks[1]
    sounding = set()
    for message in track:
        if message.type == "note_on":
            assert message.note not in sounding
            sounding.add(message.note)
        elif message.type == "note_off":
            sounding.remove(message.note)
    assert not sounding


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_of_a_recording_names_its_file(name):
    read = mido.MidiFile(file=io.BytesIO(mid(timeline(audio_path=name))), charset="utf-8")
    assert "\n" not in read.tracks[0].name
    assert [track.name for track in read.tracks[1:]] == ["harmonic", "dead_note", "general_note", "unknown"]


def test_without_mido_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(ParameterError, match=r"needs mido\. It is not installed\. Install guitarclf\[midi\]"):
        mid(timeline())
