"""scikit-learn scorers that also hold on a fold whose test rows lack a class.

scikit-learn's own ``neg_log_loss`` and ``roc_auc_ovr`` take the classes from ``y_true`` and fail
when it has fewer than ``predict_proba`` has columns.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import get_scorer, log_loss, make_scorer, roc_auc_score

from guitarclf.labels import LABELS


def fixed_label_log_loss(y_true: ArrayLike, y_proba: ArrayLike) -> float:
    """Return the mean -log p(true class) in nats, columns sorted by label."""
    return log_loss(y_true, y_proba, labels=sorted(LABELS))


def present_class_auc(y_true: ArrayLike, y_proba: np.ndarray) -> float:
    """Return the mean one-against-rest AUC of the classes that are there, NaN for a single one; columns sorted."""
    y_true = np.asarray(y_true)
    scores = [
        roc_auc_score(y_true == label, y_proba[:, column])
        for column, label in enumerate(sorted(LABELS))
        if 0 < np.count_nonzero(y_true == label) < len(y_true)
    ]
    return float(np.mean(scores)) if scores else float("nan")


def scorer(name: str) -> Callable[..., float]:
    """Return a scorer by scikit-learn's name: ours for neg_log_loss and roc_auc_ovr, its own for the others."""
    if name == "neg_log_loss":
        return make_scorer(fixed_label_log_loss, response_method="predict_proba", greater_is_better=False)
    if name == "roc_auc_ovr":
        return make_scorer(present_class_auc, response_method="predict_proba")
    return get_scorer(name)
