"""Simple classifiers a CRNN has to beat, as scikit-learn Pipelines over the events table."""

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier


def event_durations(events: pd.DataFrame) -> np.ndarray:
    """Return ``offset_sec - onset_sec`` of each event, shape (n_events, 1), in seconds."""
    return (events["offset_sec"] - events["onset_sec"]).to_numpy(dtype=np.float64)[:, None]


def duration_only() -> Pipeline:
    """Return a classifier that knows how long a note is and nothing else.

    A score it reaches says nothing about sound: dead notes are short in most collections.
    """
    return Pipeline(
        [
            ("duration", FunctionTransformer(event_durations)),
            (
                "tree",
                DecisionTreeClassifier(max_depth=4, min_samples_leaf=3, class_weight="balanced", random_state=0),
            ),
        ]
    )
