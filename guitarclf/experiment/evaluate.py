"""evaluate_run: score a trained run on a split of its table, or on another table."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from sklearn.pipeline import Pipeline

from guitarclf.audio.recordings import require_audio_files
from guitarclf.bundle.check import DESCRIPTION
from guitarclf.bundle.folder import Bundle
from guitarclf.bundle.pipelines import pipeline_of
from guitarclf.config import DataConfig
from guitarclf.data.events import read_events
from guitarclf.data.rules import SPLITS
from guitarclf.dataset import rows_of_split
from guitarclf.errors import EventTableError, RunError, SplitError
from guitarclf.evaluation.baselines import duration_only
from guitarclf.evaluation.drawing import save_figure
from guitarclf.evaluation.figures import confusion_matrix
from guitarclf.evaluation.in_context import ContextReport, score_settings
from guitarclf.evaluation.metrics import PROBA_COLUMNS, Report, evaluate
from guitarclf.experiment.in_context import predict_settings, require_snippets, uses_offsets
from guitarclf.experiment.tables import other_events, run_events, table_folder
from guitarclf.files.urls import parent
from guitarclf.files.wording import shown
from guitarclf.labels import LABELS
from guitarclf.runs.folder import RunFolder, make_folder, write_json


@dataclass(frozen=True)
class Evaluation:
    """A report, its name, the macro-F1 that note length alone reaches on the same rows, and the file it is in.

    ``in_context`` has the figures of the rows alone and, if that was asked for, in phrases.
    """

    name: str
    report: Report
    duration_macro_f1: float | None
    in_context: ContextReport
    unknown_below: float
    path: Path | None = None  # None where nothing was written

    def unknown_as_text(self) -> str | None:
        """Return what the model's threshold of confidence makes unknown, None for a model without one."""
        alone = self.in_context.figures["alone"]
        if "unknown" not in alone:
            return None
        kept = ", ".join(f"{name[5:]} {alone[name].mean:.4f}" for name in alone if name.startswith("kept "))
        count = round(alone["unknown"].mean * self.report.n_events)
        return (
            f"{count} of {self.report.n_events} are below the model's confidence of {self.unknown_below:.3f}, where "
            f"`predict` says unknown. Recall with them not found: {kept}"
        )


def evaluate_run(
    run_dir: str | Path,
    *,
    split: str | None = None,
    metadata_path: str | Path | None = None,
    audio_root: str | Path | None = None,
    output_dir: str | Path | None = None,
    data: DataConfig | None = None,
    in_context: bool = False,
    phrases_seed: int | None = None,
    figure_format: str = "png",
) -> Evaluation:
    """Score a run and write ``metrics_<name>.json`` and ``figures/confusion_<name>.png`` into it.

    Parameters
    ----------
    run_dir : str or Path
        A run folder; a bundle by itself, "pretrained" among them, is scored too. Nothing is written into a
        bundle, or into a folder that can only be read.
    split : {"val", "test", "train", "all"}, optional
        Default "val", or "all" for another table.
    metadata_path : str or Path, optional
        Another table to score, whose stem is then the name; its labels must be there.
    audio_root : str or Path, optional
        Where the audio lies; default the run's own, or the other table's folder.
    output_dir : str or Path, optional
        Folder to write into instead; made if it is not there.
    data : DataConfig, optional
        How the other table is read; default as the run's own.
    in_context : bool
        Also score each note in a phrase with others of its track, once as if nothing told where it ends, and once with
        its offset.
    phrases_seed : int, optional
        Of the phrases; default the config's seed.
    figure_format : {"png", "svg", "pdf"}

    Raises
    ------
    EventTableError
        If notes that are to be joined into phrases share recordings.
    RunError
        If ``output_dir`` cannot be written, or holds scores of that name already.
    """
    bundle = Bundle.open(run_dir)
    run = run_of(bundle)
    pipeline, own = pipeline_of(bundle), bundle.config.data
    pipeline.set_params(logmel__cache=own.cache, logmel__cache_gb=own.cache_gb)
    scored = rows_to_score(bundle, split=split, metadata_path=metadata_path, audio_root=audio_root, data=data)
    seed = None
    if in_context:
        require_snippets(scored.rows)
        seed = bundle.config.seed if phrases_seed is None else phrases_seed
    target = _target(run, output_dir, scored.name)
    split = split or ("val" if metadata_path is None else "all")
    return score_rows(
        pipeline,
        scored.rows,
        target,
        scored.name,
        train_rows=scored.train_rows,
        phrases_seed=seed,
        title=title_of(run.root, metadata_path or own.metadata_path, split),
        figure_format=figure_format,
    )


@dataclass(frozen=True)
class RowsToScore:
    """Rows of a table, the name of their scores, where their audio is, and what the model was trained on, if known."""

    name: str
    rows: pd.DataFrame
    audio_root: str
    train_rows: pd.DataFrame | None


