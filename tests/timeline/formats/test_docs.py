"""What docs/formats.md shows is what is written."""

import re
from pathlib import Path

import pytest

import guitarclf
from guitarclf.timeline.events import Event, Timeline
from guitarclf.timeline.formats import FORMATS

PAGE = (Path(guitarclf.__file__).parent.parent / "docs" / "formats.md").read_text(encoding="utf-8")
EVENTS = [
    Event(0.41, 0.865, "dead_note", (0.03, 0.95, 0.02), 0.93, 8.25),
    Event(0.865, 1.865, "general_note", (0.01, 0.015, 0.975), 0.97, 6.1234567, 52),
    Event(2.1, 2.5, "", strength=4.0, error="It is silent there."),
]
SETTINGS = {"guitarclf": "0.2.0", "model": "pretrained"}
SHOWN = dict(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("name", ["csv", "audacity", "raven", "jsonl"])
def test_the_examples_are_what_is_written(name):
    lick = Timeline("takes/lick.wav", "takes/lick.wav", 3.25, 44100, EVENTS, SETTINGS)
    assert SHOWN[name] == FORMATS[name].content(lick)


def test_each_format_is_described_with_the_end_of_its_files():
    for name, form in FORMATS.items():
        assert f"\n## {name}\n" in PAGE
        assert f"| `{name}` | `lick{form.suffix}` |" in PAGE
