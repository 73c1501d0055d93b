"""Label names <-> class indices, and the weight of each class in the loss."""

import sys

import numpy as np

from guitarclf.errors import LabelError
from guitarclf.labels import LABEL_TO_INDEX, LABELS
from guitarclf.parameters.sections import check_class_weight

SORTED_LABELS = np.array(sorted(LABELS))
# Column i of what the estimator returns is column TO_SORTED[i] of what the module computes.
TO_SORTED = np.array([LABEL_TO_INDEX[label] for label in SORTED_LABELS])
# scikit-learn functions that put alphabetical codes in the place of y before they call fit, and
# map them back themselves: voting and stacking always, cross_val_predict for probabilities.
SKLEARN_ENCODERS = {
    ("sklearn.model_selection._validation", "_fit_and_predict"),
    ("sklearn.ensemble._base", "_fit_single_estimator"),
}
ENCODING_FUNCTION = ("sklearn.model_selection._validation", "cross_val_predict")
PROBABILITY_METHODS = ("predict_proba", "predict_log_proba", "decision_function", None)


def encode_labels(y) -> tuple[np.ndarray, bool]:
    """Return (class indices in the order of LABELS, whether y came as scikit-learn's own codes).

    Raises
    ------
    LabelError
        For anything but label names. A user's integers are refused: 0 is harmonic in the order
        of LABELS and dead_note in scikit-learn's, and nothing would tell which was meant.
    """
    y = np.asarray(y)
    if y.ndim != 1:
        raise LabelError(f"y must be one label name per event. Got an array of shape {y.shape}.")
    if np.issubdtype(y.dtype, np.integer):
        all_codes = _codes_from_sklearn()
        if all_codes == set(range(len(LABELS))):
            return TO_SORTED[y], True
        if all_codes:
            raise LabelError(
                f"y must have all of {', '.join(LABELS)} here: scikit-learn has put codes in the place of the names, "
                f"and {len(all_codes)} codes do not tell which class is missing. Use a tool that passes the names on."
            )
        raise LabelError(
            f"y must be label names ({', '.join(LABELS)}). Got integers ({y[:5].tolist()}...): scikit-learn counts "
            "classes in alphabetical order and this package in the order of LABELS, so they are ambiguous. "
            "Pass names, such as np.array(LABELS)[y]."
        )
    unknown = [label for label in y.tolist() if label not in LABEL_TO_INDEX]
    if unknown:
        raise LabelError(f"y must be label names ({', '.join(LABELS)}). Got {unknown[0]!r}.")
    return np.array([LABEL_TO_INDEX[label] for label in y.tolist()], dtype=np.int64), False


def _codes_from_sklearn() -> set[int]:
    """Return the codes of all of y if scikit-learn encoded it behind the user's back, else nothing.

    Such a y is an array of integers like any other; the function that calls fit is the only thing
    that tells, and it holds the whole y where a fold may lack a class.
    """
    codes: set[int] = set()
    frame = sys._getframe(1)
    while frame is not None:
        caller, values = (frame.f_globals.get("__name__"), frame.f_code.co_name), frame.f_locals
        if caller in SKLEARN_ENCODERS and values.get("method") in PROBABILITY_METHODS:
            codes = set(np.asarray(values["y"]).tolist())
        if caller == ENCODING_FUNCTION and "le" in values and not set(values["le"].classes_) <= set(LABELS):
            return set()  # what was encoded were a user's own integers
        frame = frame.f_back
    return codes


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
