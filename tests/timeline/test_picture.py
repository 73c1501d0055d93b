"""A timeline as a figure, and in a notebook."""

from dataclasses import replace
from math import nan

import numpy as np
import pandas as pd
import pytest
from pictures import looks_the_same
from timelines import HOSTILE, timeline, unread

import guitarclf
from guitarclf.errors import AudioReadError
from guitarclf.timeline.events import Event
from guitarclf.timeline.frame import EventsFrame
from guitarclf.timeline.picture import MAX_ROWS, draw_timeline

RATE = 8000


@pytest.fixture
def recorded(write_wav, make_tone):
    """`recorded(events, duration, **settings)` -> the Timeline of a file with a tone at each onset."""

    def write(events, duration=4.0, name="take.wav", **settings):
        sound = np.zeros(round(duration * RATE), dtype=np.float32)
        for event in events:
            first = round(event.onset * RATE)
            tone = make_tone(440.0, 0.5, sample_rate=RATE)[: len(sound) - first]
            sound[first : first + len(tone)] += tone
        path = write_wav(sound, name, sample_rate=RATE)
        return timeline(events, name, path=str(path), duration=duration, sample_rate=RATE, **settings)

    return write


def every(step, n, label="general_note"):
    return [Event(step * place, step * (place + 1), label, (0.1, 0.1, 0.8), 0.9) for place in range(n)]


EVENTS = [
    Event(0.5, 1.0, "harmonic"),
    Event(1.0, 1.3, "dead_note"),
    Event(1.5, 2.5, "general_note"),
    Event(2.5, 3.0, "unknown"),
    Event(3.2, nan, "", error="It is silent."),
]


@looks_the_same
def test_timeline(recorded):
    return draw_timeline(recorded(EVENTS))


def test_events_are_bars_and_lines_in_the_colours_of_their_classes(recorded):
    (axis,) = draw_timeline(recorded(EVENTS)).axes
    bars = [(round(bar.get_x(), 3), round(bar.get_x() + bar.get_width(), 3)) for bar in axis.patches]
    assert bars == [(0.5, 1.0), (1.0, 1.3), (1.5, 2.5), (2.5, 3.0), (3.2, 3.21)]
    assert [line.get_xdata()[0] for line in axis.lines] == [event.onset for event in EVENTS]
    assert len({bar.get_facecolor() for bar in axis.patches}) == 5


def test_a_long_recording_has_lines_and_says_which_part_it_is(recorded):
    figure = draw_timeline(recorded(every(10.0, 9), 90.0))
    assert [axis.get_xlim() for axis in figure.axes] == [(0, 15), (15, 30), (30, 45), (45, 60)]
    assert figure.get_suptitle() == "take.wav, 0:00 to 1:00 of 1:30"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["general note 6"]
    assert [len(axis.patches) for axis in figure.axes] == [2, 2, 2, 2]  # one goes on in the next line


def test_a_part_begins_where_it_was_asked_for(recorded):
    figure = draw_timeline(recorded(every(1.0, 4), 4.0, start=2.0))
    assert figure.get_suptitle() == "take.wav, 0:02 to 0:04 of 0:04"
    assert [bar.get_x() for bar in figure.axes[0].patches] == [2.0, 3.0]
    assert figure.axes[0].images[0].get_extent()[:2] == [2.0, 4.0]


def test_a_recording_without_events_is_drawn(recorded):
    figure = draw_timeline(recorded([]))
    assert not figure.legends
    assert len(figure.axes[0].images) == 1


@pytest.mark.parametrize("broken", [unread(), timeline(path="-"), timeline(path="/no/such.wav")])
def test_what_cannot_be_read_again_has_a_table_and_the_reason(broken):
    with pytest.raises(AudioReadError, match="must be"):
        draw_timeline(broken)
    shown = broken._repr_html_()
    assert "No picture: " in shown
    assert "<img" not in shown
    assert shown.count("<tr>") == 1 + len(broken.events)


def test_a_notebook_shows_picture_and_events(recorded):
    shown = recorded(EVENTS)._repr_html_()
    assert 'src="data:image/png;base64,' in shown
    assert "<td>1</td><td>0:00.500</td><td>0.500</td><td>harmonic</td>" in shown
    assert "It is silent." in shown


def test_of_many_events_a_notebook_shows_the_first(recorded):
    shown = recorded(every(0.05, MAX_ROWS + 3))._repr_html_()
    assert shown.count("<tr>") == 1 + MAX_ROWS
    assert f"The first {MAX_ROWS} of {MAX_ROWS + 3} events." in shown


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_escaped(name, recorded):
    there = replace(recorded([Event(0.5, 1.0, "harmonic", error=name)]), audio_path=name)
    gone = replace(unread(name, error=name), path="/no/such.wav")
    for shown in (there._repr_html_(), gone._repr_html_()):
        assert "<img src=x" not in shown
        assert "\u2028" not in shown


@pytest.fixture
def found(recorded, tmp_path):
    """What annotate finds in a small recording."""
    recorded(every(0.8, 4))
    return guitarclf.annotate(tmp_path / "take.wav")


def test_what_annotate_returns_is_a_table_that_draws_itself(found):
    shown = found._repr_html_()
    assert shown.count("data:image/png") == 1
    assert "<th>note_id</th>" in shown
    assert isinstance(found, pd.DataFrame)


def test_what_is_taken_from_it_is_a_plain_table(found):
    for taken in (found[found["onset_sec"] > 1], found.copy(), found.assign(x=1), found[["note_id"]], found.head(2)):
        assert type(taken) is pd.DataFrame
    pd.testing.assert_frame_equal(found.copy(), pd.DataFrame(found))


def test_a_table_that_was_changed_in_place_is_shown(found):
    found.loc[0, "label_category"] = "slide"
    found.loc[1, "onset_sec"] = nan
    assert "data:image/png" in found._repr_html_()
    del found["offset_sec"]
    assert "data:image/png" not in found._repr_html_()
    assert "<th>note_id</th>" in found._repr_html_()


def test_whoever_turns_off_tables_in_notebooks_sees_text(found):
    with pd.option_context("display.notebook_repr_html", False):
        assert found._repr_html_() is None


def test_a_recording_that_is_gone_has_its_rows(found, tmp_path):
    (tmp_path / "take.wav").unlink()
    assert "No picture: " in found._repr_html_()
    assert isinstance(found, EventsFrame)
