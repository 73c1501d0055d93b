"""The fits of a cross-validation: which there are, what each says, and how that is kept in a journal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from guitarclf.errors import RunError
from guitarclf.evaluation.crossval import BASELINE_COLUMNS
from guitarclf.files.digest import text_digest
from guitarclf.labels import LABELS


@dataclass(frozen=True)
class Fit:
    """One net to be trained: the kind of split, the fold that it does not hear, and which of the repeats it is."""

    split: str
    fold: str
    repeat: int


@dataclass(frozen=True)
class FitOutcome:
    """What a fit says of the rows it has not heard: probabilities in the order of LABELS, and the baselines' labels."""

    proba: np.ndarray
    called: dict[str, np.ndarray]


def list_fits(kinds: dict[str, np.ndarray], repeats: int) -> list[Fit]:
    """Return the fits of all kinds of split in their order."""
    return [
        Fit(kind, str(name), repeat + 1)
        for kind, fold in kinds.items()
        for name in sorted(set(fold))
        for repeat in range(repeats)
    ]


def fits_key(fits: Sequence[Fit], kinds: Mapping[str, np.ndarray]) -> str:
    """Return a digest of which rows each fit is about."""
    return text_digest(*map(repr, fits), *(f"{kind} {name}" for kind, fold in kinds.items() for name in fold))


def to_plain(part: list[FitOutcome]) -> list[dict]:
    """Return outcomes as what JSON can hold, every digit of them."""
    return [
        {"proba": outcome.proba.tolist(), "called": {name: list(labels) for name, labels in outcome.called.items()}}
        for outcome in part
    ]


def from_plain(plain: list[dict], n_rows: Sequence[int], path: Path) -> list[FitOutcome]:
    """Return the outcomes that `to_plain` took apart, each of so many rows; RunError if they are not."""
    try:
        outcomes = [
            FitOutcome(
                np.array(item["proba"], dtype=np.float64),
                {name: np.array(item["called"][name]) for name in BASELINE_COLUMNS},
            )
            for item in plain
        ]
        shapes = [(outcome.proba.shape, *(labels.shape for labels in outcome.called.values())) for outcome in outcomes]
        if shapes != [((n, len(LABELS)), *[(n,)] * len(BASELINE_COLUMNS)) for n in n_rows]:
            raise ValueError("Their shapes are others")
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} must hold the outcomes of fits. {type(error).__name__}: {error}. Begin again with --overwrite."
        ) from error
    return outcomes
