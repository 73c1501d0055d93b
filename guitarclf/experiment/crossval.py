"""crossval: scores on tracks the model has not heard, each left out in turn."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold

from guitarclf.baselines import N_TIMBRE, duration_only, majority, svm_on_mfcc
from guitarclf.config import Config
from guitarclf.config_io import write_config
from guitarclf.data.events import each_note_is_its_own_track
from guitarclf.errors import ConfigError, SplitError
from guitarclf.experiment.company import Company, draw_company, fit_in_company
from guitarclf.experiment.crossval_report import CrossvalReport, summarise
from guitarclf.experiment.tables import config_events, with_absolute_paths
from guitarclf.experiment.train import check_buildable, log_to, require_fresh_weights, seed_everything
from guitarclf.labels import LABELS
from guitarclf.persistence import RunFolder, discard, make_folder, write_json
from guitarclf.pipeline import build_net, build_pipeline
from guitarclf.progress import Progress
from guitarclf.training.rows import validation_mask
from guitarclf.training.targets import encode_labels

logger = logging.getLogger(__name__)

N_LEARNING_STEPS = 2  # of svm_on_mfcc: what comes before is stateless, and is computed once


@dataclass(frozen=True)
class Material:
    """What the folds share, computed once: the table, its features, their modelled company, and MFCC statistics.

    ``timbre`` is of the table's rows and ``company_timbre`` of the modelled notes, for the baseline.
    """

    events: pd.DataFrame
    features: np.ndarray
    company: Company
    timbre: np.ndarray
    company_timbre: np.ndarray


def crossval(
    config: Config,
    *,
    leave_one_out: str | None = None,
    folds: str | None = None,
    repeats: int = 1,
    compare_splits: bool = False,
) -> dict[str, CrossvalReport]:
    """Train on all folds but one, score that one, in turn; return split kind -> report.

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
    """
    config = with_absolute_paths(config)
    require_fresh_weights(config, "crossval")
    check_buildable(config)
    folder = RunFolder(config.output_dir).require_free().root
    events = config_events(config)
    kinds = {"by track": fold_of_rows(events, config, leave_one_out=leave_one_out, folds=folds)}
    if compare_splits:
        kinds = {**leaking_folds(events, config), **kinds}
    make_folder(folder)
    try:
        with log_to(folder / "crossval.log"):
            material = prepare(config, events)
            tables = {kind: predict_folds(config, material, fold, repeats) for kind, fold in kinds.items()}
            reports = {kind: summarise(table) for kind, table in tables.items()}
            _write(folder, config, tables, reports)
    except BaseException:
        discard(RunFolder(folder))
        raise
    return reports


def fold_of_rows(events: pd.DataFrame, config: Config, *, leave_one_out=None, folds=None) -> np.ndarray:
    """Return the name of each row's fold."""
    column = leave_one_out or folds
    if column is not None:
        if column not in events or (events[column].astype(str) == "").any():
            raise ConfigError(
                f"The folds must come from a column that is filled in every row. Got {column!r}. "
                f"The columns are {', '.join(events.columns)}."
            )
        named = events[column].astype(str).to_numpy()
        _require_whole_tracks(events, named, column)
    else:
        if each_note_is_its_own_track(events):
            logger.warning("There is no `track` column and one event a file: notes of one guitar are on both sides.")
        named = _numbered(GroupKFold, events, events["track"], config)
    if len(set(named)) < 2:
        raise SplitError(f"There must be at least two folds. Got {len(set(named))}: {named[0]!r}. Add tracks.")
    return named


def leaking_folds(events: pd.DataFrame, config: Config) -> dict[str, np.ndarray]:
    """Return folds that let a guitar be on both sides: by random rows, and by file."""
    return {
        "random rows": _numbered(KFold, events, events["note_id"], config),
        "by file": _numbered(GroupKFold, events, events["audio_path"], config),
    }


def _numbered(splitter: type, events: pd.DataFrame, by: pd.Series, config: Config) -> np.ndarray:
    n_splits = min(config.crossval.n_splits, by.nunique())
    if n_splits < 2:
        raise SplitError(f"There must be at least two of `{by.name}` to leave one out. Got {by.nunique()}.")
    named = np.empty(len(events), dtype=object)
    folds = splitter(n_splits, shuffle=True, random_state=config.seed)
    groups = {"groups": by} if splitter is GroupKFold else {}
    for number, (_, held_out) in enumerate(folds.split(events, **groups), start=1):
        named[held_out] = f"fold {number}"
    return named.astype(str)


