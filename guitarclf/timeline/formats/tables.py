"""A timeline as a table: CSV, Audacity's label track, Raven's selection table."""

import math

from guitarclf.files.cells import DECIMALS, as_cell, csv_lines
from guitarclf.files.wording import shown
from guitarclf.labels import LABELS
from guitarclf.timeline.events import COLUMNS, Event, Timeline, rows

RAVEN_COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Begin File",
    "Annotation",
    "Confidence",
    *(f"p_{label}" for label in LABELS),
)


def csv(timeline: Timeline) -> str:
    """Return a timeline as the table that ``validate``, ``train`` and ``eval`` read, with the columns COLUMNS.

    Of several timelines, or of one that is being heard, :func:`guitarclf.files.cells.csv_lines` gives the lines one by
    one below one header, from their :func:`~guitarclf.timeline.events.rows`.
    """
    return "".join(csv_lines(COLUMNS, rows(timeline)))


def audacity(timeline: Timeline) -> str:
    """Return a timeline as a label track: a line ``start<TAB>end<TAB>label`` for each event, in seconds.

    What could not be heard is a label without text, to be filled in.
    """
    return "".join(f"{_seconds(event.onset)}\t{_seconds(end_of(event))}\t{event.label}\n" for event in timeline.events)


def raven(timeline: Timeline) -> str:
    """Return a timeline as a selection table of Raven, from 0 Hz up to half the sample rate.

    Events that could not be heard are left out.
    """
    name = shown(timeline.audio_path.rpartition("/")[2])  # on one line, without tabs
    heard = [event for event in timeline.events if event.label]
    lines = [RAVEN_COLUMNS]
    for number, event in enumerate(heard, start=1):
        times = _seconds(event.onset), _seconds(end_of(event))
        frequencies = "0.0", f"{timeline.sample_rate / 2:.1f}"  # as readers of these tables take no whole numbers
        numbers = ("" if math.isnan(value) else str(as_cell(value)) for value in (event.confidence, *event.proba))
        lines.append((str(number), "Spectrogram 1", "1", *times, *frequencies, name, event.label, *numbers))
    return "".join("\t".join(cells) + "\n" for cells in lines)


def end_of(event: Event) -> float:
    """Return when an event ends, in seconds; its onset if that is not known."""
    return event.onset if math.isnan(event.offset) else event.offset


def _seconds(time: float) -> str:
    return f"{time:.{DECIMALS}f}"
