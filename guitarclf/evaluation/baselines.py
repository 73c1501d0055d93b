"""Simple classifiers that a CRNN has to beat, which take events as the pipeline does."""

import numpy as np
import pandas as pd
import scipy.fft
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from guitarclf.features.logmel import log_mel
from guitarclf.features.window import EventWindow

N_MFCC = 20
N_TIMBRE = 4 * N_MFCC  # statistics of each window
WINDOWS_AT_ONCE = 256  # whose spectrograms are in memory at once
TOP_DB = 80.0  # as in librosa.feature.mfcc


def majority() -> DummyClassifier:
    """Return a classifier that always answers the commonest label of its training rows."""
    return DummyClassifier(strategy="most_frequent")


def event_durations(events: pd.DataFrame) -> np.ndarray:
    """Return ``offset_sec - onset_sec`` of each event, shape (n_events, 1), in seconds."""
    return (events["offset_sec"] - events["onset_sec"]).to_numpy(dtype=np.float64)[:, None]


def duration_only() -> Pipeline:
    """Return a decision tree that knows how long a note is and nothing else; most dead notes are short."""
    tree = DecisionTreeClassifier(max_depth=4, min_samples_leaf=3, class_weight="balanced", random_state=0)
    return Pipeline([("duration", FunctionTransformer(event_durations)), ("tree", tree)])


def mfcc_statistics(windows: np.ndarray, *, sample_rate: int = 22050) -> np.ndarray:
    """Return mean and standard deviation over time of 20 MFCC and of their slopes, shape (n_events, N_TIMBRE).

    ``windows`` are of shape (n_events, n_samples); the MFCC equal ``librosa.feature.mfcc`` on 64 mel bands.
    """
    if len(windows) > WINDOWS_AT_ONCE:
        parts = np.split(windows, range(WINDOWS_AT_ONCE, len(windows), WINDOWS_AT_ONCE))
        return np.concatenate([mfcc_statistics(part, sample_rate=sample_rate) for part in parts])
    decibels = log_mel(windows, sample_rate=sample_rate, top_db=TOP_DB)
    coefficients = scipy.fft.dct(decibels, axis=1, type=2, norm="ortho")[:, :N_MFCC]
    slopes = np.diff(coefficients, axis=2)
    return np.concatenate([part(x, axis=2) for x in (coefficients, slopes) for part in (np.mean, np.std)], axis=1)


def svm_on_mfcc(window: EventWindow | None = None) -> Pipeline:
    """Return a support vector machine (RBF) on the MFCC statistics of each window."""
    window = EventWindow() if window is None else window
    return Pipeline(
        [
            ("window", window),
            ("mfcc", FunctionTransformer(mfcc_statistics, kw_args={"sample_rate": window.sample_rate})),
            ("scale", StandardScaler()),
            ("svm", SVC(class_weight="balanced")),
        ]
    )
