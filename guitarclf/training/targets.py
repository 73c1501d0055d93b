"""Label names <-> class indices, and the weight of each class in the loss."""

import numpy as np
from numpy.typing import ArrayLike

from guitarclf.errors import LabelError, ParameterError
from guitarclf.labels import LABEL_TO_INDEX, LABELS, NO_NOTE_LABEL
from guitarclf.parameters.sections import check_class_weight

SORTED_LABELS = np.array(sorted(LABELS))
# Column i of what the estimator returns is column TO_SORTED[i] of what the module computes.
TO_SORTED = np.array([LABEL_TO_INDEX[label] for label in SORTED_LABELS])


def encode_labels(y: ArrayLike | None, integer_labels: str = "refuse") -> tuple[np.ndarray, bool]:
    """Return (class indices in the order of LABELS, whether y were integers).

    Raises
    ------
    LabelError
        For anything but label names. Integers are refused unless ``integer_labels`` is "alphabetical", which says
        that they count the sorted labels: 0 is harmonic in the order of LABELS and dead_note in scikit-learn's.
    """
    if integer_labels not in ("refuse", "alphabetical"):
        raise ParameterError(f"`integer_labels` must be refuse or alphabetical. Got {integer_labels!r}.")
    y = np.asarray(y)
    if y.ndim != 1:
        raise LabelError(f"y must be one label name per event. Got an array of shape {y.shape}.")
    if np.issubdtype(y.dtype, np.integer):
        if integer_labels == "refuse":
            raise LabelError(
                f"y must be label names ({', '.join(LABELS)}). Got integers ({y[:5].tolist()}...): scikit-learn counts "
                "classes in alphabetical order and this package in the order of LABELS, so they are ambiguous. "
                "Pass names, such as np.array(LABELS)[y]; or, where scikit-learn itself puts them there (voting, "
                "stacking, bagging, calibration by temperature, cross_val_predict of probabilities), "
                'set integer_labels="alphabetical".'
            )
        if set(y.tolist()) != set(range(len(LABELS))):
            raise LabelError(
                f'y must have all of 0, 1, 2 with integer_labels="alphabetical", for {", ".join(SORTED_LABELS)}. Got '
                f"{sorted(set(y.tolist()))[:5]}: fewer codes do not tell which class is missing. Use a tool that "
                "passes the names on, and none that makes two classes of three (one-vs-rest and the like)."
            )
        return TO_SORTED[y], True
    unknown = [label for label in y.tolist() if label not in LABEL_TO_INDEX]
    if unknown:
        how = " Give such rows any label, and say which they are: fit(..., no_note=mask)."
        raise LabelError(
            f"y must be label names ({', '.join(LABELS)}). Got {unknown[0]!r}."
            + (how if NO_NOTE_LABEL in unknown else "")
        )
    return np.array([LABEL_TO_INDEX[label] for label in y.tolist()], dtype=np.int64), False


def class_weights(class_weight, y: np.ndarray) -> np.ndarray:
    """Return the weight of each class in the loss, in the order of LABELS.

    ``"balanced"`` is ``n_events / (n_present * count)`` over the training rows, as in
    scikit-learn; a class they lack keeps weight 1. ``"none"`` or None is 1 for all.
    """
    if class_weight is None or (isinstance(class_weight, str) and class_weight == "none"):
        return np.ones(len(LABELS), dtype=np.float32)
    check_class_weight(class_weight)
    if isinstance(class_weight, str):
        counts = np.bincount(y, minlength=len(LABELS))
        balanced = len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return np.where(counts > 0, balanced, 1.0).astype(np.float32)
    return np.asarray(class_weight, dtype=np.float32)
