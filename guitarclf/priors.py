"""The shares of the classes one expects, as a setting of a trained classifier.

A net trained with balanced weights answers as if each class were as common as the others. Bayes'
rule turns its probabilities into those for any other shares, without training again.
"""

import numpy as np

from guitarclf.labels import LABELS
from guitarclf.parameters.sections import check_priors

SMALLEST = 1e-6  # share; keeps a class possible
UNSEEN = 1e-5  # a class with a smaller share in training was not there: the net knows nothing of it
CLASS_POWER = 0.25  # of the class in confidence
EM_STEPS = 200
EM_TOLERANCE = 1e-6


def complete_priors(priors: dict[str, float]) -> np.ndarray:
    """Return the share of each class in the order of LABELS; classes not named divide the rest equally."""
    check_priors(priors)
    others = [label for label in LABELS if label not in priors]
    rest = 1 - sum(priors.values())
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


def highest_at_equal_shares(y_proba: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the highest probability of each event if all classes were equally common, shape (n_events,).

    It is what the sound itself says: under uneven shares a net that cannot tell at all is fairly sure of the commonest
    class. ``y_proba`` of shape (n_events, n_classes) is under the shares ``before``.
    """
    return with_priors(y_proba, before, np.full(len(before), 1 / len(before))).max(axis=1)


def confidence_of(y_proba: np.ndarray, is_note: np.ndarray | None, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return how sure an answer is, from 0 to 1, shape (n_events,).

    It is the probability of a note at all times the fourth root of the highest probability of a class: both must be
    sure, and the first says more of a sound that is no note, while the class of a plain note may be hard to tell.

    Without ``is_note``, the probabilities of being a note, :func:`highest_at_equal_shares`: a net that only knows notes
    is fairly sure of the commonest class whatever it hears. ``before`` and ``after`` are those of :func:`with_priors`.
    """
    if is_note is None:
        return highest_at_equal_shares(y_proba, before)
    return is_note * with_priors(y_proba, before, after).max(axis=1) ** CLASS_POWER


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
