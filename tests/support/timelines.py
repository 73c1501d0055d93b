"""A small timeline, with one event of each kind."""

from guitarclf.timeline.events import NAN, Event, Timeline

EVENTS = [
    Event(0.1, 0.5, "harmonic", (0.9, 0.04, 0.06), 0.8, 7.123456789, 76),
    Event(0.5, 0.7000004, "dead_note", (0.1, 0.85, 0.05), 0.7, 9.0),
    Event(1 / 3 + 0.5, 1.25, "general_note", (0.05, 0.15, 0.8), 0.9, 3.5, 52),
    Event(1.25, 1.5, "unknown", (0.4, 0.35, 0.25), 0.1, 2.0, 57),
    Event(1.5, 1.75, "", error="It is silent."),
]
LABELLED = EVENTS[:3]
HEARD = EVENTS[:4]
HOSTILE = ['a\tb\nc\rd".wav', "<img src=x onerror=alert(1)>.wav", "höhe, 弦;\u2028x.wav", "n\\udcf6te.wav", "=1+1.wav"]


def timeline(events=EVENTS, audio_path="takes/lick.wav", *, path="", duration=2.0, sample_rate=44100, **settings):
    """Return a Timeline of some events; ``path`` is where its recording is, if there is one."""
    return Timeline(path or audio_path, audio_path, duration, sample_rate, list(events), settings)


def unread(audio_path="gone.wav", error="There is no such file."):
    """Return the Timeline of a recording that could not be opened."""
    return Timeline(audio_path, audio_path, NAN, 0, error=error)
