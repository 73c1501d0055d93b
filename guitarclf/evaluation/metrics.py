"""The scores of a classifier: ``evaluate(y_true, y_proba)`` returns a Report."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from guitarclf.errors import LabelError, ParameterError
from guitarclf.labels import LABEL_TO_INDEX, LABELS

PROBA_COLUMNS = [f"p_{label}" for label in LABELS]  # of a table of predictions
SMALLEST_PROBABILITY = 1e-7  # keeps the loss finite where a true class got probability 0


@dataclass(frozen=True)
class ClassScore:
    """The scores of one class, 0 where undefined; ``false_alarm`` is the share of the other events called this."""

    precision: float
    recall: float
    f1: float
    support: int
    false_alarm: float


@dataclass(frozen=True)
class Report:
    """Scores of one classifier on one set of events, classes in the order of LABELS.

    ``loss`` is the unweighted mean of -log p(true class) in nats. ``macro_f1`` is the mean F1
    of all three labels, a class absent from both truth and prediction counting 0;
    ``balanced_accuracy`` the mean recall of the classes that are there; ``calibration_error`` the
    class-wise expected calibration error. ``confusion[i][j]`` counts events of class ``i`` called ``j``.
    """

    n_events: int
    loss: float
    accuracy: float
    macro_f1: float
    balanced_accuracy: float
    calibration_error: float
    per_class: dict[str, ClassScore]
    confusion: list[list[int]]

    def to_dict(self) -> dict[str, object]:
        """Return the report as plain dicts, lists and numbers, for JSON."""
        return {**asdict(self), "labels": list(LABELS)}

    def to_text(self) -> str:
        """Return the report as a table for a terminal."""
        lines = [
            f"{self.n_events} events   loss {self.loss:.4f}   accuracy {self.accuracy:.4f}",
            f"macro-F1 {self.macro_f1:.4f}   balanced accuracy {self.balanced_accuracy:.4f}   "
            f"calibration error {self.calibration_error:.4f}",
            "",
            f"{'':14}{'precision':>10}{'recall':>10}{'F1':>10}{'support':>10}{'false alarm':>13}",
        ]
        for label, score in self.per_class.items():
            lines.append(
                f"{label:14}{score.precision:10.4f}{score.recall:10.4f}{score.f1:10.4f}{score.support:10d}"
                f"{score.false_alarm:13.4f}"
            )
        lines += ["", f"{'true / called':14}" + "".join(f"{label:>14}" for label in LABELS)]
        for label, row in zip(LABELS, self.confusion, strict=True):
            lines.append(f"{label:14}" + "".join(f"{count:14d}" for count in row))
        absent = [label for label, score in self.per_class.items() if not score.support]
        if absent:
            lines += ["", f"No event is {' or '.join(absent)}: macro-F1 counts that class as 0."]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a row per true class, with its scores and how often it is called each class."""
        heads = [
            "true",
            "notes",
            "precision",
            "recall",
            "F1",
            "false alarm",
            *(f"predicted {label}" for label in LABELS),
        ]
        rows = "".join(
            f"<tr><th>{label}</th><td>{score.support}</td>"
            + "".join(f"<td>{value:.3f}</td>" for value in (score.precision, score.recall, score.f1, score.false_alarm))
            + "".join(
                f'<td style="background: rgba(0, 114, 178, {0.6 * count / max(1, score.support):.2f})">{count}</td>'
                for count in counts
            )
            + "</tr>"
            for (label, score), counts in zip(self.per_class.items(), self.confusion, strict=True)
        )
        told = (
            f"{self.n_events} notes, macro-F1 {self.macro_f1:.3f}, balanced accuracy {self.balanced_accuracy:.3f}, "
            f"accuracy {self.accuracy:.3f}, loss {self.loss:.3f}, calibration error {self.calibration_error:.3f}"
        )
        head = "".join(f"<th>{name}</th>" for name in heads)
        return f"<table><caption>{told}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def evaluate(y_true: ArrayLike, y_proba: ArrayLike, *, classes: Sequence[str] = LABELS) -> Report:
    """Return the Report of predicted probabilities.

    Parameters
    ----------
    y_true : array-like of str, shape (n_events,)
        Label names.
    y_proba : array-like of shape (n_events, 3)
    classes : sequence of str
        What the columns stand for. For an estimator's ``predict_proba`` pass its ``classes_``, which
        is sorted; the default is the order of LABELS.
    """
    y_true, y_proba = np.asarray(y_true), np.asarray(y_proba, dtype=np.float64)
    if not len(y_true) or y_proba.shape != (len(y_true), len(LABELS)):
        raise ParameterError(
            f"`y_proba` must have a row per event and {len(LABELS)} columns, with at least one event. "
            f"Got {y_proba.shape} for {len(y_true)} events."
        )
    if not np.isfinite(y_proba).all():
        raise ParameterError("`y_proba` must hold finite probabilities. It has NaN or infinity.")
    if sorted(classes) != sorted(LABELS):
        raise ParameterError(f"`classes` must be {', '.join(LABELS)} in some order. Got {list(classes)}.")
    y_proba = y_proba[:, [list(classes).index(label) for label in LABELS]]
    unknown = set(y_true.tolist()) - set(LABELS)
    if unknown:
        raise LabelError(f"`y_true` must be label names ({', '.join(LABELS)}). Got {sorted(unknown, key=str)[0]!r}.")
    true = np.array([LABEL_TO_INDEX[label] for label in y_true.tolist()])
    called = y_proba.argmax(axis=1)
    indices = range(len(LABELS))
    *scores, support = precision_recall_fscore_support(true, called, labels=indices, zero_division=0)
    confusion = confusion_matrix(true, called, labels=indices)
    n_others = len(true) - confusion.sum(axis=1)
    false_alarms = (confusion.sum(axis=0) - confusion.diagonal()) / np.maximum(n_others, 1)
    support = support.astype(int)  # of floats where a class is neither there nor called
    columns = [column.tolist() for column in (*scores, support, false_alarms)]
    per_class = {label: ClassScore(*values) for label, *values in zip(LABELS, *columns, strict=True)}
    of_true = np.maximum(y_proba[np.arange(len(true)), true], SMALLEST_PROBABILITY)
    return Report(
        n_events=len(true),
        loss=float(-np.log(of_true).mean()),
        accuracy=float((called == true).mean()),
        macro_f1=float(np.mean([score.f1 for score in per_class.values()])),
        balanced_accuracy=float(np.mean([score.recall for score in per_class.values() if score.support])),
        calibration_error=class_calibration_error(true, y_proba),
        per_class=per_class,
        confusion=confusion.tolist(),
    )


def class_calibration_error(true: np.ndarray, y_proba: np.ndarray, n_bins: int = 15) -> float:
    """Return the class-wise expected calibration error (Kull et al. 2019, NeurIPS), which scikit-learn lacks.

    For each class the events are put into ``n_bins`` equal bins of its probability; the gaps between
    mean probability and share of that class are averaged by bin size, then over the classes.
    """
    errors = []
    for column in range(y_proba.shape[1]):
        probability, is_class = y_proba[:, column], true == column
        bins = np.minimum((probability * n_bins).astype(int), n_bins - 1)
        gaps = np.bincount(bins, weights=probability - is_class, minlength=n_bins)
        errors.append(np.abs(gaps).sum() / len(true))
    return float(np.mean(errors))
