"""The formats a timeline is written in; docs/formats.md describes them."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from guitarclf.errors import ParameterError
from guitarclf.files.wording import shown
from guitarclf.timeline.events import Timeline
from guitarclf.timeline.formats.midi import mid, require_mido
from guitarclf.timeline.formats.records import jams, jsonl
from guitarclf.timeline.formats.tables import audacity, csv, raven


def html(timeline: Timeline) -> str:
    """Return a timeline as a page: :func:`guitarclf.timeline.page.html`, which loads what other formats do without."""
    from guitarclf.timeline import page

    return page.html(timeline)


class Format(NamedTuple):
    """How the names of its files end, and what gives back their content: text, to be written as UTF-8, or bytes."""

    suffix: str
    content: Callable[[Timeline], str | bytes]


FORMATS = {
    "csv": Format(".csv", csv),
    "audacity": Format(".txt", audacity),
    "raven": Format(".selections.txt", raven),
    "jams": Format(".jams", jams),
    "mid": Format(".mid", mid),
    "jsonl": Format(".jsonl", jsonl),
    "html": Format(".html", html),
}


def check_formats(names: Iterable[str]) -> None:
    """Raise ParameterError if there is no such format, or if what one needs is not installed."""
    for name in names:
        if name not in FORMATS:
            raise ParameterError(f"A format must be one of {', '.join(FORMATS)}. Got {shown(name)}.")
        if name == "mid":
            require_mido()
        if name == "html":
            _require_jinja2()


def _require_jinja2() -> None:
    """Raise ParameterError unless jinja2 is installed, which predictions do without."""
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise ParameterError(
            "The format html needs jinja2. It is not installed. Install jinja2, or ask for other formats."
        ) from error
