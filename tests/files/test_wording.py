"""Words of messages: whatever a file or a table holds, a message stays one short line."""

from pathlib import Path

import pytest

from guitarclf.files.wording import MAX_SHOWN, shortened, shown

SHOWN = [(Path("nöté 弦"), "nöté 弦"), ("a\nb", r"a\nb"), ("\udcff", r"\udcff"), (3, "3"), (["\n"], r"['\n']")]


@pytest.mark.parametrize(("value", "text"), SHOWN)
def test_a_value_is_shown_on_one_line(value, text):
    assert shown(value) == text


def test_a_long_value_is_cut():
    assert shortened("x" * 1000) == "x" * MAX_SHOWN + "..."
    assert shortened("x" * MAX_SHOWN) == "x" * MAX_SHOWN
