import re

import jinja2
import pytest

from guitarclf.pages import render as room
from guitarclf.pages.render import TEMPLATES, render
from guitarclf.pages.sound import sound

HOSTILE = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>.wav"
ROWS = [  # label, confidence, start, end in seconds
    ("harmonic", 0.9, 0.1, 0.4),
    ("dead_note", 0.4, 0.5, 0.6),
    ("general_note", 0.7, 0.7, 1.5),
    ("harmonic", 0.2, 1.5, 1.9),
    ("", None, 1.9, 2.0),
]
PAGE = """
{% extends "base.html.j2" %}
{% from "macros.html.j2" import column, filters, label, play_button %}
{% block main %}
<audio id="take" src="{{ sound }}" preload="auto"></audio>
{{ filters("events", {"harmonic": 2, "dead_note": 1, "general_note": 1, "": 1}) }}
<table id="events"><thead><tr>{{ column("play") }}{{ column("label") }}{{ column("confidence", "number") }}</tr></thead>
<tbody>
{% for name, confidence, start, end in rows %}
<tr data-label="{{ name }}" data-confidence="{{ "" if confidence is none else confidence }}">
<td>{{ play_button("take", start, end) }}</td><td>{{ label(name) }}</td>
<td class="number">{{ "" if confidence is none else confidence }}</td></tr>
{% endfor %}
</tbody></table>
<script type="application/json" id="data">{{ [title] | tojson }}</script>
{% endblock %}
"""


@pytest.fixture
def html(monkeypatch, rng):
    """A page with a table of ROWS and two seconds of sound, its title HOSTILE."""
    loader = jinja2.ChoiceLoader([jinja2.DictLoader({"events.html.j2": PAGE}), jinja2.FileSystemLoader(TEMPLATES)])
    monkeypatch.setattr(room._environment(), "loader", loader)
    noise = rng.uniform(-0.1, 0.1, 44100)
    return render("events.html.j2", title=HOSTILE, rows=ROWS, sound=sound([noise], 22050))


def labels(tab):
    """Return the confidences of the rows that are shown, in their order."""
    return tab.eval_on_selector_all("tbody tr:not([hidden])", "rows => rows.map(row => row.dataset.confidence)")


def test_the_policy_allows_what_is_in_the_page_and_nothing_else(html):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == rules["media-src"] == "data:"
    for name in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules[name])


def test_a_page_made_twice_has_the_same_bytes():
    assert render("base.html.j2", title="a") == render("base.html.j2", title="a")


def test_a_value_that_is_missing_is_told():
    with pytest.raises(jinja2.UndefinedError, match="'title' is undefined"):
        render("base.html.j2")


def test_assets_end_no_element_of_theirs():
    for path in TEMPLATES.glob("*.[cj]s*"):
        assert "</" not in path.read_text(encoding="utf-8"), path
        assert "innerHTML" not in path.read_text(encoding="utf-8"), path


def test_hostile_text_stays_text(html, open_page):
    tab = open_page(html).tab
    assert tab.title() == HOSTILE
    assert tab.inner_text("h1") == HOSTILE
    assert tab.evaluate("JSON.parse(document.getElementById('data').textContent)") == [HOSTILE]
    assert tab.locator("img").count() == 0


def test_a_script_that_gets_in_does_not_run(html, open_page):
    page = open_page(html.replace("<main>", "<main><script>document.title = 'broken in'</script>"))
    assert page.tab.title() == HOSTILE
    assert "Content Security Policy" in page.complaints.pop()


def test_classes_and_confidences_filter_the_table(html, open_page):
    tab = open_page(html).tab
    assert tab.inner_text(".shown") == "5 of 5 shown"
    tab.uncheck("[name=label][value=harmonic]")
    assert labels(tab) == ["0.4", "0.7", ""]
    tab.fill("[name=least]", "0.5")
    assert labels(tab) == ["0.7", ""]
    tab.fill("[name=most]", "0.6")
    assert labels(tab) == [""]
    assert tab.inner_text(".shown") == "1 of 5 shown"
    assert tab.inner_text("[name=most_shown]") == "0.60"


def test_columns_sort_both_ways_and_what_is_missing_is_last(html, open_page):
    tab = open_page(html).tab
    tab.click("thead >> text=confidence")
    assert labels(tab) == ["0.2", "0.4", "0.7", "0.9", ""]
    assert tab.get_attribute("th:nth-child(3)", "aria-sort") == "ascending"
    tab.click("thead >> text=confidence")
    assert labels(tab) == ["0.9", "0.7", "0.4", "0.2", ""]
    tab.click("thead >> text=label")
    assert labels(tab)[:3] == ["0.4", "", "0.7"]  # dead_note, error, general_note


def test_a_button_plays_its_stretch_and_no_more(html, open_page):
    page = open_page(html)
    tab = page.tab
    tab.click("tr:nth-child(2) button.play")
    page.wait("document.getElementById('take').currentTime > 0.5")
    page.wait("document.getElementById('take').paused")
    assert 0.6 <= tab.evaluate("document.getElementById('take').currentTime") < 0.75
    assert tab.locator(".playing").count() == 0


def test_a_second_click_stops_and_another_button_takes_over(html, open_page):
    page = open_page(html)
    tab = page.tab
    tab.click("tr:nth-child(3) button.play")
    assert tab.locator(".playing").count() == 1
    tab.click("tr:nth-child(3) button.play")
    assert tab.evaluate("document.getElementById('take').paused")
    tab.click("tr:nth-child(3) button.play")
    tab.click("tr:nth-child(4) button.play")
    page.wait("document.getElementById('take').currentTime > 1.5")
    assert tab.locator("tr:nth-child(4) .playing").count() == 1


def test_keys_move_play_and_filter(html, open_page):
    page = open_page(html)
    tab = page.tab
    tab.keyboard.press("ArrowDown")
    assert tab.get_attribute("tr.selected", "data-confidence") == "0.9"
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowUp")
    assert tab.get_attribute("tr.selected", "data-confidence") == "0.4"
    tab.keyboard.press(" ")
    page.wait("document.getElementById('take').currentTime > 0.5")
    tab.keyboard.press("Escape")
    assert tab.evaluate("document.getElementById('take').paused")
    tab.keyboard.press("2")
    assert labels(tab) == ["0.9", "0.7", "0.2", ""]
    tab.keyboard.press("ArrowDown")
    assert tab.get_attribute("tr.selected:not([hidden])", "data-confidence") == "0.9"
