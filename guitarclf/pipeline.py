"""build_pipeline: a Config as an unfitted scikit-learn Pipeline of window, logmel and net."""

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from guitarclf.config import Config, to_dict
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.features.window import EventWindow
from guitarclf.parameters.sections import WatchParameters
from guitarclf.training.callbacks import watching_callbacks
from guitarclf.training.net import NoteEventClassifier

SECTIONS = ("window", "logmel", "net")


def build_pipeline(config: Config | None = None) -> Pipeline:
    """Return the unfitted Pipeline that a Config describes.

    Steps ``window`` (EventWindow), ``logmel`` (LogMelSpectrogram), ``net`` (NoteEventClassifier).
    Every leaf of these sections is a parameter: ``net.module.dropout`` is ``net__module__dropout``.
    Fitting it writes no file but for the feature cache, ``data.cache``.
    """
    config = Config() if config is None else config
    logmel = LogMelSpectrogram(
        sample_rate=config.window.sample_rate,
        **to_dict(config.logmel),
        cache=config.data.cache,
        cache_gb=config.data.cache_gb,
    )
    return Pipeline([("window", build_window(config)), ("logmel", logmel), ("net", build_net(config))])


def build_window(config: Config) -> EventWindow:
    """Return the EventWindow of a Config."""
    return EventWindow(**to_dict(config.window), num_workers=config.data.num_workers)


def without_cache(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline of the same steps without a feature cache, so that a model leaves no files with its users."""
    steps = [
        (name, clone(step).set_params(cache=None) if isinstance(step, LogMelSpectrogram) else step)
        for name, step in pipeline.steps
    ]
    return Pipeline(steps)


def build_net(config: Config) -> NoteEventClassifier:
    """Return the unfitted NoteEventClassifier of a Config, with the callbacks that write nothing."""
    settings = to_dict(config.net)
    parts = {part: settings.pop(part) for part in ("module", "optimizer", "criterion")}
    watching = {item.name: getattr(config.training, item.name) for item in fields(WatchParameters)}
    return NoteEventClassifier(
        **settings,
        **{f"{part}__{name}": value for part, values in parts.items() for name, value in values.items()},
        valid_size=config.training.valid_size,
        random_state=config.seed,
        threads=config.training.threads,
        callbacks=watching_callbacks(**watching, max_epochs=config.net.max_epochs),
    )


def features_to_train_on(pipeline: Pipeline, events: pd.DataFrame, rows: np.ndarray) -> Any:
    """Return the features of events, those of ``rows`` (bool) as if nothing told where they end."""
    windows = pipeline["window"].transform(events)
    return pipeline["logmel"].transform(windows.without_ends(rows) if rows.any() else windows)


def parameter_name(path: str) -> str:
    """Return the pipeline parameter of a config path: ``net.lr`` -> ``net__lr``."""
    return path.replace(".", "__")


def predict_by_label(pipeline: Pipeline, X: Any) -> np.ndarray:
    """Return probabilities of shape (n_events, 3) with columns in the order of LABELS.

    ``pipeline.predict_proba`` follows ``classes_``, which is sorted; reports and tables do not.
    """
    return pipeline[-1].predict_proba_by_label(pipeline[:-1].transform(X))
