"""The fits of a cross-validation: which there are, the outcome of each, and how a journal keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guitarclf.errors import RunError
from guitarclf.evaluation.crossval import BASELINE_COLUMNS
from guitarclf.evaluation.metrics import PROBA_COLUMNS
from guitarclf.files.digest import text_digest

CLIP_COLUMNS = ["audio_path", "family"]  # of a clip that is no note


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


@dataclass(frozen=True)
class Outcome:
    """What a fit says of what its net has not heard.

    Parameters
    ----------
    notes : dict of str to DataFrame
        Setting -> a row per held-out note: its probabilities and ``confidence``, under "alone" also the label by each
        baseline.
    background : DataFrame
        A row per held-out clip that is no note: ``audio_path``, ``family``, probabilities, ``confidence``.
    unknown_below : float
        The net's own threshold of confidence, 0 if it has none.
    """

    notes: dict[str, pd.DataFrame]
    background: pd.DataFrame
    unknown_below: float


def answers(proba: ArrayLike, confidence: ArrayLike | float) -> pd.DataFrame:
    """Return a table of probabilities and of confidence, every digit of them; NaN stands for a confidence not known."""
    table = pd.DataFrame(np.asarray(proba, dtype=np.float64), columns=PROBA_COLUMNS)
    return table.assign(confidence=np.asarray(confidence, dtype=np.float64))


def no_clips() -> pd.DataFrame:
    """Return the table of answers about background without any."""
    return answers(np.zeros((0, len(PROBA_COLUMNS))), []).assign(**{name: [] for name in CLIP_COLUMNS})


def to_plain(part: list[Outcome]) -> list[dict]:
    """Return outcomes as what JSON can hold, every digit of them."""
    return [
        {
            **_plain_answers(outcome.notes["alone"]),
            "called": outcome.notes["alone"][list(BASELINE_COLUMNS)].to_dict("list"),
            "in_context": {name: _plain_answers(table) for name, table in outcome.notes.items() if name != "alone"},
            "background": {
                **_plain_answers(outcome.background),
                "clips": outcome.background[CLIP_COLUMNS].to_dict("list"),
            },
            "unknown_below": outcome.unknown_below,
        }
        for outcome in part
    ]


def _plain_answers(table: pd.DataFrame) -> dict[str, list]:
    return {"proba": table[PROBA_COLUMNS].to_numpy().tolist(), "confidence": table["confidence"].tolist()}


def from_plain(plain: list[dict], n_rows: Sequence[int], path: Path) -> list[Outcome]:
    """Return the outcomes that `to_plain` took apart, each with a given number of rows; RunError if they have not."""
    try:
        outcomes = [_outcome(item) for item in plain]
        for outcome, n_notes in zip(outcomes, n_rows, strict=True):
            if {len(table) for table in outcome.notes.values()} != {n_notes}:
                raise ValueError("Their numbers of rows are others")
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} must hold the outcomes of fits. {type(error).__name__}: {error}. Begin again with --overwrite."
        ) from error
    return outcomes


def _outcome(item: dict) -> Outcome:
    """Return the outcome that is written in an item; versions up to 0.1.0 wrote probabilities and baselines alone."""
    alone = answers(item["proba"], item.get("confidence", np.nan))
    alone = alone.assign(**{name: item["called"][name] for name in BASELINE_COLUMNS})
    in_context = {setting: answers(**table) for setting, table in item.get("in_context", {}).items()}
    background, said = no_clips(), item.get("background", {})
    if said and said["proba"]:
        background = answers(said["proba"], said["confidence"]).assign(**said["clips"])
    return Outcome({"alone": alone, **in_context}, background, float(item.get("unknown_below", 0.0)))
