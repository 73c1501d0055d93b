"""Synthetic rows to train on beside those of a table: modelled notes, and background (clips that are no note)."""

import logging
import os
from functools import reduce

import numpy as np
import pandas as pd

from guitarclf.audio.mel import log_mel_channels
from guitarclf.audio.offsets import NEVER
from guitarclf.config import Config
from guitarclf.data.neighbours import among_others
from guitarclf.data.splits import draw_sides
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.labels import LABEL_TO_INDEX
from guitarclf.pipeline import build_window
from guitarclf.training.rows import TrainingSet

logger = logging.getLogger(__name__)

NOTES_PER_GUITAR = 5
Part = tuple[pd.DataFrame, np.ndarray, np.ndarray | None]  # events, windows, and their ends in samples if they have any
BACKGROUND_SEED = 1_000_003  # added to the run's, so that notes and background are drawn apart
ENDLESS, LENGTHS = 1, 2  # beside the run's seed, for the same reason
SHORTEST_SEC = 0.05  # after which what is no note may fall silent


def draw_synthetic_rows(config: Config, logmel: LogMelSpectrogram) -> tuple[TrainingSet, np.ndarray]:
    """Return ``training.add_modelled`` notes, then ``training.add_clutter`` background clips, both possibly none.

    Returns
    -------
    rows : TrainingSet
        Some modelled guitars are for validation, and no background is.
    windows : ndarray of shape (n_rows, n_samples), dtype=float32
        The sound of each row.
    """
    empty = np.zeros((0, build_window(config).reader.n_samples), dtype=np.float32)
    parts: list[Part] = [(_background_events(0), empty, None)]
    if config.training.add_modelled:
        parts.append(modelled_notes(config))
    if config.training.add_clutter:
        parts.append(background_clips(config))
    rows = []
    for events, windows, ends in parts:
        features = log_mel_channels(windows, ends=ends, **logmel.settings)
        is_note = bool(events["label_category"].notna().any())
        rows.append(TrainingSet.of(events, features, valid=events["valid"].to_numpy(), modelled=is_note))
    return reduce(TrainingSet.add, rows), np.concatenate([windows for _, windows, _ in parts])


def _background_events(n_rows: int) -> pd.DataFrame:
    """Return a table of rows that are no note and not for validation, possibly none."""
    nothing = [None] * n_rows
    return pd.DataFrame({"label_category": nothing, "track": nothing}, dtype=object).assign(valid=False)


def background_clips(config: Config) -> Part:
    """Return ``training.add_clutter`` clips that are no note, and where they fall silent."""
    from guitarclf.data.synth import render_background  # slow to load, and few trainings need it

    n_clips = config.training.add_clutter
    logger.info("making %d clips that are no note", n_clips)
    clips, _ = render_background(
        n_clips,
        seed=config.seed + BACKGROUND_SEED,
        sample_rate=config.window.sample_rate,
        duration=config.window.target_duration,
    )
    lengths = draw_lengths(config, n_clips)
    ends = np.full(n_clips, NEVER)
    ends[~np.isnan(lengths)] = lengths[~np.isnan(lengths)] * config.window.sample_rate
    return _background_events(n_clips), build_window(config).reader.cut(clips, ends), ends  # some are silent throughout


def modelled_notes(config: Config) -> Part:
    """Return ``training.add_modelled`` notes, each guitar a track of its own, some guitars for validation."""
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
    codes = events["label_category"].map(LABEL_TO_INDEX).to_numpy()
    sizes = (config.training.modelled_valid_size,)  # whatever is held out of the table
    events["valid"] = draw_sides(events["track"].to_numpy(), codes, sizes, seed=config.seed) == 1
    if config.training.modelled_in_phrases:
        waveforms, events["offset_sec"] = among_others(
            waveforms,
            events["offset_sec"].to_numpy(),
            events["track"].to_numpy(),
            share=config.training.modelled_in_phrases,
            sample_rate=config.window.sample_rate,
            seed=config.seed,
        )
    reader = build_window(config).reader
    ends = reader.ends_in(waveforms, events["offset_sec"])
    ends[draw_endless(config, n_events)] = NEVER
    return events, reader.cut(waveforms, ends), ends


def draw_endless(config: Config, n_rows: int) -> np.ndarray:
    """Return which training rows are heard as if nothing told where they end, bool of shape (n_rows,)."""
    return np.random.default_rng([config.seed, ENDLESS]).random(n_rows) < config.training.without_offsets


def draw_lengths(config: Config, n_rows: int) -> np.ndarray:
    """Return after how many seconds training rows that are no note fall silent, NaN where they do not.

    As many of them end as of the notes, at any time: else silence would tell a net what is a note.
    """
    lengths = np.random.default_rng([config.seed, LENGTHS]).uniform(SHORTEST_SEC, config.window.target_duration, n_rows)
    return np.where(draw_endless(config, n_rows), np.nan, lengths)
