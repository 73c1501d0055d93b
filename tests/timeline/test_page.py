"""The page of a timeline, as a browser shows it."""

import re
from dataclasses import replace
from math import nan

import numpy as np
import pytest
import soundfile as sf
from notes import RATE, decaying_sine

from guitarclf.labels import UNKNOWN_LABEL
from guitarclf.timeline import page
from guitarclf.timeline.events import Event, Timeline
from guitarclf.timeline.page import clock, html

HOSTILE = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>.wav"
EVENTS = [
    Event(0.5, 1.0, "harmonic", (0.9, 0.05, 0.05), 0.9, 8.0, 64),
    Event(1.0, 1.3, "dead_note", (0.1, 0.8, 0.1), 0.8, 9.5),
    Event(1.3, 2.3, "general_note", (0.2, 0.1, 0.7), 0.6, 4.0, 45),
    Event(2.3, 2.6, UNKNOWN_LABEL, (0.4, 0.3, 0.3), 0.1, 1.5),
    Event(2.6, 2.9, "", error="It is silent."),
]
SETTINGS = {"model": "pretrained", "priors": {"harmonic": 0.07}, "guitarclf": "0.3.0"}


@pytest.fixture
def timeline_of(write_wav):
    """`timeline_of(events=EVENTS, duration=3.0, **fields of Timeline)`, of a file with a note at each onset."""

    def make(events=EVENTS, duration=3.0, **fields) -> Timeline:
        sound = np.zeros(round(duration * RATE), dtype=np.float32)
        for event in events:
            start = round(event.onset * RATE)
            note = decaying_sine(440, 0.3)[: len(sound) - start]
            sound[start : start + len(note)] += note
        path = str(write_wav(sound, "take.wav"))
        return replace(Timeline(path, "take.wav", duration, RATE, list(events), SETTINGS), **fields)

    return make


def shown_labels(tab, what="tbody tr"):
    """Return the labels of the rows, or of the marks, that are not hidden."""
    return tab.eval_on_selector_all(f"{what}:not([hidden])", "all => all.map(one => one.dataset.label)")


def test_an_event_is_a_row_and_a_mark_at_its_place(timeline_of, open_page):
    tab = open_page(html(timeline_of())).tab
    assert tab.title() == "take.wav"
    cells = tab.eval_on_selector_all("tbody tr:first-child td", "cells => cells.map(cell => cell.innerText)")
    assert shown_labels(tab) == ["harmonic", "dead_note", "general_note", "unknown", ""]
    assert cells[1:] == ["1", "0:00.500", "0.500", "harmonic", "0.900", "0.900", "0.050", "0.050", "E4", "8.0", ""]
    assert shown_labels(tab, ".mark") == ["harmonic", "dead_note", "general_note", "unknown", ""]
    places = tab.evaluate(
        """() => { const track = document.querySelector(".track").getBoundingClientRect();
        return [...document.querySelectorAll(".mark, .track img")].map((element) => {
            const box = element.getBoundingClientRect();
            return [3 * (box.left - track.left) / track.width, 3 * (box.right - track.left) / track.width]; }); }"""
    )
    assert places[0] == pytest.approx((0, 3), abs=0.01)  # the picture
    assert places[1:] == [pytest.approx((event.onset, event.offset), abs=0.01) for event in EVENTS]


def test_it_says_what_the_events_depend_on_and_how_many_there_are(timeline_of, open_page):
    tab = open_page(html(timeline_of())).tab
    assert tab.inner_text("header p") == "3.0 s · 22.05 kHz · 5 events · model pretrained"
    counts = tab.eval_on_selector_all(".filters label:has(.count)", "all => all.map(one => one.innerText.trim())")
    assert [count.split() for count in counts] == [
        ["harmonic", "1"],
        ["dead_note", "1"],
        ["general_note", "1"],
        ["unknown", "1"],
        ["error", "1"],
    ]
    tab.click("text=What the events depend on")
    assert tab.inner_text("dl").split() == ["model", "pretrained", "priors.harmonic", "0.07", "guitarclf", "0.3.0"]


@pytest.mark.parametrize("element", ["tbody tr:nth-child(2)", "tbody tr:nth-child(2) button", ".mark:nth-child(2)"])
def test_a_click_plays_just_that_event(timeline_of, open_page, element):
    page = open_page(html(timeline_of()))
    page.tab.click(element)
    page.wait("document.getElementById('recording').currentTime > 1.0")
    assert page.tab.get_attribute("tr.playing.selected", "data-label") == "dead_note"
    page.wait("document.getElementById('recording').paused")
    assert 1.3 <= page.tab.evaluate("document.getElementById('recording').currentTime") < 1.45
    assert page.tab.get_attribute(".mark.selected", "data-label") == "dead_note"


