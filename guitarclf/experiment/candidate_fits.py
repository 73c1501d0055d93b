"""A fit of a search: the net of one candidate, trained on all folds but one and scored on that."""

import time
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from guitarclf.config import Config
from guitarclf.evaluation.scorers import scorer
from guitarclf.experiment.background import background_rows
from guitarclf.experiment.candidates import apply_candidate, features_setting
from guitarclf.experiment.train import seed_everything
from guitarclf.pipeline import build_net, build_pipeline
from guitarclf.training.rows import TrainingSet


class CandidateFits:
    """The fits of a search. Called with (number of a candidate, number of a fold) it returns a score and seconds.

    A pickle of it holds no features: each process has those of one setting at a time, from the feature cache if there
    is one.

    Parameters
    ----------
    config : Config
    candidates : sequence of dict
        As `list_candidates` returns them.
    rows : DataFrame
        The notes that take part, of which each is scored once a candidate.
    left_out : collection of str
        Tracks that do not take part; see `background_rows`.
    """

    def __init__(self, config: Config, candidates: Sequence[dict], rows: pd.DataFrame, left_out: Collection[str] = ()):
        self.config = config
        self.candidates = candidates
        self.rows = rows
        self.features = KeptFeatures(rows, left_out)

    @cached_property
    def folds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(rows to train on, rows to score) of each fold: whole tracks on one side."""
        return list(GroupKFold(self.config.search.n_splits).split(self.rows, groups=self.rows["track"]))

    def __call__(self, job: tuple[int, int]) -> dict[str, float]:
        number, fold = job
        config = apply_candidate(self.config, self.candidates[number])
        rows, (training, scored) = self.features.of(config), self.folds[fold]
        features: Any = rows.features
        training = np.concatenate([training, _background_beside(rows, scored)])
        seed_everything(config.seed)
        net, began = build_net(config), time.perf_counter()
        net.fit(
            features[training, ...],  # with the dots features on disk stay there
            rows.names[training],
            groups=rows.events["track"].to_numpy()[training],
            repeats=rows.events["repeats"].to_numpy()[training],
            no_note=rows.is_background[training],
        )
        seconds = time.perf_counter() - began
        score = scorer(config.search.scoring)(net, features[scored, ...], rows.names[scored])
        return {"score": float(score), "fit_sec": seconds}


def _background_beside(rows: TrainingSet, scored: np.ndarray) -> np.ndarray:
    """Return the rows that are no note, but for those of the tracks that a fold scores."""
    is_of_them = rows.events["track"].isin(rows.events["track"].iloc[scored])
    return np.flatnonzero(rows.is_background & ~is_of_them.to_numpy())


class KeptFeatures:
    """The rows of a table and the background with their features, kept for one setting of window and logmel at a time.

    The rows of the table come first. Of the background those that the table itself holds of ``left_out`` tracks are
    not among them.
    """

    def __init__(self, rows: pd.DataFrame, left_out: Collection[str] = ()):
        self.rows = rows
        self.left_out = left_out
        self._setting = ""
        self._features: Any = None

    def of(self, config: Config) -> TrainingSet:
        """Return the rows with the features of a config, computed if its setting is not that of the last call."""
        setting = features_setting(config)
        if setting != self._setting:
            self._setting, self._features = "", None  # frees the last ones before the next are in memory
            pipeline = build_pipeline(config)
            rows = TrainingSet.of(self.rows, pipeline[:-1].transform(self.rows))
            self._features = rows.add(background_rows(config, pipeline["logmel"], left_out=self.left_out))
            self._setting = setting
        return self._features

    def __getstate__(self) -> dict:
        return vars(self) | {"_setting": "", "_features": None}
