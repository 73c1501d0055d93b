"""What joins the rows of a table in training: modelled notes, and clips that are no note."""

import logging
import os
from dataclasses import dataclass

import numpy as np
import pandas as pd

from guitarclf.audio.mel import log_mel_channels
from guitarclf.audio.offsets import NEVER
from guitarclf.config import Config
from guitarclf.data.splits import draw_sides
from guitarclf.labels import LABEL_TO_INDEX
from guitarclf.pipeline import build_window

logger = logging.getLogger(__name__)

NOTES_PER_GUITAR = 5
VALID_SHARE = 0.1  # of the modelled guitars, whatever is held out of the table
CLUTTER_SEED = 1_000_003  # added to the run's, so that notes and clutter are drawn apart


@dataclass(frozen=True)
class Company:
    """Modelled rows: notes first, then clutter.

    ``windows`` `[n, n_samples]` and ``features`` `[n, C, F, T]` are of both, ``events`` of the notes.
    """

    events: pd.DataFrame
    windows: np.ndarray
    features: np.ndarray
    valid: np.ndarray  # bool, the validation rows
    no_note: np.ndarray  # bool, the clutter

    def __len__(self) -> int:
        return len(self.windows)


def draw_company(config: Config, logmel) -> Company:
    """Return ``training.add_modelled`` notes, 20 a guitar, and ``training.add_clutter`` clips, both possibly none."""
    n_notes, n_clutter = config.training.add_modelled, config.training.add_clutter
    events = pd.DataFrame({"label_category": [], "track": [], "pitch_midi": []}, dtype=str)
    windows, ends, valid = [], np.full(n_notes + n_clutter, NEVER), np.zeros(0, dtype=bool)
    if n_notes:
        events, rendered, ends[:n_notes] = modelled_notes(config)
        windows.append(rendered)
        codes = events["label_category"].map(LABEL_TO_INDEX).to_numpy()
        valid = draw_sides(events["track"].to_numpy(), codes, (VALID_SHARE,), seed=config.seed) == 1
    if n_clutter:
        from guitarclf.data.synth import render_clutter

        logger.info("making %d clips that are no note", n_clutter)
        clips, _ = render_clutter(
            n_clutter,
            seed=config.seed + CLUTTER_SEED,
            sample_rate=config.window.sample_rate,
            duration=config.window.target_duration,
        )
        windows.append(build_window(config).transform(clips))
    n_samples = round(config.window.target_duration * config.window.sample_rate)
    windows = np.concatenate([np.zeros((0, n_samples), dtype=np.float32), *windows])
    return Company(
        events=events,
        windows=windows,
        features=log_mel_channels(windows, ends=ends, **logmel.settings),
        valid=np.concatenate([valid, np.zeros(n_clutter, dtype=bool)]),
        no_note=np.arange(n_notes + n_clutter) >= n_notes,
    )


def modelled_notes(config: Config) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return ``training.add_modelled`` notes: events, each guitar a track of its own, windows, and ends in samples."""
    from guitarclf.data.synth import render_notes  # slow to load, and few trainings need it

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


def fit_in_company(net, X, y, valid, company: Company, *, repeat_table: int = 1) -> None:
    """Fit a net on the rows of a table, each ``repeat_table`` times an epoch, and on their company.

    Parameters
    ----------
    net : NoteEventClassifier
    X, y, valid : features, label names and validation mask of the table's rows
    """
    labels = np.full(len(company), "general_note", dtype=object)  # of clutter it says nothing: no_note does
    labels[~company.no_note] = company.events["label_category"]
    net.fit(
        np.concatenate([X, company.features]) if len(company) else X,
        np.concatenate([y, labels]),
        valid=np.concatenate([valid, company.valid]),
        repeats=np.repeat([repeat_table, 1], [len(y), len(company)]),
        no_note=np.concatenate([np.zeros(len(y), dtype=bool), company.no_note]),
    )
