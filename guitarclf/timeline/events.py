"""Event and Timeline: what was heard in a recording. No pandas, no torch."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from guitarclf.labels import LABELS

NO_PITCH = -1
NAN = float("nan")


class Event(NamedTuple):
    """One event of a recording.

    ``onset`` and ``offset`` are seconds from its start; ``offset`` is the next onset, the end of the window or that of
    the recording, whichever comes first. ``label`` is one of LABELS, UNKNOWN_LABEL below the asked confidence, or "" if
    the event could not be heard, which ``error`` then explains; the numbers are NaN there. ``proba`` is in the order of
    LABELS, ``strength`` the rise at the onset in dB, NaN for an onset that was given. ``pitch`` is a MIDI number,
    NO_PITCH if it was not asked for or is none.
    """

    onset: float
    offset: float
    label: str
    proba: tuple[float, ...] = (NAN,) * len(LABELS)
    confidence: float = NAN
    strength: float = NAN
    pitch: int = NO_PITCH
    error: str = ""


@dataclass(frozen=True)
class Timeline:
    """The events of one recording, in order.

    Parameters
    ----------
    path : str
        Where it can be opened; "-" for a stream.
    audio_path : str
        How tables name it: relative to one root, with forward slashes.
    duration : float
        In seconds; NaN if it could not be opened.
    sample_rate : int
        Of the recording, in Hz; 0 if it could not be opened.
    events : list of Event
    settings : mapping
        What the events depend on, for formats that tell: guitarclf's version, the model, priors, onsets.
    error : str
        Why the recording could not be read to its end, "" if it could.
    stem : str
        How its rows and files are named, if it is not ``audio_path`` without its suffix.
    """

    path: str
    audio_path: str
    duration: float
    sample_rate: int
    events: list[Event] = field(default_factory=list)
    settings: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    stem: str = ""

    def only(self, labels: Iterable[str]) -> "Timeline":
        """Return the timeline with the events of some labels, and those that could not be heard."""
        kept = {*labels, ""}
        return Timeline(**{**vars(self), "events": [event for event in self.events if event.label in kept]})

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a picture, if the recording can be read, and a table."""
        from guitarclf.timeline.picture import as_html

        return as_html(self)


COLUMNS = (
    "note_id",
    "audio_path",
    "onset_sec",
    "offset_sec",
    "pitch_midi",
    "label_category",
    *(f"p_{label}" for label in LABELS),
    "confidence",
    "strength_db",
    "error",
)
TEXTS = ("note_id", "audio_path", "label_category", "error")  # of COLUMNS; the others are numbers


def rows(timeline: Timeline, stem: str | None = None) -> Iterator[dict]:
    """Yield each event as a dict with the keys COLUMNS; a recording that could not be read has a last row that says so.

    ``stem`` begins each ``note_id``; by default it is the timeline's, or ``audio_path`` without its
    suffix. Numbers are as they are.
    """
    name = (timeline.stem or os.path.splitext(timeline.audio_path)[0]) if stem is None else stem
    events = list(timeline.events)
    if timeline.error:
        at = events[-1].onset if events else 0.0
        events.append(Event(at, NAN, "", error=timeline.error))
    for number, event in enumerate(events, start=1):
        values = (
            f"{name}_{number:04d}",
            timeline.audio_path,
            event.onset,
            event.offset,
            event.pitch,
            event.label,
            *event.proba,
            event.confidence,
            event.strength,
            event.error,
        )
        yield dict(zip(COLUMNS, values, strict=True))
