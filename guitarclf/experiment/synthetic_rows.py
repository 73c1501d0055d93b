"""Synthetic rows: modelled notes, and background (clips that are no note), to train on beside the rows of a table."""

import logging
import os

import numpy as np
import pandas as pd

from guitarclf.audio.mel import log_mel_channels
from guitarclf.config import Config
from guitarclf.data.splits import draw_sides
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.labels import LABEL_TO_INDEX
from guitarclf.pipeline import build_window
from guitarclf.training.rows import TrainingSet

logger = logging.getLogger(__name__)

NOTES_PER_GUITAR = 5
VALID_SHARE = 0.1  # of the modelled guitars, whatever is held out of the table
BACKGROUND_SEED = 1_000_003  # added to the run's, so that notes and background are drawn apart


def draw_synthetic_rows(config: Config, logmel: LogMelSpectrogram) -> tuple[TrainingSet, np.ndarray]:
    """Return ``training.add_modelled`` notes, then ``training.add_clutter`` background clips, both possibly none.

    Returns
    -------
    rows : TrainingSet
        Some modelled guitars are for validation, and no background is.
    windows : ndarray of shape (n_rows, n_samples), dtype=float32
        The sound of each row.
    """
    n_samples = round(config.window.target_duration * config.window.sample_rate)
    windows = [np.zeros((0, n_samples), dtype=np.float32)]
    rows = TrainingSet.of(_background_events(0), log_mel_channels(windows[0], **logmel.settings))
    if config.training.add_modelled:
        events, notes, ends = modelled_notes(config)
        codes = events["label_category"].map(LABEL_TO_INDEX).to_numpy()
        valid = draw_sides(events["track"].to_numpy(), codes, (VALID_SHARE,), seed=config.seed) == 1
        rows = rows.add(TrainingSet.of(events, log_mel_channels(notes, ends=ends, **logmel.settings), valid=valid))
        windows.append(notes)
    if config.training.add_clutter:
        clips = background_clips(config)
        rows = rows.add(TrainingSet.of(_background_events(len(clips)), log_mel_channels(clips, **logmel.settings)))
        windows.append(clips)
    return rows, np.concatenate(windows)


def _background_events(n_rows: int) -> pd.DataFrame:
    """Return a table of rows that are no note, possibly none."""
    return pd.DataFrame({"label_category": [None] * n_rows, "track": [None] * n_rows}, dtype=object)


def background_clips(config: Config) -> np.ndarray:
    """Return the windows of ``training.add_clutter`` clips that are no note, shape (n_clips, n_samples)."""
    from guitarclf.data.synth import render_background  # slow to load, and few trainings need it

    n_clips = config.training.add_clutter
    logger.info("making %d clips that are no note", n_clips)
    clips, _ = render_background(
        n_clips,
        seed=config.seed + BACKGROUND_SEED,
        sample_rate=config.window.sample_rate,
        duration=config.window.target_duration,
    )
    return np.asarray(build_window(config).transform(clips))


def modelled_notes(config: Config) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return ``training.add_modelled`` notes: events, each guitar a track of its own, windows, and ends in samples."""
    from guitarclf.data.synth import render_notes

    n_events = config.training.add_modelled
    n_guitars = max(1, n_events // NOTES_PER_GUITAR)
    logger.info("modelling %d notes for the training rows, guitars: %d", n_events, n_guitars)
    waveforms, events = render_notes(
        n_events,
        n_guitars=n_guitars,
        seed=config.seed,
        sample_rate=config.window.sample_rate,
        duration=config.window.target_duration,
        n_jobs=min(config.data.num_workers, os.cpu_count() or 1),
    )
    events["track"] = "modelled " + events["track"]
    reader = build_window(config).reader
    ends = reader.ends_in(waveforms, events["offset_sec"])
    return events, reader.cut(waveforms, ends), ends
