"""crossval: scores on tracks the model has not heard, each left out in turn."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path

import numpy as np
import pandas as pd

from guitarclf.config import Config
from guitarclf.evaluation.baselines import N_TIMBRE, duration_only, majority, svm_on_mfcc
from guitarclf.evaluation.crossval import CrossvalReport, summarise
from guitarclf.evaluation.metrics import PROBA_COLUMNS
from guitarclf.experiment.background import background_rows
from guitarclf.experiment.bad_audio import report_bad_audio
from guitarclf.experiment.fits import (
    CLIP_COLUMNS,
    Fit,
    Outcome,
    answers,
    fits_key,
    from_plain,
    list_fits,
    no_clips,
    to_plain,
)
from guitarclf.experiment.folds import fold_of_families, fold_of_rows, leaking_folds
from guitarclf.experiment.in_context import hear_in_context, require_snippets, uses_offsets
from guitarclf.experiment.initial_weights import require_fresh_weights
from guitarclf.experiment.synthetic_rows import draw_synthetic_rows
from guitarclf.experiment.tables import config_events, with_absolute_paths
from guitarclf.experiment.train import check_buildable, seed_everything
from guitarclf.features.arrays import FeatureRows
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.features.window import EventWindow
from guitarclf.files.progress import watched
from guitarclf.files.whole import write_text
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_net, build_pipeline
from guitarclf.runs.environment import threads_of, with_threads
from guitarclf.runs.folder import CrossvalFolder, write_json
from guitarclf.runs.session import OpenRun, open_run
from guitarclf.training.net import NoteEventClassifier
from guitarclf.training.rows import TrainingSet
from guitarclf.training.statistics import validation_mask
from guitarclf.training.targets import encode_labels

logger = logging.getLogger(__name__)

N_LEARNING_STEPS = 2  # of svm_on_mfcc: what comes before is stateless, and is computed once


@dataclass(frozen=True)
class Material:
    """What the folds share: the table, its features, synthetic rows, and the user's clips that are no note, if any.

    ``features`` has those of the table's rows in each setting that is scored; nets learn from "alone".
    ``timbre`` and ``synthetic_timbre`` are the MFCC statistics of the table's rows and of the modelled notes.
    """

    events: pd.DataFrame
    features: dict[str, np.ndarray | FeatureRows]
    synthetic: TrainingSet
    background: TrainingSet | None
    timbre: np.ndarray
    synthetic_timbre: np.ndarray


@dataclass(frozen=True)
class Phrases:
    """The phrases that notes are scored in as well: the folder they are written into, and their seed."""

    folder: Path
    seed: int


def crossval(
    config: Config,
    *,
    leave_one_out: str | None = None,
    folds: str | None = None,
    repeats: int = 1,
    compare_splits: bool = False,
    in_context: bool = False,
    phrases_seed: int | None = None,
    resume=False,
    overwrite=False,
) -> dict[str, CrossvalReport]:
    """Score each fold with a net trained on the others, and return kind of split -> report.

    Writes ``predictions.csv``, ``crossval.json``, ``crossval.txt`` and ``config.yaml`` into ``output_dir``; with
    ``in_context`` also the folder ``phrases``, with ``training.background_path`` also ``background.csv``.

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
    with open_run(folder, config, read, threads=threads, options=options, resume=resume, overwrite=overwrite) as run:
        report_bad_audio(run.events, folder.bad_audio)
        notes, clips = predict_folds(with_threads(config, threads), run, kinds, repeats, phrases)
        window, logmel = _steps(config)
        reports = {
            kind: summarise(notes[kind], clips[kind], uses_offsets=uses_offsets(window, logmel)) for kind in kinds
        }
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


def _steps(config: Config) -> tuple[EventWindow, LogMelSpectrogram]:
    """Return what comes before the net."""
    pipeline = build_pipeline(config)
    return pipeline["window"], pipeline["logmel"]


def prepare(config: Config, events: pd.DataFrame, phrases: Phrases | None = None) -> Material:
    """Return what the folds share. Only some windows of the table are in memory at a time."""
    window, logmel = _steps(config)
    features = {"alone": logmel.transform(window.transform(events))}
    if phrases is not None:
        logger.info("joining %d notes into phrases", len(events))
        features |= hear_in_context(window, logmel, events, phrases.folder, seed=phrases.seed)
    synthetic, windows = draw_synthetic_rows(config, logmel)
    background = background_rows(config, logmel) if config.training.background_path else None
    measure = svm_on_mfcc(window)[:-N_LEARNING_STEPS].transform
    notes = windows[~synthetic.is_background]
    synthetic_timbre = measure(notes) if len(notes) else np.zeros((0, N_TIMBRE))
    return Material(events, features, synthetic, background, measure(events), synthetic_timbre)


