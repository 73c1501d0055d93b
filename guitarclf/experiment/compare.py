"""compare_runs: score two models on the same rows, and list the rows that they answer otherwise."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from guitarclf.bundle.engines import TorchModel
from guitarclf.bundle.folder import Bundle
from guitarclf.bundle.pipelines import pipeline_of
from guitarclf.config import DataConfig
from guitarclf.data.events import read_events, write_events
from guitarclf.dataset import rows_of_split
from guitarclf.errors import AudioReadError, RunError
from guitarclf.evaluation.comparison import Comparison, compare
from guitarclf.evaluation.metrics import PROBA_COLUMNS
from guitarclf.experiment.evaluate import rows_to_score, run_of
from guitarclf.experiment.notes import notes_of_events
from guitarclf.experiment.predict import Predictions, joined, predict_notes
from guitarclf.files.cells import DECIMALS
from guitarclf.files.names import as_path, as_text
from guitarclf.files.progress import watched
from guitarclf.files.wording import shown
from guitarclf.runs.folder import make_folder, write_json

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ComparedRuns:
    """A comparison, the name of its rows, how many were left out, and the files it is in."""

    name: str
    comparison: Comparison
    n_left_out: int
    scores: Path | None = None  # None where nothing was written
    changed: Path | None = None


def compare_runs(
    run_dir: str | Path,
    against: str | Path,
    *,
    split: str | None = None,
    metadata_path: str | Path | None = None,
    audio_root: str | Path | None = None,
    data: DataConfig | None = None,
    output_dir: str | Path | None = None,
) -> ComparedRuns:
    """Score two models on the same rows, each with its own window and features.

    Rows whose audio one of them cannot use are left out for both, and told in a warning; so is a model that was trained
    on recordings of the rows. Nothing is written without ``output_dir``, since a comparison is of neither run.

    Parameters
    ----------
    run_dir : str or Path
        A: a run folder, a bundle, or "pretrained". Its table is scored, or the other one is read as it says.
    against : str or Path
        B, the reference: differences are A minus B.
    split, metadata_path, audio_root, data
        The rows, as in `evaluate_run`.
    output_dir : str or Path, optional
        Folder for ``comparison_<name>.json`` and ``changed_<name>.csv``, made if it is not there.

    Raises
    ------
    AudioReadError
        If no row can be read by both.
    RunError
        If ``output_dir`` cannot be written, or holds a comparison of that name already.
    """
    bundles = Bundle.open(run_dir), Bundle.open(against)
    scored = rows_to_score(bundles[0], split=split, metadata_path=metadata_path, audio_root=audio_root, data=data)
    target = None if output_dir is None else _free_paths(Path(output_dir), scored.name)
    for side, bundle in zip("AB", bundles, strict=True):
        _warn_of_heard_rows(side, bundle, scored.rows)
    answers = [ask(bundle, scored.rows) for bundle in bundles]
    is_readable = np.logical_and(*(said.is_readable for said in answers))
    _tell_left_out(answers, is_readable)
    tables = [_as_table(said)[is_readable] for said in answers]
    comparison = compare(scored.rows[is_readable], *tables)
    n_left_out = int((~is_readable).sum())
    if target is None:
        return ComparedRuns(scored.name, comparison, n_left_out)
    path, changed = target
    models = {"model_a": as_text(run_dir), "model_b": as_text(against), "left_out": _left_out(answers)}
    said = [f"{name}_{side}" for side in "ab" for name in ("confidence", *PROBA_COLUMNS)]
    write_events(comparison.changed.round(dict.fromkeys(said, DECIMALS)), changed, audio_root=scored.audio_root)
    write_json({**models, **comparison.to_dict()}, path)
    return ComparedRuns(scored.name, comparison, n_left_out, path, changed)


def _free_paths(folder: Path, name: str) -> tuple[Path, Path]:
    """Return where the scores and the rows that changed are written; RunError if something is there."""
    paths = folder / f"comparison_{name}.json", folder / f"changed_{name}.csv"
    make_folder(folder)
    for path in paths:
        if path.exists():
            raise RunError(
                f"The output folder {shown(folder)} must hold no comparison of that name, so that none is lost. "
                f"It holds {shown(path.name)}. Choose another --output-dir."
            )
    return paths


def _warn_of_heard_rows(side: str, bundle: Bundle, rows: pd.DataFrame) -> None:
    """Warn if recordings of the rows are among those that a run was trained on."""
    run = run_of(bundle)
    if not run.splits.is_file():
        return
    own = rows_of_split(read_events(run.splits, audio_root=bundle.config.data.audio_folder), "train")
    heard = {os.path.realpath(as_path(path)) for path in own["audio_path"].unique()}
    is_heard = rows["audio_path"].map(lambda path: os.path.realpath(as_path(path)) in heard)
    if is_heard.any():
        logger.warning(
            "%s (%s) was trained on the recordings of %d of these %d notes, and so its scores flatter.",
            side,
            shown(bundle.name),
            is_heard.sum(),
            len(rows),
        )


def ask(bundle: Bundle, rows: pd.DataFrame) -> Predictions:
    """Return what a model says of rows, on torch as in `evaluate_run`."""
    model, notes = TorchModel(pipeline_of(bundle)), notes_of_events(rows)
    said = joined(list(watched(predict_notes(model, notes), len(notes), desc=shown(bundle.name), unit="note")))
    said.min_confidence = model.unknown_below
    return said


def _tell_left_out(answers: list[Predictions], is_readable: np.ndarray) -> None:
    """Warn of rows that cannot be read by both models; AudioReadError if there are no others."""
    if is_readable.all():
        return
    first = _left_out(answers)[0]
    told = f"{first['model'].upper()} cannot read {shown(first['note_id'])}: {first['error']}"
    if not is_readable.any():
        raise AudioReadError(f"Some note must be readable by both models. None of {len(is_readable)} is. {told}")
    logger.warning("%d notes are left out, as not both models can read them. %s", (~is_readable).sum(), told)


def _left_out(answers: list[Predictions]) -> list[dict[str, str]]:
    """Return a dict for each note that a model cannot read: ``note_id``, the model, "a" or "b", and the reason."""
    return [
        {"note_id": as_text(note.note_id), "model": side, "error": error}
        for side, said in zip("ab", answers, strict=True)
        for note, error in zip(said.notes, said.errors, strict=True)
        if error
    ]


def _as_table(said: Predictions) -> pd.DataFrame:
    """Return predictions as `compare` takes them."""
    table = pd.DataFrame(said.proba, columns=PROBA_COLUMNS)
    return table.assign(confidence=said.confidence, is_unknown=said.confidence < said.min_confidence)