def test_a_browser_that_does_not_play_the_sound_says_so(timeline_of, open_page):
    content = html(timeline_of())
    assert open_page(content).tab.is_hidden("#mute")
    page = open_page(content.replace("data:audio/ogg;base64,T2dn", "data:audio/ogg;base64,AAAA"))
    page.wait("!document.getElementById('mute').hidden")
    page.tab.click(".mark:nth-child(2)")
    page.wait("!document.querySelector('.playing')")


def test_a_click_below_the_events_plays_on_from_there(timeline_of, open_page):
    page = open_page(html(timeline_of()))
    ruler = page.tab.locator(".ruler").bounding_box()
    page.tab.mouse.click(ruler["x"] + ruler["width"] / 2, ruler["y"] + ruler["height"] / 2)
    page.wait("document.getElementById('recording').currentTime > 1.6")
    # Asked for at once: it plays on.
    left, now, whole = page.tab.evaluate(
        "(() => {const recording = document.getElementById('recording'); return [parseFloat("
        "document.querySelector('.playhead').style.left), recording.currentTime, recording.duration]})()"
    )
    assert left == pytest.approx(100 * now / whole, abs=10)  # percent


def test_a_filter_holds_for_rows_and_marks(timeline_of, open_page):
    tab = open_page(html(timeline_of())).tab
    tab.uncheck("[name=label][value=general_note]")
    tab.fill("[name=least]", "0.5")
    assert shown_labels(tab) == shown_labels(tab, ".mark") == ["harmonic", "dead_note", ""]


def test_keys_go_from_event_to_event_and_zoom(timeline_of, open_page):
    page = open_page(html(timeline_of()))
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp"):
        page.tab.keyboard.press(key)
    assert page.tab.get_attribute("tr.selected", "data-label") == "dead_note"
    width = page.tab.evaluate("document.querySelector('.track').offsetWidth")
    page.tab.keyboard.press("+")
    assert page.tab.evaluate("document.querySelector('.track').offsetWidth") > 0.75 * width
    page.tab.keyboard.press(" ")
    page.wait("document.getElementById('recording').currentTime > 1.0")


def test_an_event_out_of_sight_is_scrolled_to(timeline_of, open_page):
    events = [Event(second + 0.1, second + 0.6, "general_note", (0, 0, 1), 0.9) for second in range(60)]
    tab = open_page(html(timeline_of(events, 60.0))).tab
    assert tab.evaluate("document.querySelector('.view').scrollLeft") == 0
    row = tab.locator("tbody tr:nth-child(50)")
    row.scroll_into_view_if_needed()
    tab.wait_for_timeout(100)  # rows out of sight have no layout: they move once more when they come into it
    row.click()
    box, view = tab.locator(".mark.selected").bounding_box(), tab.locator(".view").bounding_box()
    assert view["x"] <= box["x"]
    assert box["x"] + box["width"] <= view["x"] + view["width"]


@pytest.mark.parametrize("width", [390, 1000, 1280])
def test_no_page_is_wider_than_its_window(timeline_of, open_page, width):
    tab = open_page(html(timeline_of()), viewport={"width": width, "height": 800}).tab
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_names_and_errors_stay_text(timeline_of, open_page):
    events = [Event(0.5, 1.0, "", error=HOSTILE)]
    timeline = timeline_of(events, audio_path=HOSTILE, error=HOSTILE, settings={HOSTILE: HOSTILE, "model": HOSTILE})
    tab = open_page(html(timeline)).tab
    assert tab.inner_text("h1") == tab.title() == tab.inner_text(".problem") == tab.inner_text("td.words") == HOSTILE
    assert tab.locator("img:not(.grey)").count() == 0


@pytest.mark.parametrize("name", ["a\nb\tc.wav", "\udcf6.wav", "a\u202eb.wav", "x" * 300 + ".wav"])
def test_any_name_makes_a_page_that_utf_8_can_hold(timeline_of, name):
    assert (
        "\n"
        not in re.search("<title>(.*?)</title>", html(timeline_of(audio_path=name)).encode().decode(), re.DOTALL)[1]
    )


def test_a_recording_without_events_says_so(timeline_of, open_page):
    tab = open_page(html(timeline_of([]))).tab
    assert "No event was found" in tab.inner_text("main")
    assert tab.locator("audio").count() == 1
    assert tab.locator("table").count() == 0


def test_300_samples_are_a_page_too(timeline_of, open_page):
    event = Event(0.0, 300 / RATE, "dead_note", (0, 1, 0), 0.9)
    page = open_page(html(timeline_of([event], 300 / RATE)))
    page.tab.click(".mark")
    page.wait("document.getElementById('recording').paused")


