"""annotate: recordings of any length -> timelines. Only `annotate`, which returns a DataFrame, loads pandas."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import guitarclf
from guitarclf.audio.chunks import MAX_RATE, MIN_RATE
from guitarclf.audio.folders import given_files
from guitarclf.audio.recordings import open_recording
from guitarclf.bundle.engines import Model, load_model
from guitarclf.bundle.folder import model_files
from guitarclf.errors import AudioReadError, ParameterError
from guitarclf.files.digest import file_digest, text_digest
from guitarclf.files.names import as_path, as_text
from guitarclf.files.urls import is_url, parent, relative
from guitarclf.files.wording import shown
from guitarclf.labels import LABELS, UNKNOWN_LABEL
from guitarclf.parameters.sections import OnsetParameters
from guitarclf.timeline.events import NAN, Event, Timeline, rows
from guitarclf.timeline.stream import Listener, Place

if TYPE_CHECKING:
    import pandas as pd


class Recording(NamedTuple):
    """A recording to be annotated: where it is, how tables name it, and how the files about it are named.

    ``audio_path`` is relative to one root, with forward slashes; so is ``stem``, which is its own among all.
    """

    path: str
    audio_path: str
    stem: str


@dataclass(frozen=True)
class Annotator:
    """What is asked of recordings.

    Parameters
    ----------
    listener : Listener
    only : tuple of str
        Labels of the events that are kept; empty: all.
    start, end : float
        Stretch in seconds that onsets lie in.
    with_pitch : bool
        Whether events have a MIDI pitch, which loads librosa.
    places : mapping, optional
        The real path of a recording -> where its events are. By default their onsets are found.
    settings : mapping
        What the events depend on, in words; see :func:`settings_of`.
    """

    listener: Listener
    only: tuple[str, ...] = ()
    start: float = 0.0
    end: float = math.inf
    with_pitch: bool = False
    places: Mapping[str, list[Place]] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wrong = [label for label in self.only if label not in (*LABELS, UNKNOWN_LABEL)]
        if wrong:
            raise ParameterError(f"`only` must name some of {', '.join((*LABELS, UNKNOWN_LABEL))}. Got {wrong[0]!r}.")
        if not 0 <= self.start < self.end:
            raise ParameterError(
                f"A stretch must start at 0 s or later and before it ends. Got {self.start:g} s to {self.end:g} s."
            )

    def places_of(self, recording: Recording) -> list[Place] | None:
        """Return where the events of a recording are; None if their onsets are to be found."""
        return None if self.places is None else self.places.get(os.path.realpath(as_path(recording.path)), [])

    def timeline(self, recording: Recording, tell: Callable[[float], object] = lambda seconds: None) -> Timeline:
        """Return the events of a recording; ``tell`` is told how many seconds of it have been heard so far.

        One that cannot be read, or not to its end, has an ``error`` and the events before that.
        """
        events: list[Event] = []
        timeline = Timeline(
            recording.path, recording.audio_path, NAN, 0, events, self.settings, stem=as_text(recording.stem)
        )
        try:
            with open_recording(recording.path) as sound:
                duration, rate = sound.frames / sound.samplerate, sound.samplerate
            timeline = replace(timeline, duration=duration, sample_rate=rate)
            places = self.places_of(recording)
            for event in self.listener.events_of(recording.path, places=places, start=self.start, end=self.end):
                events.append(event)
                tell(event.onset)
        except AudioReadError as error:
            timeline = failed(timeline, error)
        return self.finished(timeline)

    def finished(self, timeline: Timeline) -> Timeline:
        """Return a timeline with the events that are wanted, and their pitch if that is.

        It has an ``error`` if the recording can no longer be opened for its pitch.
        """
        if self.only:
            timeline = timeline.only(self.only)
        if not self.with_pitch or not timeline.events:
            return timeline
        from guitarclf.timeline.pitch import pitches

        channel = self.listener.model.reader.channel
        try:
            found = zip(timeline.events, pitches(timeline.path, timeline.events, channel=channel), strict=True)
        except AudioReadError as error:
            return failed(timeline, error)
        return replace(timeline, events=[event._replace(pitch=pitch) for event, pitch in found])


def failed(timeline: Timeline, error: AudioReadError) -> Timeline:
    """Return a timeline that tells of an error; the first one stays."""
    return replace(timeline, error=timeline.error or str(error))


def recordings_of(paths: Iterable[str | os.PathLike[str]]) -> tuple[str, list[Recording]]:
    """Return a root, and the recordings that paths stand for, each once, named relative to it.

    The root is the folder given, or the one that holds all that is given; "" of nothing. Of two recordings in a folder
    with one stem the second keeps its suffix.
    """
    given = [os.fspath(path) for path in paths]
    if any(map(is_url, given)):
        root, files = _root_of_urls(given)
        names = [relative(root, path) for path in files]
    else:
        files = list(dict.fromkeys(map(os.path.abspath, given_files(given))))
        folders = {
            os.path.abspath(path) if os.path.isdir(path) else os.path.dirname(os.path.abspath(path)) for path in given
        }
        root = os.path.commonpath(folders) if folders else ""
        names = [os.path.relpath(path, root).replace(os.sep, "/") for path in files]
    parts = zip(files, map(as_text, names), _stems(names), strict=True)
    return root, [Recording(path, name, stem) for path, name, stem in parts]


def _root_of_urls(given: Sequence[str]) -> tuple[str, list[str]]:
    """Return the URL that all that is given lies below, and the recordings, each once."""
    files = list(dict.fromkeys(given_files(given)))
    folders = {parent(path) if path in files else path.rstrip("/") for path in given}
    parts = zip(*(folder.split("/") for folder in folders), strict=False)
    shared = [part[0] for part in takewhile(lambda part: len(set(part)) == 1, parts)]
    if len(shared) < 3 or not all(map(is_url, given)):  # the scheme, "", and the host or bucket
        raise ParameterError(
            f"PATHs must lie in one folder, or below one host or bucket. Got {shown(given[0])} and "
            f"{shown(next((each for each in given if each.split('/')[:3] != given[0].split('/')[:3]), given[-1]))}. "
            "Annotate them one after the other."
        )
    return "/".join(shared), files


def _stems(names: Iterable[str]) -> list[str]:
    """Return a different stem for each name, also where a system does not tell capital letters."""
    stems: list[str] = []
    taken: set[str] = set()
    for name in names:
        stem, number = os.path.splitext(name)[0], 1
        while taken & _taken_by(stem):
            stem, number = name if number == 1 else f"{name}#{number}", number + 1
        taken |= _taken_by(stem)
        stems.append(stem)
    return stems


def _taken_by(stem: str) -> set[str]:
    """Return what a stem takes from others: itself, and what a table of Raven is called, ``stem.selections.txt``."""
    return {stem.casefold(), f"{stem.casefold()}.selections"}


def settings_of(model: str | Path, loaded: Model, annotator: Annotator, **others: Any) -> dict[str, Any]:
    """Return what events depend on besides the recordings, as JSON can hold it: versions, model, priors, onsets."""
    listener = annotator.listener
    threshold = loaded.unknown_below if listener.min_confidence is None else listener.min_confidence
    return {
        "guitarclf": guitarclf.__version__,
        "model": str(model),
        "model_digest": text_digest(*map(file_digest, sorted(model_files(model)))),
        "priors": dict(zip(LABELS, np.round(loaded.priors_, 6).tolist(), strict=True)),
        "unknown_below": round(float(threshold), 6),
        "channel": loaded.reader.channel,
        "onsets": asdict(listener.parameters),
        "only": list(annotator.only),
        "start": annotator.start,
        "end": None if math.isinf(annotator.end) else annotator.end,
        "pitch": annotator.with_pitch,
        **others,
    }


def annotate(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    model: str | Path = "pretrained",
    priors: Mapping[str, float] | None = None,
    min_confidence: float | None = None,
    onsets: OnsetParameters | None = None,
    only: Iterable[str] = (),
    start: float = 0.0,
    end: float = math.inf,
    pitch: bool = False,
) -> "pd.DataFrame":
    """Return the events of recordings of any length, found and classified, a row each.

    Parameters
    ----------
    paths : path, or iterable of paths
        Recordings, and folders for the recordings below them.
    model : str or Path
        A run folder, a bundle, or "pretrained".
    priors : mapping, optional
        Label -> share to expect. Default: those of the model.
    min_confidence : float, optional
        Confidence below which the label is "unknown"; 0: never. Default: the model's threshold.
    onsets : OnsetParameters, optional
        What counts as an onset. Default: those of the model's configuration.
    only : iterable of str
        Labels of the events that are kept. Default: all.
    start, end : float
        Stretch in seconds that onsets lie in.
    pitch : bool
        Whether to measure the pitch of each event.

    Returns
    -------
    events : DataFrame
        The columns are :data:`guitarclf.timeline.events.COLUMNS`. ``audio_path`` is relative to
        ``events.attrs["audio_root"]``, the folder given, or the one that holds all that is given. A recording
        that cannot be read has a row that says why in ``error``. Of no paths there are no rows. A notebook shows the
        first recordings as pictures too.
    """
    import pandas as pd

    from guitarclf.timeline.events import COLUMNS, TEXTS
    from guitarclf.timeline.frame import EventsFrame

    loaded = load_model(model)
    loaded.priors = loaded.priors if priors is None else dict(priors)
    listener = Listener(loaded, loaded.onsets if onsets is None else onsets, min_confidence)
    annotator = Annotator(listener, tuple(only), start, end, with_pitch=pitch)
    root, recordings = recordings_of([paths] if isinstance(paths, str | os.PathLike) else paths)
    found = [row for recording in recordings for row in rows(annotator.timeline(recording), recording.stem)]
    numbers = {name: np.int64 if name == "pitch_midi" else np.float64 for name in COLUMNS if name not in TEXTS}
    events = EventsFrame(pd.DataFrame(found, columns=list(COLUMNS)).astype(numbers))  # of no rows too
    events.attrs["audio_root"] = root
    return events


def iter_events(
    source: str | os.PathLike[str] | Iterable[np.ndarray],
    *,
    rate: int | None = None,
    model: str | Path = "pretrained",
    min_confidence: float | None = None,
    onsets: OnsetParameters | None = None,
) -> Iterator[Event]:
    """Yield the events of a recording, or of a stream while it plays, in order and in bounded memory.

    Parameters
    ----------
    source : path, or iterable of ndarrays
        A recording; or what comes of a stream, each of shape (n_samples,) or (n_samples, n_channels).
    rate : int, optional
        Samples per second of a stream.
    model, min_confidence, onsets
        As in :func:`annotate`.

    Raises
    ------
    AudioReadError
        If the recording cannot be read to its end, or the stream has a sample that is none; the events before that
        were given.
    ParameterError
        If a stream has no ``rate`` or one that is not read, or what comes of it has another shape.
    """
    loaded = load_model(model)
    listener = Listener(loaded, loaded.onsets if onsets is None else onsets, min_confidence)
    if isinstance(source, str | os.PathLike):
        return listener.events_of(os.fspath(source))
    if not isinstance(rate, int) or not MIN_RATE <= rate <= MAX_RATE:
        raise ParameterError(
            f"`rate` must be given for a stream, a whole number of samples per second from {MIN_RATE} to {MAX_RATE}. "
            f"Got {rate}."
        )
    return listener.events_in(_of_one_width(source), rate)


def _of_one_width(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield arrays as float32 `[n_samples, n_channels]`; ParameterError if one is none, or not like the first."""
    width = None
    for number, block in enumerate(blocks):
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused
            samples = np.asarray(block, dtype=np.float32)
        samples = samples[:, None] if samples.ndim == 1 else samples
        width = samples.shape[1] if width is None and samples.ndim == 2 else width
        if samples.ndim != 2 or samples.shape[1] != width:
            raise ParameterError(
                "What comes of a stream must be arrays of shape (n_samples,) or (n_samples, n_channels), all of one "
                f"number of channels. Array {number} has shape {np.shape(block)}. Of one array, give [array]."
            )
        yield samples
