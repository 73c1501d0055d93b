"""predict_notes: files or the events of a table -> labels and probabilities; only tables load pandas."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from guitarclf.audio.folders import given_files
from guitarclf.audio.recordings import open_recording
from guitarclf.audio.windows import Request, WindowReader, in_threads
from guitarclf.bundle.engines import Model, TorchModel
from guitarclf.errors import AudioReadError
from guitarclf.files.names import as_text, unique_names
from guitarclf.files.wording import shown
from guitarclf.labels import LABELS, UNKNOWN_LABEL
from guitarclf.priors import estimate_priors, with_priors
from guitarclf.runs.journal import stretches

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

logger = logging.getLogger(__name__)

PREDICTION_COLUMNS = (
    "note_id",
    "audio_path",
    "onset_sec",
    "label",
    *(f"p_{label}" for label in LABELS),
    "confidence",
    "error",
)


class Note(NamedTuple):
    """What is to be classified: a name, and a place in a recording."""

    note_id: str
    request: Request


@dataclass
class Predictions:
    """What a model says of some notes, in their order.

    ``confidence`` is high where the net is sure that it is a note, and of the class it is called, under the shares that
    the model was made with (:func:`guitarclf.priors.confidence_of`). Of a model that only knows notes it is the
    highest probability there would be if all classes were equally common: under uneven shares such a net is fairly
    sure of the commonest class whatever it hears.
    An event whose audio cannot be read has no label, and NaN for its numbers.
    """

    notes: list[Note]
    proba: np.ndarray  # [n_events, 3] in the order of LABELS
    confidence: np.ndarray  # [n_events]
    errors: list[str]  # why the audio cannot be read, "" if it can
    min_confidence: float = 0.0

    def __len__(self) -> int:
        return len(self.notes)

    @property
    def labels(self) -> list[str]:
        """The label of each event, UNKNOWN_LABEL where ``confidence`` is below ``min_confidence``."""
        labels = np.array(LABELS, dtype=object)[self.proba.argmax(axis=1)]
        labels[self.confidence < self.min_confidence] = UNKNOWN_LABEL
        labels[~self.is_readable] = ""
        return labels.tolist()

    @property
    def is_readable(self) -> np.ndarray:
        """Whether the audio of each event could be read, bool of shape (n_events,)."""
        return np.array([error == "" for error in self.errors], dtype=bool)

    def summary(self) -> str:
        """Return in a line how many rows there are, how many of each label, and how many without one."""
        counts = Counter(self.labels)
        named = {label: counts[label] for label in (*LABELS, UNKNOWN_LABEL)} | {"unreadable": counts[""]}
        told = ", ".join(f"{count} {name}" for name, count in named.items() if count)
        return f"{len(self)} rows: {told or 'nothing to classify'}"

    def adapt_to_batch(self, train_priors: np.ndarray) -> np.ndarray:
        """Put the probabilities under the shares of the classes among the events, and return these shares.

        Some event must be readable. ``train_priors`` are the shares that the probabilities are under now, which
        are those that the net learnt under. Both are in the order of LABELS.
        """
        readable = self.is_readable
        shares = estimate_priors(self.proba[readable], train_priors)
        self.proba[readable] = with_priors(self.proba[readable], train_priors, shares)
        return shares

    def rows(self, audio_paths: Sequence[str] | None = None) -> Iterator[dict]:
        """Yield each event as a dict with the keys PREDICTION_COLUMNS; ``audio_paths`` replace its own path."""
        paths = [note.request.path for note in self.notes] if audio_paths is None else audio_paths
        parts = (self.notes, paths, self.labels, self.proba.tolist(), self.confidence.tolist(), self.errors)
        for note, path, label, proba, confidence, error in zip(*parts, strict=True):
            values = (note.note_id, as_text(path), note.request.onset, label, *proba, confidence, error)
            yield dict(zip(PREDICTION_COLUMNS, values, strict=True))


def notes_of_paths(paths: Iterable[str | Path]) -> list[Note]:
    """Return a note at onset 0 for each file of :func:`guitarclf.audio.folders.given_files`.

    A note is named by its file's stem, or by the path where files share one; all names are different.
    """
    files = given_files(paths)
    requests = [Request(path, 0.0, True, by_itself=True) for path in files]
    return [Note(name, request) for name, request in zip(unique_names(files), requests, strict=True)]


def notes_of_events(events: "pd.DataFrame") -> list[Note]:
    """Return the notes of an events table."""
    from guitarclf.features.inputs import as_requests

    return [Note(name, request) for name, request in zip(events["note_id"], as_requests(events), strict=True)]


def events_of_paths(paths: Iterable[str | Path], reader: WindowReader | None = None) -> "pd.DataFrame":
    """Return the notes of :func:`notes_of_paths` as an events table, with the onsets that ``reader`` finds."""
    import pandas as pd

    notes = notes_of_paths(paths) if reader is None else place_notes(notes_of_paths(paths), reader)
    rows = [(note.note_id, as_text(note.request.path), note.request.onset) for note in notes]
    return pd.DataFrame(rows, columns=["note_id", "audio_path", "onset_sec"])


def place_notes(notes: Sequence[Note], reader: WindowReader) -> list[Note]:
    """Return notes with the onset of the first one in each file that is too long to be a snippet, with one warning."""

    def look(note: Note) -> tuple[Note, float, float | None]:
        """Return (note, seconds of its file, 0 if it need not be placed, its onset)."""
        try:
            with open_recording(note.request.path) as recording:
                if reader.is_long(recording):
                    return note, recording.frames / recording.samplerate, reader.find_onset(recording)
        except AudioReadError:
            pass  # its row will say so
        return note, 0.0, None

    placed, long = [], []
    for note, seconds, onset in in_threads(look, list(notes), reader.n_threads):
        if seconds:
            long.append((note.request.path, seconds, onset or 0.0))
        # A file in which nothing rises stays by itself, and is refused or taken for a steady tone where it is read.
        request = note.request if onset is None else note.request._replace(onset=onset, by_itself=False)
        placed.append(note._replace(request=request))
    if len(long) == 1:
        (path, duration, onset), heard = long[0], reader.target_duration
        which = f"the {heard:.2f} s from its first note on, {onset:.2f} s," if onset else f"its first {heard:.2f} s"
        logger.warning(
            "%s is %.2f s long: %s are classified. For more, give a table of its events.", shown(path), duration, which
        )
    elif long:
        longest = max(long, key=itemgetter(1))
        logger.warning(
            "%d files are up to %.2f s long, such as %s: the first %.2f s of each, from its first note on, are "
            "classified. For more, give a table of their events.",
            len(long),
            longest[1],
            shown(longest[0]),
            reader.target_duration,
        )
    return placed


def predict_notes(model: Model, notes: Sequence[Note]) -> Iterator[Predictions]:
    """Yield the predictions of notes, some at a time, in their order."""
    for _, part in predict_places(model, notes, range(len(notes))):
        yield part


def predict_places(model: Model, notes: Sequence[Note], places: Sequence[int]) -> Iterator[tuple[int, Predictions]]:
    """Yield (place of the first, predictions) of some notes that follow each other, until all at ``places`` are."""

    def run(part):
        some = notes[part.start : part.stop]
        answers = model.run([note.request for note in some])
        messages = [str(answers.errors.get(row, "")) for row in range(len(some))]
        return Predictions(list(some), model.under_priors(answers.as_learnt), answers.confidence, messages)

    parts = stretches(places, model.rows_at_once)
    yield from zip((part.start for part in parts), in_threads(run, parts, model.n_threads), strict=True)


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Return the predictions of several parts, possibly none, as one."""
    return Predictions(
        [note for part in parts for note in part.notes],
        np.concatenate([np.zeros((0, len(LABELS))), *(part.proba for part in parts)]),
        np.concatenate([np.zeros(0), *(part.confidence for part in parts)]),
        [error for part in parts for error in part.errors],
    )


def predict_events(pipeline: "Pipeline", events: "pd.DataFrame") -> "Iterator[pd.DataFrame]":
    """Yield what a fitted pipeline predicts of an events table, some rows at a time, with PREDICTION_COLUMNS."""
    import pandas as pd

    for part in predict_notes(TorchModel(pipeline), notes_of_events(events)):
        yield pd.DataFrame(part.rows())