def rows_to_score(
    bundle: Bundle,
    *,
    split: str | None = None,
    metadata_path: str | Path | None = None,
    audio_root: str | Path | None = None,
    data: DataConfig | None = None,
    require_audio: bool = True,
) -> RowsToScore:
    """Return the rows that `evaluate_run` scores, whose parameters these are; AudioReadError if recordings are missing.

    Without ``require_audio`` they may be.
    """
    run, own = run_of(bundle), bundle.config.data
    own_events: pd.DataFrame | None
    if metadata_path is None:
        name = split = split or "val"
        root = str(audio_root or own.audio_folder)
        events = own_events = run_events(run, replace(own, audio_root=root), require_audio=require_audio)
    else:
        split = split or "all"
        name = _name_of_table(metadata_path, split)
        root = table_folder(metadata_path, audio_root)
        events = _labelled_events(metadata_path, audio_root, data or own)
        if require_audio:
            require_audio_files(events["audio_path"], beside=parent(metadata_path))
        own_events = read_events(run.splits) if run.splits.is_file() else None
    rows = rows_of_split(events, split)
    if rows.empty:
        sizes = ", ".join(f"{side} {(events['split'] == side).sum()}" for side in SPLITS)
        raise SplitError(f"The split to score must have rows. {name} has none ({sizes}). Choose another --split.")
    return RowsToScore(name, rows, root, None if own_events is None else rows_of_split(own_events, "train"))


def run_of(bundle: Bundle) -> RunFolder:
    """Return the run that a bundle is the model of, or the folder of a bundle by itself."""
    run = RunFolder(bundle.path.parent)
    return run if bundle.path == run.bundle and run.is_begun else RunFolder(bundle.path)


def title_of(model: str | Path, metadata_path: str | Path, split: str) -> str:
    """Return what a figure says of a model and of the rows it is scored on, in two lines."""
    names = [shown(os.path.basename(os.path.abspath(path))) for path in (model, metadata_path)]
    return f"{names[0]}\n{names[1]}, {'all rows' if split == 'all' else f'{split} rows'}"


def _target(run: RunFolder, output_dir: str | Path | None, name: str) -> RunFolder | None:
    """Return the folder that scores are written into, None for none."""
    if output_dir is None:
        is_bundle = (run.root / DESCRIPTION).is_file()
        return run if not is_bundle and os.access(run.root, os.W_OK) else None
    target = RunFolder(Path(output_dir))
    make_folder(target.root)
    if target.metrics(name).exists() and not target.root.samefile(run.root):
        raise RunError(
            f"The output folder {shown(output_dir)} must hold no scores of that name, so that none are lost. "
            f"It holds {target.metrics(name).name}. Choose another --output-dir."
        )
    return target


def score_rows(
    pipeline: Pipeline,
    rows: pd.DataFrame,
    run: RunFolder | None,
    name: str,
    *,
    train_rows: pd.DataFrame | None,
    phrases_seed: int | None = None,
    title: str = "",
    figure_format: str = "png",
) -> Evaluation:
    """Score a fitted pipeline on rows of a table, and write the scores into the run, if there is one, under a name.

    ``train_rows`` are what the baseline learns from; there is none without them, or where lengths are not known. With
    ``phrases_seed`` the rows are scored in phrases as well. ``title`` is that of the figure.
    """
    said = predict_settings(pipeline, rows, phrases_seed=phrases_seed)
    in_context = score_settings(said, uses_offsets=uses_offsets(pipeline))
    report = evaluate(rows["label_category"], said.loc[said["setting"] == "alone", PROBA_COLUMNS])
    baseline = baseline_score(train_rows, rows)
    result = Evaluation(name, report, baseline, in_context, pipeline["net"].unknown_below)
    if run is None:
        return result
    make_folder(run.figures)
    scores = {**report.to_dict(), "duration_only_macro_f1": baseline, "in_context": in_context.to_dict()}
    write_json(scores, run.metrics(name))
    save_figure(confusion_matrix(report, title), run.figures / f"confusion_{name}.{figure_format}")
    return replace(result, path=run.metrics(name))


def baseline_score(train_rows: pd.DataFrame | None, rows: pd.DataFrame) -> float | None:
    """Return `duration_score`, None where there is nothing to learn from or lengths are not known."""
    if train_rows is None or train_rows.empty or any(own["offset_sec"].hasnans for own in (train_rows, rows)):
        return None
    return duration_score(train_rows, rows)


def duration_score(train_rows: pd.DataFrame, rows: pd.DataFrame) -> float:
    """Return the macro-F1 on ``rows`` of a tree that knows how long a note is and nothing else."""
    tree = duration_only().fit(train_rows, train_rows["label_category"].to_numpy())
    by_label = pd.DataFrame(tree.predict_proba(rows), columns=tree.classes_)
    return evaluate(rows["label_category"], by_label.reindex(columns=list(LABELS), fill_value=0)).macro_f1


def _name_of_table(metadata_path: str | Path, split: str) -> str:
    """Return the name of the scores of another table, which no split of the run has."""
    stem = Path(metadata_path).stem
    stem = f"table_{stem}" if stem in (*SPLITS, "all") else stem
    return stem if split == "all" else f"{stem}_{split}"


def _labelled_events(metadata_path: str | Path, audio_root: str | Path | None, data: DataConfig) -> pd.DataFrame:
    try:
        events = other_events(data, metadata_path, audio_root, require_labels=True)
    except EventTableError as error:
        if "label_category" not in str(error):
            raise
        raise EventTableError(f"{error}\nTo classify notes without labels use `guitarclf predict`.") from error
    return events
