"""The user's own sounds that are no note, as rows to train on."""

import logging
from collections.abc import Collection

import numpy as np
import pandas as pd

from guitarclf.config import Config, feature_shape
from guitarclf.experiment.synthetic_rows import draw_lengths
from guitarclf.experiment.tables import background_events
from guitarclf.features.arrays import Windows
from guitarclf.features.inputs import as_requests
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.pipeline import build_window
from guitarclf.training.rows import TrainingSet

logger = logging.getLogger(__name__)


def background_rows(
    config: Config, logmel: LogMelSpectrogram, *, left_out: Collection[str] = (), to_train_on: bool = True
) -> TrainingSet:
    """Return the rows of the table that are labelled no_note and the clips of ``training.background_path``.

    Parameters
    ----------
    config : Config
    logmel : LogMelSpectrogram
        As `build_pipeline` has it, with the feature cache.
    left_out : collection of str
        Tracks whose no_note rows are not among them: a net must not know the room of what it is scored on.
    to_train_on : bool
        Whether they fall silent as `draw_lengths` has it, where the window hears no sound after an offset.

    Returns
    -------
    rows : TrainingSet
        Possibly none. None has a label or is for validation. The columns ``family`` and ``from_table`` are those of
        `background_events`, ``repeats`` is ``training.repeat_background``.
    """
    events = _events_beside(config, left_out)
    repeats = config.training.repeat_background
    if events.empty:
        return TrainingSet.of(events, np.zeros((0, *feature_shape(config)), dtype=np.float32), repeats=repeats)
    n_families = events["family"].nunique()
    logger.info("sounds that are no note: %d of %d families, each %d times an epoch", len(events), n_families, repeats)
    windows = _windows_of(config, events, to_train_on=to_train_on)
    return TrainingSet.of(events, logmel.transform(windows), repeats=repeats)


def background_windows(config: Config, *, left_out: Collection[str] = (), to_train_on: bool = True) -> Windows:
    """Return the windows of the rows that `background_rows` returns."""
    return _windows_of(config, _events_beside(config, left_out), to_train_on=to_train_on)


def _events_beside(config: Config, left_out: Collection[str]) -> pd.DataFrame:
    """Return what `background_events` does, without the rows of the table that are of ``left_out`` tracks."""
    events = background_events(config)
    is_left_out = events["from_table"].to_numpy(dtype=bool) & events["family"].isin(left_out).to_numpy(dtype=bool)
    return events[~is_left_out].reset_index(drop=True)


def _windows_of(config: Config, events: pd.DataFrame, *, to_train_on: bool) -> Windows:
    windows = Windows(build_window(config).reader, as_requests(events))
    lengths = draw_lengths(config, len(events)) if to_train_on else np.full(len(events), np.nan)
    return windows.ending(events["onset_sec"].to_numpy(dtype=np.float64) + lengths)
