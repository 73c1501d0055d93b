"""Modelled notes as company for the training rows of a table."""

import logging
import os

import numpy as np
import pandas as pd

from guitarclf.config import Config
from guitarclf.data.synth import render_notes
from guitarclf.pipeline import build_window

logger = logging.getLogger(__name__)

NOTES_PER_GUITAR = 20


def modelled_notes(config: Config) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the events and windows of ``training.add_modelled`` notes, 20 a guitar, each guitar a track of its own."""
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
    return events, build_window(config).transform(waveforms)
