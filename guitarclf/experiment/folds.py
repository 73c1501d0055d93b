"""The folds of a cross-validation: by whole tracks, or, to see what leaks, by rows and by files."""

import logging

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold

from guitarclf.config import Config
from guitarclf.data.events import each_note_is_its_own_track
from guitarclf.errors import ConfigError, SplitError

logger = logging.getLogger(__name__)


def fold_of_rows(events: pd.DataFrame, config: Config, *, leave_one_out=None, folds=None) -> np.ndarray:
    """Return the name of each row's fold, shape (n_events,)."""
    column = leave_one_out or folds
    if column is not None:
        named = _given(events, column)
    else:
        if each_note_is_its_own_track(events):
            logger.warning("There is no `track` column and one event a file: notes of one guitar are on both sides.")
        named = _numbered(GroupKFold, events["track"], config)
    if len(set(named)) < 2:
        raise SplitError(f"There must be at least two folds. Got {len(set(named))}: {named[0]!r}. Add tracks.")
    return named


def leaking_folds(events: pd.DataFrame, config: Config) -> dict[str, np.ndarray]:
    """Return folds that let a guitar be on both sides: by random rows, and by file."""
    return {
        "random rows": _numbered(KFold, events["note_id"], config),
        "by file": _numbered(GroupKFold, events["audio_path"], config),
    }


def fold_of_clips(clips: pd.DataFrame, tracks: pd.Series, folds: np.ndarray) -> np.ndarray:
    """Return the fold that leaves each sound that is no note out, shape (n_clips,); None where none does.

    Whole families are dealt out to the folds in turn, the largest first. Sounds of the table of notes itself
    (``from_table``) are left out with the notes of their track.

    Parameters
    ----------
    clips : DataFrame
        ``family`` and ``from_table``.
    tracks : Series
        The track of each note.
    folds : ndarray of str
        The fold of each note.
    """
    from_table, names = clips["from_table"].to_numpy(dtype=bool), sorted(set(folds))
    counts = clips.loc[~from_table, "family"].value_counts()
    dealt = sorted(counts.index, key=lambda family: (-counts[family], family))
    fold_of_family = {family: names[place % len(names)] for place, family in enumerate(dealt)}
    fold_of_track = dict(zip(tracks, folds, strict=True))
    pairs = zip(clips["family"], from_table, strict=True)
    named = [fold_of_track.get(family) if own else fold_of_family[family] for family, own in pairs]
    return np.array(named, dtype=object)


def _numbered(splitter: type, by: pd.Series, config: Config) -> np.ndarray:
    """Return ``fold 1``, ``fold 2``, ... for the rows whose values of ``by`` a splitter puts together."""
    n_splits = min(config.crossval.n_splits, by.nunique())
    if n_splits < 2:
        raise SplitError(f"There must be at least two of `{by.name}` to leave one out. Got {by.nunique()}.")
    named = np.empty(len(by), dtype=object)
    folds = splitter(n_splits, shuffle=True, random_state=config.seed)
    groups = {"groups": by} if splitter is GroupKFold else {}
    for number, (_, held_out) in enumerate(folds.split(by, **groups), start=1):
        named[held_out] = f"fold {number}"
    return named.astype(str)


def _given(events: pd.DataFrame, column: str) -> np.ndarray:
    """Return the folds that a column names, checked."""
    if column not in events or (events[column].astype(str) == "").any():
        raise ConfigError(
            f"The folds must come from a column that is filled in every row. Got {column!r}. "
            f"The columns are {', '.join(events.columns)}."
        )
    named = events[column].astype(str)
    folds_of_track = named.groupby(events["track"]).nunique()
    torn = folds_of_track[folds_of_track > 1]
    if len(torn):
        raise SplitError(
            f"No track may be in two folds. Track {torn.index[0]!r} is in {torn.iloc[0]} of column {column!r}."
        )
    return named.to_numpy()
