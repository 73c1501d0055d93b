"""html: a timeline as a page that one opens in a browser, to hear and see each event."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import soundfile

from guitarclf.audio.onset_times import BLOCK_SEC, mono_blocks
from guitarclf.audio.recordings import open_recording
from guitarclf.errors import AudioReadError
from guitarclf.files.wording import shown
from guitarclf.labels import LABELS, UNKNOWN_LABEL
from guitarclf.pages.pictures import bands, read_log_mel
from guitarclf.pages.render import render
from guitarclf.pages.sound import gain_for, sound
from guitarclf.timeline.events import NO_PITCH, Event, Timeline

MAX_BYTES = 20_000_000  # of a page; beyond it is without sound
MAX_SOUND_SEC = 3600.0  # that are encoded to see how large they are
MAX_ROWS, BYTES_OF_ROW = 10_000, 600  # events that a browser still scrolls through with ease
PITCHES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
MARKED_HZ = (300, 1000, 3000)
A_PART = "For a page of a part give --start and --end."


def html(timeline: Timeline) -> str:
    """Return the page of a recording: its log-mel with the events in colour, its sound, and a table of the events.

    The recording is read again, in bounded memory; where it cannot be, the page says so. A page has MAX_BYTES at most:
    sound for which there is no room is left out, and of more than MAX_ROWS events the first are shown. It says so.
    Where the settings have a ``start`` or an ``end``, it shows that stretch.
    """
    start, end = stretch_of(timeline)
    recording = _read(timeline, start, end)
    events, length = timeline.events[:MAX_ROWS], end - start
    remarks = list(recording.remarks)
    if len(timeline.events) > len(events):
        remarks.append(f"These are the first {len(events)} of {len(timeline.events)} events. {A_PART}")
    counts = Counter(event.label for event in events)
    return render(
        "timeline.html.j2",
        title=shown(timeline.audio_path),
        origin=start,
        duration=length,
        length=f"{length:.1f} s" if length < 60 else clock(length, 0),
        start=clock(start, 0) if start else "",
        sample_rate=timeline.sample_rate,
        counts={label: counts[label] for label in (*LABELS, UNKNOWN_LABEL, "") if counts[label] or label in LABELS},
        n_events=len(timeline.events),
        problems=list(dict.fromkeys(filter(None, (timeline.error, *recording.problems)))),
        remarks=remarks,
        settings=dict(_flat(timeline.settings)),
        recording=recording,
        frequencies=_frequencies(),
        rows=[Row.of(number, event, start) for number, event in enumerate(events, start=1)],
        columns=Columns.of(events),
        labels=LABELS,
    )


def stretch_of(timeline: Timeline) -> tuple[float, float]:
    """Return the seconds of a recording that its page is about; up to the last offset if its length is not known."""
    last = max((event.offset for event in timeline.events if math.isfinite(event.offset)), default=0.0)
    whole = timeline.duration if math.isfinite(timeline.duration) else last
    start, end = (timeline.settings.get(name) for name in ("start", "end"))
    start = min(float(start or 0), whole)
    return start, whole if end is None else max(start, min(whole, max(last, float(end))))


@dataclass
class Recording:
    """What a page has of a recording: tiles of its log-mel, its sound, and what there is to say about them."""

    tiles: list[tuple[float, float, str]] = field(default_factory=list)
    sound: str = ""
    gain_db: int = 0
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def _read(timeline: Timeline, start: float, end: float) -> Recording:
    """Return the Recording of a stretch, read twice: once for its picture and its level, and once for its sound."""
    recording = Recording()
    if timeline.path == "-":
        recording.remarks.append("The sound came as a stream, of which nothing was kept.")
        return recording
    try:
        with open_recording(timeline.path) as source:
            channel = timeline.settings.get("channel", "auto")
            blocks = partial(blocks_of, source, channel, start, end, recording.problems)
            peaks = [0.0]
            strip = read_log_mel(_noting_peaks(blocks(), peaks), source.samplerate, end - start)
            recording.tiles = list(strip.tiles())
            gain = gain_for(max(peaks))
            if end - start <= MAX_SOUND_SEC:
                recording.sound = sound(blocks(), source.samplerate, gain)
                recording.gain_db = round(20 * math.log10(gain))
    except AudioReadError as error:
        recording.problems.append(str(error))
        return recording
    n_rows = min(MAX_ROWS, len(timeline.events))
    n_bytes = len(recording.sound) + sum(len(picture) for _, _, picture in recording.tiles) + BYTES_OF_ROW * n_rows
    if not recording.sound or n_bytes > MAX_BYTES:
        recording.sound = ""
        recording.remarks.append(f"The sound is left out: it would make the page too large. {A_PART}")
    return recording


def blocks_of(
    source: soundfile.SoundFile, channel: str | int, start: float, end: float, problems: list[str]
) -> Iterator[np.ndarray]:
    """Yield a stretch of an open recording as the model hears it, up to where it can be read; why not is a problem."""
    first = math.floor(start / BLOCK_SEC)
    place, last = first * round(BLOCK_SEC * source.samplerate), round(end * source.samplerate)
    skipped = round(start * source.samplerate) - place
    try:
        for block in mono_blocks(source, channel, first):
            yield block[skipped : max(0, last - place)]
            place, skipped = place + len(block), 0
            if place >= last:
                return
    except AudioReadError as error:
        problems.append(str(error))


def _noting_peaks(blocks: Iterator[np.ndarray], peaks: list[float]) -> Iterator[np.ndarray]:
    for block in blocks:
        peaks.append(float(np.abs(block).max(initial=0)))
        yield block


@dataclass(frozen=True)
class Columns:
    """Which columns have something to show."""

    pitch: bool
    strength: bool
    error: bool

    @classmethod
    def of(cls, events: list[Event]) -> "Columns":
        """Return those of some events."""
        return cls(
            pitch=any(event.pitch != NO_PITCH for event in events),
            strength=any(math.isfinite(event.strength) for event in events),
            error=any(event.error for event in events),
        )


@dataclass(frozen=True)
class Row:
    """An event as a table shows it, ``onset`` and ``offset`` in seconds of the page; what is not there is ""."""

    number: int
    label: str
    onset: float
    offset: float
    start: str
    length: str
    confidence: str
    tenths: int
    proba: list[str]
    strength: str
    midi: int | str
    pitch: str
    error: str

    @classmethod
    def of(cls, number: int, event: Event, origin: float) -> "Row":
        """Return the row of an event, counted from 1, on a page that begins at ``origin``."""
        return cls(
            number=number,
            label=event.label,
            onset=round(event.onset - origin, 5),
            offset=round((event.offset if math.isfinite(event.offset) else event.onset) - origin, 5),
            start=clock(event.onset),
            length=_decimals(event.offset - event.onset, 3),
            confidence=_decimals(event.confidence, 3),
            tenths=round(10 * event.confidence) if math.isfinite(event.confidence) else 0,
            proba=[_decimals(value, 3) for value in event.proba],
            strength=_decimals(event.strength, 1),
            midi="" if event.pitch == NO_PITCH else event.pitch,
            pitch="" if event.pitch == NO_PITCH else f"{PITCHES[event.pitch % 12]}{event.pitch // 12 - 1}",
            error=event.error,
        )


def clock(seconds: float, decimals: int = 3) -> str:
    """Return seconds as minutes and seconds, ``1:02.345``, and with hours from one on; "" for NaN."""
    if not math.isfinite(seconds):
        return ""
    whole, point, fraction = f"{seconds:.{decimals}f}".partition(".")
    minutes, rest = divmod(int(whole), 60)
    hours, minutes = divmod(minutes, 60)
    ahead = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{ahead}:{rest:02d}{point}{fraction}"


def _decimals(value: float, n: int) -> str:
    return f"{value:.{n}f}" if math.isfinite(value) else ""


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield settings that are set as (``outer.inner``, text)."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        elif value is not None and value != []:
            yield f"{above}{name}", shown(value) if isinstance(value, str) else shown(str(value))


def _frequencies() -> list[tuple[str, float]]:
    """Return the frequencies marked beside a log-mel, and the share of its height that is above each."""
    centers = bands()
    places = np.interp(MARKED_HZ, centers, np.arange(len(centers)) + 0.5) / len(centers)
    return [
        (f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz", round(1 - float(place), 4))
        for hz, place in zip(MARKED_HZ, places, strict=True)
    ]