def _require_whole_tracks(events: pd.DataFrame, named: np.ndarray, column: str) -> None:
    torn = pd.Series(named).groupby(events["track"].to_numpy()).nunique()
    torn = torn[torn > 1]
    if len(torn):
        raise SplitError(
            f"No track may be in two folds. Track {torn.index[0]!r} is in {torn.iloc[0]} of column {column!r}."
        )


def prepare(config: Config, events: pd.DataFrame) -> Material:
    """Compute what the folds share; of the table's own windows a chunk at a time is in memory."""
    window, logmel = (build_pipeline(config)[name] for name in ("window", "logmel"))
    features = logmel.transform(window.transform(events))
    company = draw_company(config, logmel)
    measure = svm_on_mfcc(window)[:-N_LEARNING_STEPS].transform
    notes = company.windows[~company.no_note]
    company_timbre = measure(notes) if len(notes) else np.zeros((0, N_TIMBRE))
    return Material(events, features, company, measure(events), company_timbre)


def predict_folds(config: Config, material: Material, fold: np.ndarray, repeats: int) -> pd.DataFrame:
    """Return a row per event and repeat: truth, fold, probabilities, and what the baselines call it."""
    names = sorted(set(fold))
    tables = []
    with Progress(len(names) * repeats, desc="folds", unit="fit") as bar:
        for name in names:
            held_out = fold == name
            called = _predict_baselines(material, held_out)
            for repeat in range(repeats):
                proba = _fit_and_predict(config, material, held_out, config.seed + repeat)
                tables.append(_table(material.events[held_out], name, repeat + 1, proba, called))
                bar.update()
            logger.info("%s: %d events scored", name, held_out.sum())
    return pd.concat(tables, ignore_index=True)


def _fit_and_predict(config: Config, material: Material, held_out: np.ndarray, seed: int) -> np.ndarray:
    """Return the probabilities of the held-out rows by a net that has not seen them, in the order of LABELS."""
    seed_everything(seed)
    training = material.events[~held_out]
    y, groups = training["label_category"].to_numpy(), training["track"].to_numpy()
    valid_size = config.training.valid_size if len(set(groups)) > 1 else 0
    net = build_net(replace(config, seed=seed))
    valid = validation_mask(encode_labels(y)[0], groups, None, valid_size=valid_size, seed=seed)
    X, repeat_table = material.features[~held_out], config.training.repeat_table
    pitch = training["pitch_midi"]
    fit_in_company(net, X, y, valid, material.company, pitch=pitch, repeat_table=repeat_table)
    return net.predict_proba_by_label(material.features[held_out])


def _predict_baselines(material: Material, held_out: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each baseline calls the held-out rows, learnt from the same notes."""
    company = material.company
    training = pd.concat([material.events[~held_out], company.events])
    timbre = np.concatenate([material.timbre[~held_out], material.company_timbre])
    y = training["label_category"].to_numpy()
    testing = material.events[held_out]
    svm = svm_on_mfcc()[-N_LEARNING_STEPS:] if len(set(y)) > 1 else majority()
    return {
        "majority": majority().fit(training, y).predict(testing),
        "duration only": duration_only().fit(training, y).predict(testing),
        "SVM on MFCC": svm.fit(timbre, y).predict(material.timbre[held_out]),
    }


def _table(rows: pd.DataFrame, fold: str, repeat: int, proba: np.ndarray, called: dict) -> pd.DataFrame:
    table = rows[["note_id", "track", "label_category", "expression_style", "pitch_midi"]].assign(
        fold=fold, repeat=repeat, called=np.array(LABELS)[proba.argmax(axis=1)]
    )
    for index, label in enumerate(LABELS):
        table[f"p_{label}"] = proba[:, index]
    return table.assign(**called)


def _write(folder: Path, config: Config, tables: dict, reports: dict[str, CrossvalReport]) -> None:
    write_config(config, folder / "config.yaml")
    predictions = pd.concat([table.assign(split=kind) for kind, table in tables.items()])
    predictions.to_csv(folder / "predictions.csv", index=False)
    write_json({kind: report.to_dict() for kind, report in reports.items()}, folder / "crossval.json")
    text = "\n\n".join(f"== {kind} ==\n{report.to_text()}" for kind, report in reports.items())
    (folder / "crossval.txt").write_text(text + "\n", encoding="utf-8")
