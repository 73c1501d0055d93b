"""A timeline as a figure, and as what a notebook shows of it."""

import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from guitarclf.audio.recordings import open_recording
from guitarclf.errors import AudioReadError
from guitarclf.evaluation.drawing import (
    CLASS_COLOURS,
    GREY,
    ORANGE,
    PAGE,
    as_bytes,
    blank_figure,
    styled,
    text_of,
    word_of,
)
from guitarclf.labels import LABELS, UNKNOWN_LABEL
from guitarclf.pages.pictures import SHOWN_DB, STEP_DB, bands, read_log_mel
from guitarclf.pages.render import data_uri, render
from guitarclf.timeline.events import Event, Timeline
from guitarclf.timeline.page import Row, blocks_of, clock, stretch_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE_SEC, MAX_LINES = 15.0, 4  # seconds of a line of a picture, and lines of one
LINE_HEIGHT = 26.0  # mm
MARKED_HZ = (300, 1000, 3000)
STRIPE = 0.08  # of the height of a line, in which the events are bars
COLOURS = CLASS_COLOURS | {UNKNOWN_LABEL: GREY, "": "black"}
OTHER = ORANGE
MAX_ROWS = 60  # events of a table in a notebook


def draw_timeline(timeline: Timeline) -> "Figure":
    """Return a recording as a figure: its log-mel, line below line, with the events in the colours of their classes.

    The recording is read again. Of one that is long the first MAX_LINES lines are drawn, from the ``start`` in the
    timeline's settings on.

    Raises
    ------
    AudioReadError
        If there is nothing to read it from, as of a stream.
    """
    start, end = stretch_of(timeline)
    shown = min(end, start + MAX_LINES * LINE_SEC)
    if timeline.path == "-" or shown <= start:
        raise AudioReadError(f"{timeline.audio_path} must be a recording that can be read again. It is none.")
    channel, problems = timeline.settings.get("channel", "auto"), list[str]()
    with open_recording(timeline.path) as source:
        heard = read_log_mel(blocks_of(source, channel, start, shown, problems), source.samplerate)
    part = f", {clock(start, 0)} to {clock(shown, 0)} of {clock(timeline.duration, 0)}" if shown < end or start else ""
    title = f"{timeline.audio_path}{part}"
    return _draw(heard.levels, heard.columns_per_sec, timeline.events, start, shown, title)


@styled
def _draw(
    levels: np.ndarray, columns_per_sec: float, events: Sequence[Event], start: float, end: float, title: str
) -> "Figure":
    """Return the figure of `[n_mels, n_columns]` levels that begin at ``start`` seconds."""
    n_lines = max(1, math.ceil((end - start) / LINE_SEC - 1e-9))
    figure = blank_figure(PAGE, 14 + LINE_HEIGHT * n_lines)
    length = LINE_SEC if n_lines > 1 else end - start
    counts = Counter(event.label for event in events if start <= event.onset < end)
    for line, axis in enumerate(figure.subplots(n_lines, 1, squeeze=False)[:, 0]):
        first = start + line * length
        columns = slice(*(round((place - start) * columns_per_sec) for place in (first, first + length)))
        _draw_line(axis, levels[:, columns], first, columns_per_sec, loudest=float(levels.max(initial=1)))
        for event in events:
            _mark(axis, event, first, first + length)
        axis.set_xlim(first, first + length)
    axis.set_xlabel("time (s)")
    figure.suptitle(text_of(title), x=0.01, ha="left", fontsize=8)
    if counts:
        _add_legend(figure, counts)
    return figure


def _add_legend(figure: "Figure", counts: Counter[str]) -> None:
    """Add how many events there are of each label; labels that are not ours, as somebody's corrections, come last."""
    from matplotlib.patches import Patch

    names = [label for label in (*LABELS, UNKNOWN_LABEL, "") if counts[label]]
    names += sorted(counts.keys() - {*names})
    told = [f"{text_of(word_of(label)) or 'not heard'} {counts[label]}" for label in names]
    patches = [Patch(color=_colour(label), label=text) for label, text in zip(names, told, strict=True)]
    figure.legend(handles=patches, loc="outside lower left", ncols=len(names))


def _colour(label: str) -> str:
    return COLOURS.get(label, OTHER)


def _draw_line(axis: "Axes", levels: np.ndarray, start: float, columns_per_sec: float, *, loudest: float) -> None:
    """Draw the log-mel of a line, dark where the sound is loud, its axis in Hz."""
    n_mels, n_columns = levels.shape
    centers = bands()
    if n_columns:
        extent = (start, start + n_columns / columns_per_sec, -0.5, n_mels - 0.5)
        lowest = loudest - SHOWN_DB / STEP_DB
        shown = np.clip(levels, lowest, loudest)
        axis.imshow(shown, origin="lower", aspect="auto", extent=extent, cmap="Greys", vmin=lowest, vmax=loudest)
    axis.set_yticks(np.interp(MARKED_HZ, centers, np.arange(n_mels)), [str(hz) for hz in MARKED_HZ])
    axis.set_ylim(-0.5, n_mels * (1 + STRIPE))
    axis.set_ylabel("Hz")


def _mark(axis: "Axes", event: Event, start: float, end: float) -> None:
    """Draw an event as a bar over a line, and its onset as a line, as far as they lie between two moments."""
    offset = event.offset if math.isfinite(event.offset) else event.onset
    left, right = max(event.onset, start), min(max(offset, event.onset + 0.01), end)
    if left < right:
        colour, (low, high) = _colour(event.label), axis.get_ylim()
        height = (high - low) * STRIPE / (1 + STRIPE)
        axis.barh(
            high - height / 2, right - left, left=left, height=height, color=colour, edgecolor="white", linewidth=0.4
        )
        if event.onset >= start:
            axis.axvline(event.onset, color=colour, linewidth=0.8, alpha=0.8)


def as_html(timeline: Timeline) -> str:
    """Return what a notebook shows of a timeline: the picture, if the recording can be read, and a table of events."""
    start, _ = stretch_of(timeline)
    return render(
        "timeline_inline.html.j2",
        pictures=pictures_of([timeline]),
        rows=[Row.of(number, event, start) for number, event in enumerate(timeline.events[:MAX_ROWS], start=1)],
        n_events=len(timeline.events),
        labels=LABELS,
        error=timeline.error,
    )


def pictures_of(timelines: Iterable[Timeline]) -> list[tuple[str, str]]:
    """Return (name, data URI of a PNG) of each timeline; where there is none to draw, the reason is the name."""
    pictures = []
    for timeline in timelines:
        try:
            picture = data_uri(as_bytes(draw_timeline(timeline)), "image/png")
            pictures.append((os.path.basename(timeline.audio_path), picture))
        except AudioReadError as error:
            pictures.append((str(error), ""))
    return pictures
