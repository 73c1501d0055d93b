"""The shares of the classes one expects, as a setting of a trained classifier.

A net trained with balanced weights answers as if each class were as common as the others. Bayes'
rule turns its probabilities into those for any other shares, without training again.
"""

from collections.abc import Mapping
from numbers import Real

import numpy as np

from guitarclf.errors import ParameterError
from guitarclf.labels import LABELS

SMALLEST = 1e-6  # share; keeps a class possible
UNSEEN = 1e-5  # a class with a smaller share in training was not there: the net knows nothing of it
EM_STEPS = 200
EM_TOLERANCE = 1e-6


def complete_priors(priors: dict[str, float]) -> np.ndarray:
    """Return the share of each class in the order of LABELS; classes not named divide the rest equally."""
    shares = list(priors.values()) if isinstance(priors, Mapping) else [None]
    are_shares = all(isinstance(s, Real) and not isinstance(s, bool) and 0 <= s <= 1 for s in shares)
    if not are_shares or not set(priors) <= set(LABELS):
        raise ParameterError(
            f"`priors` must map {', '.join(LABELS)} to shares from 0 to 1. Got {priors!r}. For instance "
            "{'harmonic': 0.03, 'dead_note': 0.05}; the rest goes to the classes not named."
        )
    others = [label for label in LABELS if label not in priors]
    rest = 1 - sum(shares)
    if rest < -1e-6 or (not others and abs(rest) > 1e-3):
        raise ParameterError(f"`priors` must add up to 1, or less if a class is not named. Got {priors}.")
    complete = np.array([priors.get(label, rest / max(1, len(others))) for label in LABELS], dtype=np.float64)
    complete = np.maximum(complete, SMALLEST)
    return complete / complete.sum()


def with_priors(y_proba: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return probabilities under the shares ``after`` of a classifier that learnt under ``before``.

    A class that was not there in training gets 0.

    Parameters
    ----------
    y_proba : ndarray of shape (n_events, n_classes)
    before, after : ndarray of shape (n_classes,)
    """
    # Dividing by next to nothing would make a class the net has never heard the surest of all.
    changed = y_proba * np.where(before > UNSEEN, after / before, 0.0)
    return changed / changed.sum(axis=1, keepdims=True)


def estimate_priors(y_proba: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the shares under which unlabelled events make most sense, by expectation maximisation.

    Saerens, Latinne, Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori
    probabilities", Neural Computation 14.

    Parameters
    ----------
    y_proba : ndarray of shape (n_events, n_classes)
        Calibrated probabilities of a classifier that learnt under the shares ``before``.
    """
    shares = before.copy()
    for _ in range(EM_STEPS):
        new = np.maximum(with_priors(y_proba, before, shares).mean(axis=0), SMALLEST)
        new /= new.sum()
        if np.abs(new - shares).max() < EM_TOLERANCE:
            return new
        shares = new
    return shares
