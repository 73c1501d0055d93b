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
from guitarclf.evaluation.crossval import PROBA_COLUMNS, CrossvalReport, summarise
from guitarclf.experiment.bad_audio import report_bad_audio
from guitarclf.experiment.fits import Fit, fits_key, from_plain, list_fits, outcome, to_plain
from guitarclf.experiment.folds import fold_of_rows, leaking_folds
from guitarclf.experiment.initial_weights import require_fresh_weights
from guitarclf.experiment.synthetic_rows import draw_synthetic_rows
from guitarclf.experiment.tables import config_events, with_absolute_paths
from guitarclf.experiment.train import check_buildable, seed_everything
from guitarclf.files.progress import watched
from guitarclf.files.whole import write_text
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_net, build_pipeline
from guitarclf.runs.environment import threads_of, with_threads
from guitarclf.runs.folder import CrossvalFolder, write_json
from guitarclf.runs.session import OpenRun, open_run
from guitarclf.training.rows import TrainingSet
from guitarclf.training.statistics import validation_mask
from guitarclf.training.targets import encode_labels

logger = logging.getLogger(__name__)

N_LEARNING_STEPS = 2  # of svm_on_mfcc: what comes before is stateless, and is computed once


@dataclass(frozen=True)
class Material:
    """What the folds share: the table, its features, and synthetic rows.

    ``timbre`` and ``synthetic_timbre`` are the MFCC statistics of the table's rows and of the modelled notes.
    """

    events: pd.DataFrame
    features: np.ndarray
    synthetic: TrainingSet
    timbre: np.ndarray
    synthetic_timbre: np.ndarray


def crossval(
    config: Config,
    *,
    leave_one_out: str | None = None,
    folds: str | None = None,
    repeats: int = 1,
    compare_splits: bool = False,
    resume=False,
    overwrite=False,
) -> dict[str, CrossvalReport]:
    """Score each fold with a net trained on the others, and return kind of split -> report.

    Writes ``predictions.csv``, ``crossval.json``, ``crossval.txt`` and ``config.yaml`` into ``output_dir``.

    Parameters
    ----------
    config : Config
        Its ``training.add_modelled`` notes join the training side of every fold, never what is scored.
    leave_one_out : str, optional
        Column whose every value is a fold; default ``crossval.n_splits`` folds of whole tracks.
    folds : str, optional
        Column that names each row's fold; no track may be in two.
    repeats : int
        Nets per fold, each of its own seed.
    compare_splits : bool
        Also split by random rows and by file: what a score gains by leaking.
    resume : bool
        Go on with the cross-validation that is there: folds that are finished are kept.
    overwrite : bool
        Replace the cross-validation that is there.
    """
    config = with_absolute_paths(config)
    require_fresh_weights(config, "crossval")
    check_buildable(config)
    folder = CrossvalFolder(Path(config.output_dir))
    options = {"leave_one_out": leave_one_out, "folds": folds, "repeats": repeats, "compare_splits": compare_splits}
    kinds: dict[str, np.ndarray] = {}

    def read() -> pd.DataFrame:
        events = config_events(config)
        if compare_splits:
            kinds.update(leaking_folds(events, config))
        kinds["by track"] = fold_of_rows(events, config, leave_one_out=leave_one_out, folds=folds)
        return events

    threads = threads_of(config, otherwise=1)
    with open_run(folder, config, read, threads=threads, options=options, resume=resume, overwrite=overwrite) as run:
        report_bad_audio(run.events, folder.bad_audio)
        tables = predict_folds(with_threads(config, threads), run, kinds, repeats)
        reports = {kind: summarise(table) for kind, table in tables.items()}
        _write(folder, tables, reports)
        logger.info("cross-validation written to %s", folder.root)
    return reports


