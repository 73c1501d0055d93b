"""crossval: scores on tracks the model has not heard, each left out in turn."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from guitarclf.cluster import Cluster, run_unordered
from guitarclf.config import Config
from guitarclf.evaluation.crossval import CrossvalReport, summarise
from guitarclf.experiment.bad_audio import report_bad_audio
from guitarclf.experiment.feature_pass import OpeningCluster, compute_ahead, for_other_processes
from guitarclf.experiment.fits import CLIP_COLUMNS, Fit, Outcome, fits_key, from_plain, list_fits, to_plain
from guitarclf.experiment.folds import fold_of_rows, leaking_folds
from guitarclf.experiment.for_papers import write_for_papers
from guitarclf.experiment.in_context import require_snippets, uses_offsets, with_answers
from guitarclf.experiment.initial_weights import require_fresh_weights
from guitarclf.experiment.material import FoldFits, Phrases, windows_of
from guitarclf.experiment.tables import config_events, with_absolute_paths
from guitarclf.experiment.train import check_buildable
from guitarclf.files.progress import watched_places
from guitarclf.files.whole import write_text
from guitarclf.pipeline import build_pipeline
from guitarclf.runs.environment import threads_of, with_threads
from guitarclf.runs.folder import CrossvalFolder, write_json
from guitarclf.runs.session import OpenRun, open_run

logger = logging.getLogger(__name__)

NOTE_COLUMNS = ["note_id", "track", "label_category", "expression_style", "pitch_midi"]  # of predictions


def crossval(
    config: Config,
    *,
    leave_one_out: str | None = None,
    folds: str | None = None,
    repeats: int = 1,
    compare_splits: bool = False,
    in_context: bool = False,
    phrases_seed: int | None = None,
    figure_format: str = "png",
    n_jobs: int = 1,
    cluster: str | None = None,
    resume=False,
    overwrite=False,
) -> dict[str, CrossvalReport]:
    """Score each fold with a net trained on the others, and return kind of split -> report.

    Writes ``predictions.csv``, ``crossval.json``, ``crossval.txt`` and ``config.yaml`` into ``output_dir``; with
    ``in_context`` also the folder ``phrases``, with ``training.background_path`` also ``background.csv``; for papers
    ``scores.csv``, ``scores.tex`` and ``figures/tracks``.

    Parameters
    ----------
    config : Config
        Its ``training.add_modelled`` notes join the training side of every fold, never what is scored. So do the
        clips of ``training.background_path``, whose families are dealt out to the folds: those left out are scored.
    leave_one_out : str, optional
        Column whose every value is a fold; default ``crossval.n_splits`` folds of whole tracks.
    folds : str, optional
        Column that names each row's fold; no track may be in two.
    repeats : int
        Nets per fold, each of its own seed.
    compare_splits : bool
        Also split by random rows and by file: what a score gains by leaking.
    in_context : bool
        Also score each note in a phrase with others of its track, once as if nothing told where it ends, and once with
        its offset. EventTableError if notes share recordings.
    phrases_seed : int, optional
        Of the phrases; default the config's seed.
    figure_format : {"png", "svg", "pdf"}
    n_jobs : int
        Fits at once on this machine; 1: in this process, -1: one a core. Nothing of what comes out depends on it.
    cluster : str, optional
        Where the fits are done instead: what :func:`guitarclf.cluster.open_cluster` takes.
    resume : bool
        Go on with the cross-validation that is there: folds that are finished are kept.
    overwrite : bool
        Replace the cross-validation that is there.
    """
    config = with_absolute_paths(config)
    require_fresh_weights(config, "crossval")
    check_buildable(config)
    folder = CrossvalFolder(Path(config.output_dir))
    phrases = None
    if in_context:
        phrases = Phrases(folder.phrases, config.seed if phrases_seed is None else phrases_seed)
    options = {
        "leave_one_out": leave_one_out,
        "folds": folds,
        "repeats": repeats,
        "compare_splits": compare_splits,
        "in_context": in_context or None,  # as in folders of versions that had no such option
        "phrases_seed": phrases and phrases.seed,
    }
    kinds: dict[str, np.ndarray] = {}

    def read() -> pd.DataFrame:
        events = config_events(config)
        if in_context:
            require_snippets(events)
        if compare_splits:
            kinds.update(leaking_folds(events, config))
        kinds["by track"] = fold_of_rows(events, config, leave_one_out=leave_one_out, folds=folds)
        return events

    threads = threads_of(config, otherwise=1)
    with ExitStack() as stack:
        reading = OpeningCluster(cluster, config, read, stack)
        begun = {"options": options, "resume": resume, "overwrite": overwrite}
        run = stack.enter_context(open_run(folder, config, reading, threads=threads, **begun))
        report_bad_audio(run.events, folder.bad_audio)
        fits = list_fits(kinds, repeats)
        settings = with_threads(config, threads)
        done = run_fits(settings, run, fits, kinds, phrases, n_jobs=n_jobs, cluster=reading.cluster)
        notes, clips = as_tables(run.events, fits, done, kinds)
        pipeline = build_pipeline(config)
        reports = {kind: summarise(notes[kind], clips[kind], uses_offsets=uses_offsets(pipeline)) for kind in kinds}
        write_for_papers(folder, reports, table=Path(config.data.metadata_path).name, figure_format=figure_format)
        if not folder.is_finished:  # what is there may have been worked on
            _write(folder, notes, clips, reports)
        logger.info("cross-validation written to %s", folder.root)
    return reports


def _write(
    folder: CrossvalFolder,
    notes: dict[str, pd.DataFrame],
    clips: dict[str, pd.DataFrame],
    reports: dict[str, CrossvalReport],
) -> None:
    """Write predictions, scores and text; a folder with the text is finished."""
    for path, tables in ((folder.predictions, notes), (folder.background, clips)):
        rows = pd.concat([table.assign(split=kind) for kind, table in tables.items()])
        if len(rows):
            write_text(path, rows.to_csv(index=False))
    write_json({kind: report.to_dict() for kind, report in reports.items()}, folder.scores)
    text = "\n\n".join(f"== {kind} ==\n{report.to_text()}" for kind, report in reports.items())
    write_text(folder.text, text + "\n")


def run_fits(
    config: Config,
    run: OpenRun,
    fits: Sequence[Fit],
    kinds: dict[str, np.ndarray],
    phrases: Phrases | None = None,
    *,
    n_jobs: int = 1,
    cluster: Cluster | None = None,
) -> list[Outcome]:
    """Return the outcomes of fits, in their order, which are kept in the folder of the run as they come."""
    path = CrossvalFolder(run.folder.root).kept
    n_rows = [(kinds[fit.split] == fit.fold).sum() for fit in fits]
    n_of = dict(zip(fits, n_rows, strict=True))
    journal = run.journal(
        path,
        fits_key(fits, kinds),
        to_plain=to_plain,
        from_plain=lambda plain, some: from_plain(plain, [n_of[fit] for fit in some], path),
        what="fits",
    )
    if cluster is not None or n_jobs != 1:
        config = for_other_processes(config)

    def work(rest: Sequence[int]) -> Iterator[tuple[int, list[Outcome]]]:
        if not rest:
            return
        compute_ahead(config, partial(windows_of, config, run.events), cluster=cluster, n_jobs=n_jobs)
        function = FoldFits(config, run.events, kinds, phrases and phrases.written(run.events))
        jobs = [fits[place] for place in rest]
        for at, outcome in run_unordered(function, jobs, cluster=cluster, n_jobs=n_jobs):
            fit = jobs[at]
            logger.info("%s, %s, repeat %d: %d events scored", fit.split, fit.fold, fit.repeat, n_of[fit])
            yield rest[at], [outcome]

    outcomes: dict[int, Outcome] = {}
    for place, part in watched_places(journal.go_on(fits, work), len(fits), desc="folds", unit="fit"):
        outcomes |= enumerate(part, start=place)
    return [outcomes[place] for place in range(len(fits))]


def as_tables(
    events: pd.DataFrame, fits: Sequence[Fit], outcomes: Sequence[Outcome], kinds: dict[str, np.ndarray]
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Return (notes, clips): the predictions of each kind of split, with the truth and the baselines'.

    Notes have a row per event, setting and repeat, clips that are no note a row per clip and repeat.
    """
    notes: dict[str, list[pd.DataFrame]] = {kind: [] for kind in kinds}
    clips: dict[str, list[pd.DataFrame]] = {kind: [] for kind in kinds}
    for fit, outcome in zip(fits, outcomes, strict=True):
        is_held_out = kinds[fit.split] == fit.fold
        rows = events.loc[is_held_out, NOTE_COLUMNS].assign(fold=fit.fold, repeat=fit.repeat)
        notes[fit.split].append(with_answers(rows, outcome.notes, outcome.unknown_below))
        clips[fit.split].append(_table_of_clips(fit, outcome))
    return _joined(notes), _joined(clips)


def _joined(tables: dict[str, list[pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    return {kind: pd.concat(parts, ignore_index=True) for kind, parts in tables.items()}


def _table_of_clips(fit: Fit, outcome: Outcome) -> pd.DataFrame:
    """Return the clips that a fit has not heard, with its answers beside them."""
    own = outcome.background[CLIP_COLUMNS].assign(fold=fit.fold, repeat=fit.repeat)
    return own.join(outcome.background.drop(columns=CLIP_COLUMNS)).assign(unknown_below=outcome.unknown_below)
