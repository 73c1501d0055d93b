"""write_report: a run or a cross-validation as one page that one can hear and see."""

import logging
import os
from pathlib import Path
from typing import Any

import pandas as pd

from guitarclf.config import DataConfig
from guitarclf.errors import RunError
from guitarclf.evaluation.drawing import as_bytes
from guitarclf.evaluation.figures import learning_curves, reliability_diagram
from guitarclf.evaluation.intervals import intervals_of
from guitarclf.evaluation.metrics import PROBA_COLUMNS
from guitarclf.experiment import report_tables as tables
from guitarclf.experiment.report_clips import Clip, chosen, clips_of, notes_of
from guitarclf.experiment.report_subject import Subject, as_dicts, find_subject
from guitarclf.files.names import as_text
from guitarclf.files.whole import write_text
from guitarclf.files.wording import shown
from guitarclf.labels import LABELS
from guitarclf.pages.render import data_uri, render

logger = logging.getLogger(__name__)

MARK = b'content="guitarclf '  # in the first kilobyte of a page of ours


def write_report(
    model: str | Path,
    output: str | Path | None = None,
    *,
    split: str | None = None,
    metadata_path: str | Path | None = None,
    audio_root: str | Path | None = None,
    data: DataConfig | None = None,
) -> Path:
    """Write the page of a run, a bundle or a cross-validation, and return where it is.

    Parameters
    ----------
    model : str or Path
        A run folder, a bundle, "pretrained", or the folder of a cross-validation.
    output : str or Path, optional
        The page; default ``report_<name>.html`` in the folder that is reported, or here where that one is not to be
        written. A report that is there is replaced, and of the default nothing else.
    split, metadata_path, audio_root, data
        The rows of a model, as in `evaluate_run`; of a cross-validation there is only ``audio_root`` to say.

    Raises
    ------
    GuitarclfError
        As by `find_subject`, and if the page cannot be written.
    """
    subject = find_subject(model, split=split, metadata_path=metadata_path, audio_root=audio_root, data=data)
    path = _default_output(subject) if output is None else Path(output)
    write_text(path, page(subject, title=as_text(os.path.basename(os.path.abspath(model)))))
    return path


def _default_output(subject: Subject) -> Path:
    """Return where the page goes if nobody says; RunError if something is there that is no page of ours."""
    name = "report.html" if subject.kind == "crossval" else f"report_{subject.name}.html"
    is_own = subject.kind != "model" and os.access(subject.folder, os.W_OK)
    path = (subject.folder if is_own else Path()) / name
    if path.exists() and (not path.is_file() or MARK not in path.read_bytes()[:1024]):
        raise RunError(f"The page must replace nothing but a page. {shown(path)} is none. Choose an --output.")
    return path


def page(subject: Subject, *, title: str) -> str:
    """Return the page of a Subject as HTML."""
    listed = notes_of(subject) if subject.has_answers else pd.DataFrame(columns=["track", "label_category", "called"])
    notes = chosen(listed) if subject.has_answers else listed
    clips = clips_of(subject, notes["note_id"].tolist()) if subject.has_answers else {}
    intervals = intervals_of(subject.rows, subject.report)
    logger.info("%d notes are shown, %d with sound", len(notes), sum(bool(clip.sound) for clip in clips.values()))
    return render(
        "report.html.j2",
        title=title,
        subject=subject,
        labels=LABELS,
        scores=tables.scores(subject, intervals),
        per_class=tables.per_class(subject, intervals),
        confusion=tables.confusion(subject, notes),
        notes=[_note(subject, row, clips) for row in as_dicts(notes)],
        called=tables.counts_of(notes["called"]),
        tracks=tables.tracks(subject) if subject.has_answers else [],
        track_number={track: number for number, track in enumerate(sorted(set(notes["track"])), start=1)},
        n_tracks=subject.rows["track"].nunique() if subject.has_answers else 0,
        n_listed=len(listed),
        n_wrong=int((listed["label_category"] != listed["called"]).sum()) if subject.has_answers else 0,
        best=next((row for row in reversed(subject.history) if row.get("is_best")), None),
        n_unknown=tables.count_unknown(subject),
        n_nets=int(subject.rows["repeat"].nunique()),
        curves=data_uri(as_bytes(learning_curves(subject.history)), "image/png") if subject.history else "",
        reliability=_reliability(subject),
        settings=tables.settings(subject.config),
        environment=tables.environment(subject.environment),
    )


def _note(subject: Subject, row: dict[str, Any], clips: dict[str, Clip]) -> dict[str, Any]:
    """Return what the page shows of a note."""
    return {
        **row,
        "path": subject.path_of(row["note_id"]),
        "proba": {label: row[name] for label, name in zip(LABELS, PROBA_COLUMNS, strict=True)},
        "is_right": row["label_category"] == row["called"],
        "is_unknown": row["confidence"] < row["unknown_below"],
        "clip": clips.get(row["note_id"], Clip()),
    }


def _reliability(subject: Subject) -> str:
    """Return the reliability diagram as a data URI, "" where probabilities are not known."""
    if not subject.has_answers:
        return ""
    figure = reliability_diagram(subject.rows["label_category"], subject.rows[PROBA_COLUMNS])
    return data_uri(as_bytes(figure), "image/png")
