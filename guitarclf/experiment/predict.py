"""predict_notes: files or the events of a table -> labels and probabilities; only tables load pandas."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from guitarclf.audio.windows import Request, in_threads
from guitarclf.bundle.engines import Model, TorchModel
from guitarclf.cluster import Cluster, run_unordered
from guitarclf.experiment.notes import Note, notes_of_events
from guitarclf.experiment.spread import OfFiles, is_spread, items_a_job, unlike_here
from guitarclf.files.names import as_text
from guitarclf.labels import LABELS, UNKNOWN_LABEL
from guitarclf.priors import estimate_priors, with_priors
from guitarclf.runs.journal import stretches

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

PREDICTION_COLUMNS = (
    "note_id",
    "audio_path",
    "onset_sec",
    "label",
    *(f"p_{label}" for label in LABELS),
    "confidence",
    "error",
)


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


def predict_notes(model: Model, notes: Sequence[Note]) -> Iterator[Predictions]:
    """Yield the predictions of notes, some at a time, in their order."""
    for _, part in predict_places(model, notes, range(len(notes))):
        yield part


def predict_places(
    model: Model, notes: Sequence[Note], places: Sequence[int], *, cluster: Cluster | None = None, n_jobs: int = 1
) -> Iterator[tuple[int, Predictions]]:
    """Yield (place of the first, predictions) of some notes that follow each other, until all at ``places`` are.

    They come in order, unless ``cluster`` or ``n_jobs`` of :func:`guitarclf.cluster.run_unordered` spread the work.
    The answers are the same: the parts of other processes are whole batches of this one.
    """
    answering, batch, spread = Answering(model), model.rows_at_once, is_spread(cluster, n_jobs)
    size = items_a_job(len(places), batch, cluster=cluster, n_jobs=n_jobs) if spread else batch
    parts = stretches(places, size)
    jobs = [[note.request for note in notes[part.start : part.stop]] for part in parts]
    if spread:
        work = run_unordered(answering, jobs, cluster=cluster, n_jobs=n_jobs)
    else:
        work = enumerate(in_threads(answering.of_batch, jobs, model.n_threads))
    for at, answers in work:
        if cluster is not None:
            answering.require_readable_there(jobs[at], answers[2])
        yield parts[at].start, Predictions(list(notes[parts[at].start : parts[at].stop]), *answers)


class Answering(OfFiles):
    """Requests -> probabilities under the priors of a model `[n_events, 3]`, confidence `[n_events]`, and errors."""

    def __init__(self, model: Model):
        self.model = model

    def __setstate__(self, state: dict) -> None:
        self.__dict__ |= state
        self.model.n_threads = 1  # a copy is one of as many processes as there are cores

    def __call__(self, requests: Sequence[Request]) -> tuple[np.ndarray, np.ndarray, list[str]]:
        batches = [
            requests[part.start : part.stop] for part in stretches(range(len(requests)), self.model.rows_at_once)
        ]
        with self.found(request.path for request in requests):
            proba, confidence, errors = zip(*in_threads(self.of_batch, batches, self.model.n_threads), strict=True)
        return np.concatenate(proba), np.concatenate(confidence), list(chain.from_iterable(errors))

    def of_batch(self, requests: Sequence[Request]) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Return the answers to at most ``rows_at_once`` requests; an error is "" where the audio could be read."""
        answers = self.model.run(requests)
        errors = [str(answers.errors.get(row, "")) for row in range(len(requests))]
        return self.model.under_priors(answers.as_learnt), answers.confidence, errors

    def require_readable_there(self, requests: Sequence[Request], errors: Sequence[str]) -> None:
        """Raise ClusterError if a request can be answered here of which a worker says that its audio cannot be read.

        Its row would be kept as one that nobody can read.
        """
        failed = [row for row, error in enumerate(errors) if error]
        for part in stretches(range(len(failed)), self.model.rows_at_once):
            rows = failed[part.start : part.stop]
            for row, error in zip(rows, self.of_batch([requests[row] for row in rows])[2], strict=True):
                if not error:
                    raise unlike_here(requests[row].path, errors[row])


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