def predict_folds(
    config: Config, run: OpenRun, kinds: dict[str, np.ndarray], repeats: int, phrases: Phrases | None = None
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Return (notes, clips): the predictions of each kind of split, with the truth and the baselines'.

    Notes have a row per event, setting and repeat, clips that are no note a row per clip and repeat. Outcomes of fits
    are kept in the folder of the run as they come.
    """
    events, path = run.events, CrossvalFolder(run.folder.root).kept
    fits = list_fits(kinds, repeats)
    held_out = {fit: kinds[fit.split] == fit.fold for fit in fits}
    journal = run.journal(
        path,
        fits_key(fits, kinds),
        to_plain=to_plain,
        from_plain=lambda plain, some: from_plain(plain, [held_out[fit].sum() for fit in some], path),
        what="fits",
    )
    parts = journal.go_on(fits, lambda rest: _run_fits(config, events, rest, kinds, phrases))
    outcomes = chain.from_iterable(watched(parts, len(fits), desc="folds", unit="fit"))
    notes: dict[str, list[pd.DataFrame]] = {kind: [] for kind in kinds}
    clips: dict[str, list[pd.DataFrame]] = {kind: [] for kind in kinds}
    for fit, outcome in zip(fits, outcomes, strict=True):
        notes[fit.split] += _tables_of_notes(events[held_out[fit]], fit, outcome)
        clips[fit.split].append(_table_of_clips(fit, outcome))
    return _joined(notes), _joined(clips)


def _joined(tables: dict[str, list[pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    return {kind: pd.concat(parts, ignore_index=True) for kind, parts in tables.items()}


def _run_fits(config: Config, events: pd.DataFrame, fits, kinds, phrases) -> Iterator[list[Outcome]]:
    """Yield the outcome of each fit; without fits nothing is computed."""
    if not fits:
        return
    material = prepare(config, events, phrases)
    for (kind, fold), repeats in groupby(fits, key=attrgetter("split", "fold")):
        rows = kinds[kind] == fold
        clips = _clips_left_out(material, kinds[kind], fold)
        called = _predict_baselines(material, rows)
        for fit in repeats:
            outcome = _fit_and_predict(config, material, rows, clips, config.seed + fit.repeat - 1)
            outcome.notes["alone"] = outcome.notes["alone"].assign(**called)
            logger.info("%s, %s, repeat %d: %d events scored", kind, fold, fit.repeat, rows.sum())
            yield [outcome]


def _clips_left_out(material: Material, folds: np.ndarray, fold: str) -> np.ndarray:
    """Return which clips of the background no net of a fold hears, bool of shape (n_clips,)."""
    if material.background is None:
        return np.zeros(0, dtype=bool)
    return fold_of_families(material.background.events["family"], sorted(set(folds))) == fold


def _fit_and_predict(
    config: Config, material: Material, held_out: np.ndarray, clips_left_out: np.ndarray, seed: int
) -> Outcome:
    """Return what a net that was trained on the other rows and clips says of these."""
    seed_everything(seed)
    training = material.events[~held_out]
    y, groups = training["label_category"].to_numpy(), training["track"].to_numpy()
    valid_size = config.training.valid_size if len(set(groups)) > 1 else 0
    net = build_net(replace(config, seed=seed))
    valid = validation_mask(encode_labels(y)[0], groups=groups, valid_size=valid_size, seed=seed)
    X, repeats = material.features["alone"][~held_out], config.training.repeat_table
    rows = TrainingSet.of(training, X, valid=valid, repeats=repeats).add(material.synthetic)
    clips, background = material.background, no_clips()
    if clips is not None:
        rows = rows.add(TrainingSet(clips.events[~clips_left_out], np.asarray(clips.features)[~clips_left_out]))
    rows.fit(net)
    notes = {setting: _ask(net, X[held_out]) for setting, X in material.features.items()}
    if clips is not None and clips_left_out.any():
        own = clips.events.loc[clips_left_out, CLIP_COLUMNS].reset_index(drop=True)
        background = own.join(_ask(net, np.asarray(clips.features)[clips_left_out]))
    return Outcome(notes, background, float(getattr(net.module_, "unknown_below", 0.0)))


def _ask(net: NoteEventClassifier, features: np.ndarray | FeatureRows) -> pd.DataFrame:
    """Return the probabilities, in the order of LABELS, and the confidence that a net gives rows."""
    return answers(net.predict_proba_by_label(features), net.predict_confidence(features))


def _predict_baselines(material: Material, held_out: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each baseline, trained on the other rows and the modelled notes, calls the held-out rows."""
    training = pd.concat([material.events[~held_out], material.synthetic.notes])
    timbre = np.concatenate([material.timbre[~held_out], material.synthetic_timbre])
    y = training["label_category"].to_numpy()
    testing = material.events[held_out]
    svm = svm_on_mfcc()[-N_LEARNING_STEPS:] if len(set(y)) > 1 else majority()
    return {
        "majority": majority().fit(training, y).predict(testing),
        "duration only": duration_only().fit(training, y).predict(testing),
        "SVM on MFCC": svm.fit(timbre, y).predict(material.timbre[held_out]),
    }


def _tables_of_notes(rows: pd.DataFrame, fit: Fit, outcome: Outcome) -> list[pd.DataFrame]:
    """Return the held-out events of a fit with its answers beside them, a table for each setting."""
    events = rows[["note_id", "track", "label_category", "expression_style", "pitch_midi"]]
    events = events.assign(fold=fit.fold, repeat=fit.repeat)
    tables = []
    for setting, said in outcome.notes.items():
        called = np.array(LABELS)[said[PROBA_COLUMNS].to_numpy().argmax(axis=1)]
        table = events.assign(called=called).join(said.set_index(rows.index))
        tables.append(table.assign(setting=setting, unknown_below=outcome.unknown_below))
    return tables


def _table_of_clips(fit: Fit, outcome: Outcome) -> pd.DataFrame:
    """Return the clips that a fit has not heard, with its answers beside them."""
    own = outcome.background[CLIP_COLUMNS].assign(fold=fit.fold, repeat=fit.repeat)
    return own.join(outcome.background.drop(columns=CLIP_COLUMNS)).assign(unknown_below=outcome.unknown_below)
