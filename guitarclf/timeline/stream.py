"""The events of recordings and of streams of any length, one after another: onsets, windows, labels. No pandas."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from soundfile import SoundFile

from guitarclf.audio.offsets import CHORD_SEC, next_onsets
from guitarclf.audio.onset_times import BLOCK_SEC, Mixer, Onset, live_delay, onset_parts, onsets_of
from guitarclf.audio.recordings import MAX_MAGNITUDE, open_recording
from guitarclf.audio.tape import Tape
from guitarclf.audio.windows import Request, in_threads
from guitarclf.bundle.engines import Answers, Heard, Model
from guitarclf.errors import AudioReadError
from guitarclf.labels import LABELS, UNKNOWN_LABEL
from guitarclf.parameters.sections import OnsetParameters
from guitarclf.timeline.events import NAN, Event

CHOOSE_SEC = 1.0  # of a stream, after which its channels are chosen by what was heard; then every BLOCK_SEC
SPARE_SEC = 2.0  # of a stream that is held besides what is looked at


class Place(NamedTuple):
    """Where an event is: its onset, and where the next one starts, or it is said to end; inf if nothing is known."""

    onset: Onset
    following: float = math.inf
    offset: float = math.inf


@dataclass(frozen=True)
class Listener:
    """Finds the events of recordings and streams, and classifies them.

    Parameters
    ----------
    model : Model
        What classifies them, under its ``priors``.
    parameters : OnsetParameters
        What counts as an onset.
    min_confidence : float, optional
        Confidence below which the label is UNKNOWN_LABEL; None is the model's own threshold.
    """

    model: Model
    parameters: OnsetParameters = OnsetParameters()
    min_confidence: float | None = None

    def events_of(
        self, path: str, *, places: Iterable[Place] | None = None, start: float = 0.0, end: float = math.inf
    ) -> Iterator[Event]:
        """Yield the events of a recording in order, in bounded memory, as they are asked for.

        Parameters
        ----------
        path : str
        places : iterable of Place, optional
            Where they are, in order; by default their onsets are found.
        start, end : float
            Stretch in seconds that the onsets lie in.

        Raises
        ------
        AudioReadError
            If the recording cannot be read to its end; the events before that were given. An event that cannot be
            heard, because the recording is silent there, has an ``error`` instead.
        """
        # Opened twice, for onsets and for windows, and not for each few windows: an MP3 is searched from its start for
        # what was not read yet. Windows are read here, in order: the last bit of an MP3 depends on what was read first.
        with open_recording(path) as recording, open_recording(path) as of_windows:
            length = recording.frames / recording.samplerate
            if places is None:
                channel = self.model.reader.channel
                onsets = onsets_of(recording, channel, self.parameters, start=start, end=end + self.window_sec)
                places = with_following(onsets, self.window_sec)
            wanted = (place for place in places if start <= place.onset.time < end)
            parts = in_parts(wanted, self.model.rows_at_once)
            heard = ((part, self._heard(path, part, of_windows, length)) for part in parts)
            for part, answers in in_threads(lambda of: (of[0], self.model.answers(of[1])), heard, self.model.n_threads):
                yield from self._events(part, answers, length)

    def events_in(self, blocks: Iterable[np.ndarray], rate: int) -> Iterator[Event]:
        """Yield the events of a stream in order, each about 0.6 s after its window is over, or when the stream ends.

        Parameters
        ----------
        blocks : iterable of float32 ndarrays of shape (n_samples, n_channels)
            What comes, of any length; the events do not depend on it.
        rate : int
            Samples per second.

        Raises
        ------
        AudioReadError
            If the stream breaks off, or has a sample that is none, after the events before that.
        """
        delay = live_delay(self.parameters)
        pending = Pending(self.window_sec)
        heard = _Heard(self.model.reader.channel, rate, max(BLOCK_SEC, self.window_sec + delay) + SPARE_SEC)
        for onsets in onset_parts(heard.mono(blocks), rate, self.parameters, live=True):
            pending.add(onsets)
            if heard.tape is not None:
                yield from self._answered(heard.tape, pending.settled(heard.tape.seconds - delay), math.inf)
        if heard.tape is not None:
            yield from self._answered(heard.tape, pending.settled(math.inf), heard.tape.seconds)
        if heard.error is not None:
            raise heard.error

    @property
    def window_sec(self) -> float:
        """Length of what is heard of an event, at most."""
        return self.model.reader.target_duration

    def _answered(self, tape: Tape, places: Iterable[Place], length: float) -> Iterator[Event]:
        """Yield the events at some places of a stream that is ``length`` seconds long, as far as is known."""
        part = list(places)
        if part:
            yield from self._events(part, self.model.answers(self._heard(tape.name, part, tape, length)), length)

    def _heard(self, path: str, part: list[Place], recording: SoundFile | Tape, length: float) -> Heard:
        """Return what the model hears of some events of an open recording that is ``length`` seconds long.

        Each is heard until the end that its row has, so that `predict` says the same of that.
        """
        ends = [min(place.following, place.offset, length) for place in part]
        requests = [
            Request(path, place.onset.time, False, _or_none(end), next_onset=_or_none(place.following))
            for place, end in zip(part, ends, strict=True)
        ]
        heard = self.model.hear(requests, recording)
        # Once it met what is broken in a FLAC, an open one gives nothing more, though what comes after may be whole.
        return self.model.hear(requests) if heard.errors and isinstance(recording, SoundFile) else heard

    def _events(self, part: list[Place], answers: Answers, length: float) -> Iterator[Event]:
        """Yield events with the answers to them, of a recording that is ``length`` seconds long."""
        lowest = self.model.unknown_below if self.min_confidence is None else self.min_confidence
        proba = self.model.under_priors(answers.as_learnt)
        for row, (onset, following, offset) in enumerate(part):
            until = max(onset.time, min(following, offset, onset.time + self.window_sec, length))
            if row in answers.errors:
                yield Event(onset.time, until, "", strength=onset.strength, error=str(answers.errors[row]))
                continue
            confidence = float(answers.confidence[row])
            label = UNKNOWN_LABEL if confidence < lowest else LABELS[int(proba[row].argmax())]
            yield Event(onset.time, until, label, tuple(proba[row].tolist()), confidence, onset.strength)


class Pending:
    """Onsets of which it is not yet known whether another one begins within the window after them."""

    def __init__(self, window_sec: float) -> None:
        self.window_sec = window_sec
        self.onsets: deque[Onset] = deque()

    def add(self, onsets: Iterable[Onset]) -> None:
        """Take in the onsets that come next."""
        self.onsets.extend(onsets)

    def settled(self, until: float) -> Iterator[Place]:
        """Yield the places of events whose window is over at a time up to which all onsets are known.

        The next onset is the first one CHORD_SEC or more after: those that are closer are of one chord or strum.
        """
        while self.onsets and self.onsets[0].time + self.window_sec <= until:
            onset = self.onsets.popleft()
            later = (other.time for other in self.onsets if other.time >= onset.time + CHORD_SEC - 1e-9)
            yield Place(onset, next(later, math.inf))


def with_following(onsets: Iterable[Onset], window_sec: float) -> Iterator[Place]:
    """Yield the places of events at onsets, which are in order."""
    pending = Pending(window_sec)
    for onset in onsets:
        pending.add([onset])
        yield from pending.settled(onset.time)
    yield from pending.settled(math.inf)


def places_at(onsets: Iterable[float], offsets: Iterable[float]) -> list[Place]:
    """Return the places of events that a table gives, in order; an offset may be inf or NaN: not known."""
    known = (math.inf if math.isnan(offset) else offset for offset in offsets)
    pairs = sorted(zip(onsets, known, strict=True))
    following = next_onsets(np.array([onset for onset, _ in pairs])).tolist()
    return [Place(Onset(onset, NAN), later, offset) for (onset, offset), later in zip(pairs, following, strict=True)]


def in_parts(items: Iterable[Place], size: int) -> Iterator[list[Place]]:
    """Yield items in lists of one size, the last one shorter."""
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


def in_tenths(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Yield the samples of blocks in blocks of a tenth of a second, the last one shorter.

    Onsets are looked for so far behind a tape, and channels chosen, whatever the length of what comes.
    """
    held: list[np.ndarray] = []
    for block in blocks:
        place = 0
        while place < len(block):
            missing = max(1, rate // 10) - sum(map(len, held))
            held.append(block[place : place + missing])
            place += missing
            if len(held[-1]) == missing:
                yield np.concatenate(held)
                held = []
    if held:
        yield np.concatenate(held)


class _Heard:
    """What of a stream was heard so far, and the mono that onsets are looked for in."""

    def __init__(self, channel: str | int, rate: int, held_sec: float) -> None:
        self.channel, self.rate, self.held_sec = channel, rate, held_sec
        self.tape: Tape | None = None  # until something comes
        self.error: AudioReadError | None = None  # that ended it

    def mono(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the blocks of a stream as mono; they are in ``tape`` then."""
        mixer, next_choice = Mixer(self.rate, self.channel, "-"), CHOOSE_SEC
        for block in in_tenths(self._until_error(blocks), self.rate):
            if self.tape is None:
                self.tape = Tape(self.rate, block.shape[1], held_sec=self.held_sec)
                mixer.choose(block)
            self.tape.add(block)
            if self.tape.seconds >= next_choice:
                mixer.choose(self.tape.last(BLOCK_SEC))
                next_choice += BLOCK_SEC
            yield mixer.mix(block)

    def _until_error(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield blocks up to an AudioReadError of theirs or a sample that is none, which is ``error`` then."""
        try:
            for block in blocks:
                wrong = ~(np.abs(block) <= MAX_MAGNITUDE)
                if wrong.any():
                    yield block[: wrong.any(axis=1).argmax()]
                    raise AudioReadError(
                        f"The stream must hold samples of at most {MAX_MAGNITUDE:g}, full scale being 1. "
                        f"It has {block[wrong][0]:.3g}. Check how its samples are encoded."
                    )
                yield block
        except AudioReadError as error:
            self.error = error


def _or_none(seconds: float) -> float | None:
    return None if math.isinf(seconds) else seconds
