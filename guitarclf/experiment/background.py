"""Sounds that are no note, from a table of the user's: rows to train on beside the notes."""

from pathlib import Path

import numpy as np
import pandas as pd

from guitarclf.config import Config, feature_shape
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.pipeline import build_window
from guitarclf.training.rows import TrainingSet


def background_rows(config: Config, logmel: LogMelSpectrogram) -> TrainingSet:
    """Return the clips of ``training.background_path``, possibly none, labelled as no note, with their ``family``."""
    if config.training.background_path is None:
        columns = ["audio_path", "onset_sec", "family", "from_table", "label_category"]
        return TrainingSet.of(pd.DataFrame(columns=columns), np.zeros((0, *feature_shape(config)), dtype=np.float32))
    path = Path(config.training.background_path)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    events = pd.DataFrame(
        {
            "audio_path": [str(path.parent / name) for name in table["audio_path"]],
            "onset_sec": 0.0,
            "family": table["family"],
            "from_table": False,
            "label_category": np.full(len(table), None, dtype=object),
        }
    )
    return TrainingSet.of(events, logmel.transform(build_window(config).transform(events)), repeats=2)
