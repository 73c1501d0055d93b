"""What `predict` writes: rows kept beside the output while they come, and then all of them as CSV or JSON."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from guitarclf.bundle.engines import Model
from guitarclf.cluster import Cluster
from guitarclf.errors import RunError
from guitarclf.experiment.notes import Note
from guitarclf.experiment.predict import PREDICTION_COLUMNS, Predictions, joined, predict_places
from guitarclf.files.cells import as_cell, csv_lines
from guitarclf.files.names import ESCAPE
from guitarclf.files.progress import Progress
from guitarclf.files.whole import write_text
from guitarclf.files.wording import shown
from guitarclf.runs.journal import Journal, prediction_key, unfinished_path
from guitarclf.timeline.review import least_sure


class PredictionFile:
    """The file of predictions, and the one beside it that keeps their rows until all are there.

    Parameters
    ----------
    path : str
    resume : bool
        Whether to go on with what a killed command kept; what is finished already is only compared.
    """

    def __init__(self, path: str, *, resume: bool):
        self.path, self.resume = path, resume
        self.kept = unfinished_path(path)  # None for a pipe or a device
        self.is_finished = resume and self.kept is not None and os.path.isfile(path) and not self.kept.is_file()

    def journal(self, model_files: Iterable[Path], notes: Sequence[Note], *settings: Any) -> Journal | None:
        """Return the journal of the predictions of notes by a model, None if nothing is to be kept."""
        if self.kept is None or self.is_finished:
            return None
        key = prediction_key(model_files, notes, *settings)
        return Journal(self.kept, key, resume=self.resume, to_plain=_to_plain, from_plain=_from_plain)

    def write(self, text: str) -> None:
        """Write the text of all rows; RunError if the file is finished and holds another."""
        if not self.is_finished:
            write_text(self.path, text)
            if self.kept is not None:
                self.kept.unlink(missing_ok=True)
        elif Path(self.path).read_bytes() != text.encode("utf-8", ESCAPE):
            raise RunError(
                f"--output must be what this command writes, to go on with --resume. {shown(self.path)} is finished "
                "and holds something else. Replace it with --overwrite, or give another name."
            )


def _to_plain(part: Predictions) -> dict:
    return {"proba": part.proba.tolist(), "confidence": part.confidence.tolist(), "errors": part.errors}


def _from_plain(plain: dict, notes: Sequence[Note]) -> Predictions:
    return Predictions(list(notes), np.array(plain["proba"]), np.array(plain["confidence"]), plain["errors"])


def predict_all(
    model: Model, notes: Sequence[Note], journal: Journal | None = None, *, cluster: Cluster | None = None, n_jobs=1
) -> Predictions:
    """Return the predictions of notes, made under a bar.

    Those in the ``journal`` are taken from there, and the others kept in it. ``cluster`` and ``n_jobs`` are as in
    :func:`guitarclf.cluster.run_unordered`.
    """
    work = partial(predict_places, model, notes, cluster=cluster, n_jobs=n_jobs)
    parts = work(range(len(notes))) if journal is None else journal.go_on(notes, work)
    found: dict[int, Predictions] = {}
    with Progress(len(notes), unit="event") as bar:
        for first, part in parts:
            found[first] = part
            bar.update(len(part))
    return joined([found[first] for first in sorted(found)])


def as_text(predictions: Predictions, form: str, *, audio_paths: Sequence[str], review: int | None = None) -> str:
    """Return predictions as CSV or JSON; with ``review`` so many, those to correct first."""
    rows: Iterable[Mapping[str, Any]] = predictions.rows(audio_paths)
    if review is not None:
        rows = least_sure(rows, review, label="label")
    if form == "json":
        cells = [{name: as_cell(row[name]) for name in PREDICTION_COLUMNS} for row in rows]
        return json.dumps(cells, indent=2, ensure_ascii=False) + "\n"
    return "".join(csv_lines(PREDICTION_COLUMNS, rows))
