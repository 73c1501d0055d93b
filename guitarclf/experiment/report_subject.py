"""What a report is about: rows and what nets say of them, read from a run, a bundle or a cross-validation."""

import json
import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guitarclf.audio.windows import Request, WindowReader
from guitarclf.bundle.folder import Bundle
from guitarclf.config import Config, DataConfig, to_dict
from guitarclf.config.files import load_config
from guitarclf.data.events import paths_below, read_events
from guitarclf.errors import AudioReadError, EventTableError, RunError
from guitarclf.evaluation.metrics import PROBA_COLUMNS, Report, evaluate
from guitarclf.experiment.compare import ask
from guitarclf.experiment.evaluate import baseline_score, rows_to_score, run_of
from guitarclf.experiment.tables import table_folder
from guitarclf.features.inputs import as_requests
from guitarclf.files.fetched import keep_below
from guitarclf.files.names import as_text
from guitarclf.files.wording import reason, shown
from guitarclf.labels import LABELS
from guitarclf.runs.folder import CrossvalFolder, SearchFolder
from guitarclf.runs.history import read_history

logger = logging.getLogger(__name__)

LENGTH_ALONE = "note length alone"
BY_TRACK = "by track"  # the split of a cross-validation that is reported: the one that does not leak
TEXT_COLUMNS = ("note_id", "track", "label_category", "called", "fold", "setting", "split")  # of predictions.csv
MAX_BYTES = 2**30  # of predictions.csv


@dataclass(frozen=True)
class Subject:
    """Scores, the rows behind them, and what is known of how they came to be.

    Parameters
    ----------
    kind : str
        "run", "model" or "crossval".
    name : str
        Of the scores: a split, the stem of a table.
    folder : Path
        Where the command that made it wrote.
    rows : DataFrame
        A row per note and repeat: ``label_category``, ``called``, ``repeat``, and, with ``has_answers``, ``note_id``,
        ``track``, ``confidence``, ``unknown_below`` and the columns of ``PROBA_COLUMNS``.
    has_answers : bool
        Whether it is known what was said of each note, and not only how many there were of each kind.
    report : Report
    config : Config
    reader : WindowReader
        Of the model's windows.
    requests : dict of str to Request
        Where each note is, by its id, as far as that is known.
    audio_root : str
        What paths are shown below.
    macro_f1 : dict of str to float
        Of simple classifiers on the same rows, by name.
    history, environment, text
        Of the epochs, of the machine, and the tables that the command printed, as far as they are there.
    problems : list of str
        What is missing, and why.
    """

    kind: str
    name: str
    folder: Path
    rows: pd.DataFrame
    has_answers: bool
    report: Report
    config: Config
    reader: WindowReader
    requests: dict[str, Request] = field(default_factory=dict)
    audio_root: str = ""
    macro_f1: dict[str, float] = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    environment: dict = field(default_factory=dict)
    text: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def n_notes(self) -> int:
        """How many notes there are, each counted once for all repeats."""
        return len(self.rows) // self.rows["repeat"].nunique()

    def path_of(self, note_id: str) -> str:
        """Return the recording of a note, below the audio root, "" if it is not known."""
        request = self.requests.get(note_id)
        return "" if request is None else paths_below(self.audio_root, [as_text(request.path)])[0]


def find_subject(
    model: str | Path,
    *,
    split: str | None = None,
    metadata_path: str | Path | None = None,
    audio_root: str | Path | None = None,
    data: DataConfig | None = None,
) -> Subject:
    """Return the Subject of a run folder, a bundle or the folder of a cross-validation.

    The rows of a model are chosen as in `evaluate_run` and scored now. Where its recordings are gone, the scores that
    are kept in the run are taken.

    Raises
    ------
    RunError
        If there is no such folder, or a cross-validation that is not finished or not asked for by itself.
    AudioReadError
        If no recording can be read, and no scores are kept.
    """
    folder = CrossvalFolder(Path(model))
    if folder.is_begun:
        if split or metadata_path:
            raise RunError(
                f"A cross-validation is reported as it was scored. {shown(model)} is one. "
                "Leave out --split and --metadata-path, or name a run."
            )
        return _subject_of_crossval(folder, audio_root)
    if SearchFolder(Path(model)).is_begun:
        best = SearchFolder(Path(model)).best
        raise RunError(f"A report must be of a run or a crossval. {shown(model)} is a search. Name {shown(best)}.")
    bundle = Bundle.open(model)
    return _subject_of_model(bundle, split, metadata_path, audio_root, data)


def _subject_of_model(bundle: Bundle, split, metadata_path, audio_root, data) -> Subject:
    run = run_of(bundle)
    scored = rows_to_score(
        bundle, split=split, metadata_path=metadata_path, audio_root=audio_root, data=data, require_audio=False
    )
    said = ask(bundle, scored.rows)
    facts: dict[str, Any] = {
        "kind": "model" if run.root == bundle.path else "run",
        "name": scored.name,
        "folder": run.root,
        "config": bundle.config,
        "reader": WindowReader(**to_dict(bundle.config.window)),
        "history": read_history(run.history),
        "environment": _json(run.environment),
        "audio_root": scored.audio_root,
    }
    errors = [error for error in said.errors if error]
    if len(errors) == len(said):
        return _with_kept_scores(facts, run.metrics(scored.name), errors[0])
    rows, proba = scored.rows[said.is_readable], said.proba[said.is_readable]
    table = rows[["note_id", "track", "label_category"]].assign(
        called=np.array(LABELS)[proba.argmax(axis=1)],
        repeat=1,
        confidence=said.confidence[said.is_readable],
        unknown_below=said.min_confidence,
        **dict(zip(PROBA_COLUMNS, proba.T, strict=True)),
    )
    told = f"{len(errors)} of {len(said)} notes are left out, as they cannot be read. {errors[0]}" if errors else ""
    baseline = baseline_score(scored.train_rows, rows)
    return Subject(
        **facts,
        rows=table,
        has_answers=True,
        report=evaluate(rows["label_category"], proba),
        requests=dict(zip(rows["note_id"], as_requests(rows), strict=True)),
        macro_f1={} if baseline is None else {LENGTH_ALONE: baseline},
        problems=[told] if told else [],
    )