def test_a_recording_that_is_gone_has_its_table_and_the_reason(timeline_of, open_page, tmp_path):
    gone = replace(timeline_of(), path=str(tmp_path / "gone.wav"), duration=nan, sample_rate=0)
    tab = open_page(html(gone)).tab
    assert "There is no such file" in tab.inner_text(".problem")
    assert tab.locator("audio, img").count() == 0
    assert len(shown_labels(tab)) == len(shown_labels(tab, ".mark")) == 5
    tab.click(".mark:nth-child(3)")
    assert tab.get_attribute("tr.selected", "data-label") == "general_note"


def test_one_that_cannot_be_opened_and_has_no_event_is_a_page_with_the_reason_once(open_page, tmp_path):
    (tmp_path / "take.wav").write_bytes(b"no sound")
    timeline = Timeline(str(tmp_path / "take.wav"), "take.wav", nan, 0)
    tab = open_page(html(timeline)).tab
    assert tab.locator(".problem:not([hidden])").count() == 1
    assert "No event was found" not in tab.inner_text("main")


@pytest.mark.skipif(
    sf.__libsndfile_version__ < "1.2.2", reason="this libsndfile reads nothing of a FLAC that is cut short"
)
def test_one_that_is_cut_short_is_heard_to_where_it_can_be_read(timeline_of, open_page, tmp_path, rng):
    path = tmp_path / "cut.flac"
    sf.write(path, rng.uniform(-0.5, 0.5, 25 * RATE), RATE)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    tab = open_page(html(replace(timeline_of(), path=str(path), duration=25.0))).tab
    assert tab.locator(".problem:not([hidden])").count() == 1
    assert tab.locator(".track img").count() == 1
    assert tab.evaluate("document.getElementById('recording').duration") == pytest.approx(10, abs=0.2)


def test_a_stretch_has_its_own_page(timeline_of, open_page, rng, write_wav):
    path = write_wav(0.01 * rng.standard_normal(30 * RATE))
    events = [Event(12.5, 13.0, "harmonic", (1, 0, 0), 0.9), Event(13.0, 14.2, "dead_note", (0, 1, 0), 0.9)]
    settings = {"start": 12.0, "end": 14.0}
    page = open_page(html(Timeline(str(path), "take.wav", 30.0, RATE, events, settings)))
    tab = page.tab
    assert tab.inner_text("header p").startswith("2.2 s from 0:12 on")
    assert tab.evaluate("document.getElementById('recording').duration") == pytest.approx(2.2, abs=0.05)
    assert tab.inner_text("tbody td:nth-child(3)") == "0:12.500"
    assert tab.inner_text(".ruler span:first-child") == "0:12.0"
    left = tab.evaluate("parseFloat(document.querySelector('.mark').style.left)")
    assert left == pytest.approx(100 * 0.5 / 2.2, abs=0.01)
    tab.click(".mark")
    page.wait("document.getElementById('recording').currentTime > 0.5")


def test_a_stream_has_no_sound_and_says_so(timeline_of, open_page):
    tab = open_page(html(replace(timeline_of(), path="-", audio_path="-"))).tab
    assert "came as a stream" in tab.inner_text(".remark")
    assert tab.locator("audio").count() == 0
    assert tab.locator(".problem").count() == 0


@pytest.mark.parametrize(("limit", "value"), [("MAX_SOUND_SEC", 2.9), ("MAX_BYTES", 5000)])
def test_sound_that_would_be_too_large_is_left_out(timeline_of, open_page, monkeypatch, limit, value):
    monkeypatch.setattr(page, limit, value)
    tab = open_page(html(timeline_of())).tab
    assert "sound is left out" in tab.inner_text(".remark")
    assert tab.locator("audio, button.play").count() == 0
    assert tab.locator(".track img").count() == 1


def test_of_too_many_events_the_first_are_shown(timeline_of, open_page, monkeypatch):
    monkeypatch.setattr(page, "MAX_ROWS", 2)
    tab = open_page(html(timeline_of())).tab
    assert "first 2 of 5 events" in tab.inner_text(".remark")
    assert shown_labels(tab) == ["harmonic", "dead_note"]
    assert tab.locator(".count").all_inner_texts() == ["1", "1", "0"]


def test_a_quiet_recording_is_made_louder_and_says_by_how_much(timeline_of, write_wav):
    quiet = 0.045 * np.sin(np.arange(RATE) / 10)
    path = write_wav(quiet, "quiet.wav")
    assert "mono, +20 dB;" in html(timeline_of([], 1.0, path=str(path)))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.000"), (62.3456, "1:02.346"), (59.9996, "1:00.000"), (3599.9999, "1:00:00.000"), (nan, "")],
)
def test_times_are_minutes_and_seconds(seconds, text):
    assert clock(seconds) == text
