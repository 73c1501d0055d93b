"""A timeline as a MIDI file for programs of notation and tablature; needs the extra ``midi``."""

import io
import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from guitarclf.errors import ParameterError
from guitarclf.files.wording import shown
from guitarclf.labels import LABELS, UNKNOWN_LABEL
from guitarclf.timeline.events import NO_PITCH, Event, Timeline
from guitarclf.timeline.formats.tables import end_of

if TYPE_CHECKING:
    import mido

logger = logging.getLogger(__name__)

TEMPO = 500_000  # microseconds a quarter: 120 quarters a minute
TICKS_PER_QUARTER = 480  # so that a tick is 1.04 ms; with more, readers take an hour's file for a broken one
STEEL_GUITAR, MUTED_GUITAR = 25, 28  # of General MIDI, counted from 0: acoustic guitar (steel), electric guitar (muted)
DEAD_NOTE_PITCH = 40  # E2, the open low string: a dead note has no pitch of its own
VELOCITY = 80
TRACKS = (*LABELS, UNKNOWN_LABEL)  # in the order of their channels


def mid(timeline: Timeline) -> bytes:
    """Return a timeline as a MIDI file: a track for each class that has notes, named as it is, on a guitar.

    Times are right to 0.53 ms, at 120 quarters a minute whatever the music's tempo. A dead note is DEAD_NOTE_PITCH on a
    muted guitar. Other events without a pitch cannot be notes: they are left out, and a warning counts them.

    Raises
    ------
    ParameterError
        If mido is not installed.
    """
    require_mido()
    import mido

    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER, charset="utf-8")
    file.add_track(shown(timeline.audio_path)).append(mido.MetaMessage("set_tempo", tempo=TEMPO))
    n_notes = 0
    for channel, label in enumerate(TRACKS):
        notes = list(_notes(event for event in timeline.events if event.label == label))
        n_notes += len(notes)
        if notes:
            program = MUTED_GUITAR if label == "dead_note" else STEEL_GUITAR
            track = file.add_track(label)
            track.append(mido.Message("program_change", channel=channel, program=program))
            track.extend(_messages(notes, channel))
    n_heard = sum(bool(event.label) for event in timeline.events)
    if n_notes < n_heard:
        told = "%s: without a clear pitch, and so not in the MIDI file: %d of %d events"
        logger.warning(told, shown(timeline.audio_path), n_heard - n_notes, n_heard)
    content = io.BytesIO()
    file.save(file=content)
    return content.getvalue()


def require_mido() -> None:
    """Raise ParameterError unless mido is installed."""
    try:
        import mido  # noqa: F401
    except ImportError as error:
        raise ParameterError(
            "The format mid needs mido. It is not installed. Install guitarclf[midi], or ask for other formats."
        ) from error


def _notes(events: Iterable[Event]) -> Iterator[tuple[int, int, int]]:
    """Yield (pitch, first tick, last tick) of each event that has a pitch; a note lasts for a tick or more."""
    for event in events:
        pitch = DEAD_NOTE_PITCH if event.pitch == NO_PITCH and event.label == "dead_note" else event.pitch
        if pitch != NO_PITCH:
            start = _ticks(event.onset)
            yield pitch, start, max(start + 1, _ticks(end_of(event)))


def _messages(notes: list[tuple[int, int, int]], channel: int) -> "Iterator[mido.Message]":
    """Yield the messages of notes in one channel, each timed from the one before."""
    import mido

    now = 0
    for time, kind, pitch in sorted(_switches(notes)):
        yield mido.Message(kind, channel=channel, note=pitch, velocity=VELOCITY, time=time - now)
        now = time


def _switches(notes: list[tuple[int, int, int]]) -> Iterator[tuple[int, str, int]]:
    """Yield (tick, "note_on" or "note_off", pitch); a note ends where the next one of its pitch starts.

    Otherwise its end would silence that one. Of two that start at one tick there is one. "note_off" is sorted before
    "note_on": what ends at a tick ends before what starts there.
    """
    ends: dict[tuple[int, int], int] = {}
    for pitch, start, end in notes:
        ends[pitch, start] = max(end, ends.get((pitch, start), 0))
    places = sorted(ends)
    for (pitch, start), following in zip(places, [*places[1:], (NO_PITCH, 0)], strict=True):
        end = ends[pitch, start]
        yield start, "note_on", pitch
        yield min(end, following[1]) if following[0] == pitch else end, "note_off", pitch


def _ticks(time: float) -> int:
    return round(time * 1e6 / TEMPO * TICKS_PER_QUARTER)
