"""The fits of a cross-validation: which there are, the outcome of each, and how a journal keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from guitarclf.errors import RunError
from guitarclf.evaluation.crossval import BASELINE_COLUMNS, PROBA_COLUMNS
from guitarclf.files.digest import text_digest


@dataclass(frozen=True)
class Fit:
    """A net to be trained: the kind of split, the fold that it does not hear, and the number of the repeat."""

    split: str
    fold: str
    repeat: int


def list_fits(kinds: dict[str, np.ndarray], repeats: int) -> list[Fit]:
    """Return the fits in order: all kinds of split, all folds of each, all repeats of each."""
    return [
        Fit(kind, str(name), repeat + 1)
        for kind, fold in kinds.items()
        for name in sorted(set(fold))
        for repeat in range(repeats)
    ]


def fits_key(fits: Sequence[Fit], kinds: Mapping[str, np.ndarray]) -> str:
    """Return a digest of the fits and of the rows in each fold."""
    return text_digest(*map(repr, fits), *(f"{kind} {name}" for kind, fold in kinds.items() for name in fold))


def outcome(proba: np.ndarray, called: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return the outcome of a fit, a row per held-out event: probabilities, and the label by each baseline."""
    table = pd.DataFrame(proba, columns=PROBA_COLUMNS, dtype=np.float64)
    return table.assign(**{name: called[name] for name in BASELINE_COLUMNS})


def to_plain(part: list[pd.DataFrame]) -> list[dict]:
    """Return outcomes as what JSON can hold, every digit of them."""
    return [
        {
            "proba": table[PROBA_COLUMNS].to_numpy().tolist(),
            "called": table[list(BASELINE_COLUMNS)].to_dict("list"),
        }
        for table in part
    ]


def from_plain(plain: list[dict], n_rows: Sequence[int], path: Path) -> list[pd.DataFrame]:
    """Return the outcomes that `to_plain` took apart, each with a given number of rows; RunError if they have not."""
    try:
        outcomes = [outcome(item["proba"], item["called"]) for item in plain]
        if [len(table) for table in outcomes] != list(n_rows):
            raise ValueError("Their numbers of rows are others")
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} must hold the outcomes of fits. {type(error).__name__}: {error}. Begin again with --overwrite."
        ) from error
    return outcomes
