"""TrainingSet: the rows that a net is trained on, the user's, synthetic and background rows alike, as one table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guitarclf.training.net import NoteEventClassifier

NAMED = "general_note"  # what `fit` is given for background rows: it takes names alone, and `no_note` says the rest


@dataclass(frozen=True)
class TrainingSet:
    """Rows to train on: a table, and the features of each row.

    Parameters
    ----------
    events : DataFrame
        A row each, with the columns ``label_category`` (missing for background, which is of no class), ``valid`` (bool,
        whether the row is for validation), ``repeats`` (times a training row is seen an epoch) and ``modelled`` (bool,
        whether it is a modelled note); others are kept.
    features : float32 array-like of shape (n_rows, n_channels, n_mels, n_frames)
    """

    events: pd.DataFrame
    features: ArrayLike

    @classmethod
    def of(
        cls,
        events: pd.DataFrame,
        features: ArrayLike,
        *,
        valid: np.ndarray | bool = False,
        repeats: int = 1,
        modelled: bool = False,
    ) -> TrainingSet:
        """Return the rows of a table of events; ``valid``, ``repeats`` and ``modelled`` become columns of it."""
        return cls(events.assign(valid=valid, repeats=repeats, modelled=modelled), features)

    def __len__(self) -> int:
        return len(self.events)

    def add(self, other: TrainingSet) -> TrainingSet:
        """Return these rows, then those of another set. Features are copied only where both sets have rows."""
        if not len(other):
            return self
        if not len(self):
            return other
        events = pd.concat([self.events, other.events], ignore_index=True)
        return TrainingSet(events, np.concatenate([np.asarray(self.features), np.asarray(other.features)]))

    @property
    def is_background(self) -> np.ndarray:
        """Which rows are no note, bool of shape (n_rows,)."""
        return self.events["label_category"].isna().to_numpy()

    @property
    def names(self) -> np.ndarray:
        """What ``fit`` is given as the label of each row, str of shape (n_rows,)."""
        return self.events["label_category"].fillna(NAMED).to_numpy()

    @property
    def notes(self) -> pd.DataFrame:
        """The rows of the table that are notes."""
        return self.events[~self.is_background]

    @property
    def has_validation(self) -> bool:
        """Whether some row is for validation."""
        return bool(self.events["valid"].any())

    def fit(self, net: NoteEventClassifier) -> NoteEventClassifier:
        """Fit a net on the rows, and return it."""
        return net.fit(
            self.features,
            self.names,
            valid=self.events["valid"].to_numpy(),
            repeats=self.events["repeats"].to_numpy(),
            no_note=self.is_background,
            modelled=self.events["modelled"].to_numpy(),
        )