def _write(folder: CrossvalFolder, tables: dict[str, pd.DataFrame], reports: dict[str, CrossvalReport]) -> None:
    """Write predictions, scores and text; a folder with the text is finished."""
    predictions = pd.concat([table.assign(split=kind) for kind, table in tables.items()])
    write_text(folder.predictions, predictions.to_csv(index=False))
    write_json({kind: report.to_dict() for kind, report in reports.items()}, folder.scores)
    text = "\n\n".join(f"== {kind} ==\n{report.to_text()}" for kind, report in reports.items())
    write_text(folder.text, text + "\n")


def prepare(config: Config, events: pd.DataFrame) -> Material:
    """Return what the folds share. Only some windows of the table are in memory at a time."""
    window, logmel = (build_pipeline(config)[name] for name in ("window", "logmel"))
    features = logmel.transform(window.transform(events))
    synthetic, windows = draw_synthetic_rows(config, logmel)
    measure = svm_on_mfcc(window)[:-N_LEARNING_STEPS].transform
    notes = windows[~synthetic.is_background]
    synthetic_timbre = measure(notes) if len(notes) else np.zeros((0, N_TIMBRE))
    return Material(events, features, synthetic, measure(events), synthetic_timbre)


def predict_folds(config: Config, run: OpenRun, kinds: dict[str, np.ndarray], repeats: int) -> dict[str, pd.DataFrame]:
    """Return the predictions of each kind of split, a row per event and repeat, with the truth and the baselines'.

    Outcomes of fits are kept in the folder of the run as they come.
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
    parts = journal.go_on(fits, lambda rest: _run_fits(config, events, rest, kinds))
    outcomes = chain.from_iterable(watched(parts, len(fits), desc="folds", unit="fit"))
    tables: dict[str, list[pd.DataFrame]] = {kind: [] for kind in kinds}
    for fit, said in zip(fits, outcomes, strict=True):
        tables[fit.split].append(_table(events[held_out[fit]], fit, said))
    return {kind: pd.concat(parts, ignore_index=True) for kind, parts in tables.items()}


def _run_fits(config: Config, events: pd.DataFrame, fits, kinds) -> Iterator[list[pd.DataFrame]]:
    """Yield the outcome of each fit; without fits nothing is computed."""
    if not fits:
        return
    material = prepare(config, events)
    for (kind, fold), repeats in groupby(fits, key=attrgetter("split", "fold")):
        rows = kinds[kind] == fold
        called = _predict_baselines(material, rows)
        for fit in repeats:
            proba = _fit_and_predict(config, material, rows, config.seed + fit.repeat - 1)
            logger.info("%s, %s, repeat %d: %d events scored", kind, fold, fit.repeat, rows.sum())
            yield [outcome(proba, called)]


def _fit_and_predict(config: Config, material: Material, held_out: np.ndarray, seed: int) -> np.ndarray:
    """Return the probabilities, in the order of LABELS, that a net trained on the other rows gives these."""
    seed_everything(seed)
    training = material.events[~held_out]
    y, groups = training["label_category"].to_numpy(), training["track"].to_numpy()
    valid_size = config.training.valid_size if len(set(groups)) > 1 else 0
    net = build_net(replace(config, seed=seed))
    valid = validation_mask(encode_labels(y)[0], groups=groups, valid_size=valid_size, seed=seed)
    X, repeats = material.features[~held_out], config.training.repeat_table
    TrainingSet.of(training, X, valid=valid, repeats=repeats).add(material.synthetic).fit(net)
    return net.predict_proba_by_label(material.features[held_out])


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


def _table(rows: pd.DataFrame, fit: Fit, said: pd.DataFrame) -> pd.DataFrame:
    """Return the held-out events of a fit with its outcome beside them."""
    events = rows[["note_id", "track", "label_category", "expression_style", "pitch_midi"]]
    called = np.array(LABELS)[said[PROBA_COLUMNS].to_numpy().argmax(axis=1)]
    return events.assign(fold=fit.fold, repeat=fit.repeat, called=called).join(said.set_index(rows.index))
