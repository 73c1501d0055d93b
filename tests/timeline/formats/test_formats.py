"""The table of formats."""

import subprocess
import sys
from pathlib import Path

import pytest
from timelines import timeline

from guitarclf.errors import ParameterError
from guitarclf.timeline.formats import FORMATS, check_formats

SUPPORT = Path(__file__).parents[2] / "support"


def test_no_two_formats_write_one_file():
    suffixes = [form.suffix for form in FORMATS.values()]
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_timeline_gives_the_same_content(name):
    assert FORMATS[name].content(timeline()) == FORMATS[name].content(timeline())


def test_an_unknown_format_is_refused_with_those_that_are_known():
    check_formats(FORMATS)
    with pytest.raises(ParameterError, match=r"must be one of csv, audacity, .*\. Got wav\."):
        check_formats(["csv", "wav"])


@pytest.mark.parametrize(
    ("name", "library", "advice"), [("mid", "mido", r"Install guitarclf\[midi\]"), ("html", "jinja2", "Install jinja2")]
)
def test_a_format_whose_library_is_missing_is_refused_before_the_work(monkeypatch, name, library, advice):
    monkeypatch.setitem(sys.modules, library, None)
    check_formats(other for other in FORMATS if other != name)
    with pytest.raises(ParameterError, match=advice):
        check_formats(["csv", name])


def test_formats_of_text_need_the_standard_library_alone():
    script = (
        f"import sys\nsys.path.insert(0, {str(SUPPORT)!r})\nbefore = set(sys.modules)\n"
        "from timelines import timeline\nfrom guitarclf.timeline.formats import FORMATS\n"
        "for name in ('csv', 'audacity', 'raven', 'jams', 'jsonl'):\n    FORMATS[name].content(timeline())\n"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"guitarclf", "lazy_loader", "timelines"}
