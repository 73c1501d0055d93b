"""Sounds that are no note, from a table of the user's: rows to train on beside the notes."""

from pathlib import Path

import numpy as np
import pandas as pd

from guitarclf.config import Config
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.pipeline import build_window
from guitarclf.training.rows import TrainingSet


def background_rows(config: Config, logmel: LogMelSpectrogram) -> TrainingSet:
    """Return the clips of ``training.background_path``, labelled as no note, with their ``family``."""
    path = Path(str(config.training.background_path))
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    events = pd.DataFrame(
        {
            "audio_path": [str(path.parent / name) for name in table["audio_path"]],
            "onset_sec": 0.0,
            "family": table["family"],
            "label_category": np.full(len(table), None, dtype=object),
        }
    )
    return TrainingSet.of(events, logmel.transform(build_window(config).transform(events)), repeats=2)