def _with_kept_scores(facts: dict[str, Any], path: Path, error: str) -> Subject:
    """Return a Subject whose recordings cannot be read, with the scores that a file of its run has."""
    kept = _json(path)
    confusion = np.array(kept.get("confusion", []))
    if confusion.shape != (len(LABELS), len(LABELS)) or not confusion.sum():
        raise AudioReadError(
            f"A report must have recordings that can be read, or the scores of an eval before. {error} "
            f"There is no {path.name} with scores in the run. Say where the audio is with --audio-root."
        )
    true, called = (np.repeat(side.ravel(), confusion.ravel()) for side in np.indices(confusion.shape))
    names = np.array(LABELS)
    report = evaluate(names[true], np.eye(len(LABELS))[called])
    loss, calibration_error = (float(kept.get(name, np.nan)) for name in ("loss", "calibration_error"))
    duration = kept.get("duration_only_macro_f1")
    return Subject(
        **facts,
        rows=pd.DataFrame({"label_category": names[true], "called": names[called], "repeat": 1}),
        has_answers=False,
        report=replace(report, loss=loss, calibration_error=calibration_error),
        macro_f1={} if duration is None else {LENGTH_ALONE: float(duration)},
        problems=[f"No recording can be read, so there is no sound, and the scores are those of {path.name}. {error}"],
    )


def _subject_of_crossval(folder: CrossvalFolder, audio_root: str | Path | None) -> Subject:
    config = load_config(folder.config)
    rows = _predictions(folder)
    events, problems = None, []
    data = config.data
    root = table_folder(data.metadata_path, audio_root or data.audio_root)
    keep_below(data.cache_gb)
    try:
        events = read_events(data.metadata_path, audio_root=root, columns=data.columns, labels=data.labels)
    except EventTableError as error:
        problems = [f"The table cannot be read, so there is no sound. {str(error).splitlines()[0]}"]
    requests = {} if events is None else dict(zip(events["note_id"], as_requests(events), strict=True))
    baselines = _json(folder.scores).get(BY_TRACK, {}).get("baselines", {})
    return Subject(
        kind="crossval",
        name="crossval",
        folder=folder.root,
        rows=rows,
        has_answers=True,
        report=evaluate(rows["label_category"], rows[PROBA_COLUMNS]),
        config=config,
        reader=WindowReader(**to_dict(config.window)),
        requests=requests,
        audio_root=root,
        macro_f1={name: scores["macro_f1"] for name, scores in baselines.items()},
        environment=_json(folder.environment),
        text=folder.text.read_text(encoding="utf-8", errors="replace") if folder.text.is_file() else "",
        problems=problems,
    )


def _predictions(folder: CrossvalFolder) -> pd.DataFrame:
    """Return the rows of the notes alone, on folds by track; RunError if the file has none."""
    path = folder.predictions
    if not path.is_file():
        raise RunError(
            f"{shown(folder.root)} must hold a finished cross-validation. It has no {path.name}. "
            "Go on with it by `guitarclf crossval --resume`."
        )
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES // 2**20} MB")
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table = table[table.get("split", pd.Series(BY_TRACK, table.index)) == BY_TRACK]
        table = table[table.get("setting", pd.Series("alone", table.index)) == "alone"]
        numbers = {
            name: pd.to_numeric(column.replace("", "nan"))
            for name, column in table.items()
            if name in (*PROBA_COLUMNS, "confidence", "unknown_below", "repeat")
        }
        table = table.assign(**numbers).reset_index(drop=True)
        proba = table[PROBA_COLUMNS].to_numpy(dtype=np.float64)
        if not len(table) or not np.isfinite(proba).all() or not set(table["called"]) <= set(LABELS):
            raise ValueError("a probability or a label is missing")
        for name, otherwise in (("confidence", proba.max(axis=1)), ("unknown_below", 0.0)):  # 0.1.0 wrote neither
            table[name] = table.get(name, pd.Series(np.nan, table.index)).fillna(pd.Series(otherwise, table.index))
        columns = (*TEXT_COLUMNS, "repeat", "confidence", "unknown_below", *PROBA_COLUMNS)
        return table[[name for name in columns if name in table]]
    except (ValueError, KeyError, OSError) as error:  # pandas' errors of parsing are ValueErrors
        raise RunError(
            f"{shown(path)} must hold the predictions of a cross-validation. {reason(error)}. Run it again."
        ) from error


def as_dicts(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dicts."""
    names = [str(name) for name in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.itertuples(index=False, name=None)]


def _json(path: Path) -> dict:
    """Return what a JSON file of ours holds, {} if there is none; RunError if it is broken."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{shown(path)} must be JSON. {reason(error)}. Remove it, or restore it.") from error
    return content if isinstance(content, dict) else {}
