"""What a cross-validation found: pooled and per track, with intervals, beside the baselines."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score, recall_score

from guitarclf.evaluation.in_context import ContextReport, score_settings, shortened
from guitarclf.evaluation.metrics import PROBA_COLUMNS, Report, evaluate
from guitarclf.evaluation.rejection import RejectionReport, score_rejection
from guitarclf.labels import LABELS

N_DRAWS = 1000  # of the bootstrap
LEVEL = 0.95
TRACK_WIDTH = 22  # columns of a track's name in a table
Z = 1.96  # of a normal distribution, for LEVEL
BASELINE_COLUMNS = ("majority", "duration only", "SVM on MFCC")


@dataclass(frozen=True)
class CrossvalReport:
    """Scores of events by nets that were trained on other folds.

    ``pooled`` is over all events and repeats; ``intervals`` are 95 % intervals for other notes of these
    tracks: Wilson's for shares, a bootstrap of events within classes for the rest. They say nothing
    about other guitars: for that look at ``per_track``, how unlike the tracks are. All of these are of notes alone;
    ``in_context`` compares them with notes in phrases, ``rejection`` with sounds that are no note, if there are any.
    """

    pooled: Report
    by_repeat: list[Report]
    intervals: dict[str, tuple[float, float]]
    per_track: pd.DataFrame
    baselines: dict[str, dict[str, float]]
    in_context: ContextReport
    rejection: RejectionReport | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the report as plain dicts and lists, for JSON."""
        return {
            "pooled": self.pooled.to_dict(),
            "by_repeat": [report.to_dict() for report in self.by_repeat],
            "intervals": {name: list(bounds) for name, bounds in self.intervals.items()},
            "per_track": self.per_track.to_dict("records"),
            "baselines": self.baselines,
            "in_context": self.in_context.to_dict(),
            "rejection": None if self.rejection is None else self.rejection.to_dict(),
        }

    def to_text(self) -> str:
        """Return the report as tables for a terminal."""
        lines = [self.pooled.to_text(), "", "95 % intervals for other notes of these tracks:"]
        lines += [f"  {name:28} {low:.3f} to {high:.3f}" for name, (low, high) in self.intervals.items()]
        if len(self.by_repeat) > 1:
            scores = ", ".join(f"{r.macro_f1:.3f} / {r.balanced_accuracy:.3f}" for r in self.by_repeat)
            lines += ["", f"macro-F1 / balanced accuracy of each repeat: {scores}"]
        lines += ["", "Called, by track and label:", self._tracks_as_text()]
        lines += ["", f"{'':16}{'macro-F1':>10}{'balanced accuracy':>20}"]
        own = {"macro_f1": self.pooled.macro_f1, "balanced_accuracy": self.pooled.balanced_accuracy}
        for name, score in {"this model": own, **self.baselines}.items():
            lines.append(f"{name:16}{score['macro_f1']:10.4f}{score['balanced_accuracy']:20.4f}")
        lines += ["", self.in_context.to_text()]
        if self.rejection is not None:
            lines += ["", self.rejection.to_text()]
        return "\n".join(lines)

    def _tracks_as_text(self) -> str:
        """Return ``per_track`` in less than 80 columns: a long name of a track keeps its end."""
        table = self.per_track.rename(columns=lambda name: name.removeprefix("called "))
        names = [shortened(name, TRACK_WIDTH) for name in table["track"]]
        return table.assign(track=names).to_string(index=False, float_format="%.3f")


def summarise(
    predictions: pd.DataFrame, background: pd.DataFrame | None = None, *, uses_offsets: bool = False
) -> CrossvalReport:
    """Return the report of the predictions of all folds and repeats.

    Parameters
    ----------
    predictions : DataFrame
        As for `score_settings`, with the label by each baseline in the rows of the setting "alone".
    background : DataFrame, optional
        As for `score_rejection`.
    uses_offsets : bool
        As in `ContextReport`.
    """
    table = predictions[predictions["setting"] == "alone"]
    y_true = table["label_category"].to_numpy()
    by_repeat = [evaluate(part["label_category"], part[PROBA_COLUMNS]) for _, part in table.groupby("repeat")]
    pooled = evaluate(y_true, table[PROBA_COLUMNS])
    baselines = {name: _baseline_scores(y_true, table[name].to_numpy()) for name in BASELINE_COLUMNS}
    in_context = score_settings(predictions, uses_offsets=uses_offsets)
    rejection = None if background is None or background.empty else score_rejection(predictions, background)
    return CrossvalReport(
        pooled, by_repeat, _intervals(table, pooled), _per_track(table), baselines, in_context, rejection
    )


def _baseline_scores(y_true: np.ndarray, called: np.ndarray) -> dict[str, float]:
    macro_f1 = f1_score(y_true, called, labels=LABELS, average="macro", zero_division=0)
    # scikit-learn's balanced_accuracy_score warns where a class is called that is not there.
    balanced_accuracy = recall_score(y_true, called, labels=np.unique(y_true), average="macro")
    return {"macro_f1": float(macro_f1), "balanced_accuracy": float(balanced_accuracy)}


def _per_track(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per track and label: how many events there are, and which share is called each label."""
    rows = []
    n_repeats = table["repeat"].nunique()
    for (track, label), part in table.groupby(["track", "label_category"]):
        shares = {f"called {called}": float((part["called"] == called).mean()) for called in LABELS}
        rows.append({"track": track, "label": label, "events": len(part) // n_repeats, **shares})
    return pd.DataFrame(rows)


def _intervals(table: pd.DataFrame, pooled: Report) -> dict[str, tuple[float, float]]:
    """Return name of score -> 95 % interval; the events of one repeat are counted, since repeats share them."""
    n_repeats = table["repeat"].nunique()
    n_events = len(table) // n_repeats
    intervals = {}
    for label, score in pooled.per_class.items():
        support = score.support // n_repeats
        if support:
            intervals[f"recall {label}"] = wilson(score.recall, support)
        intervals[f"false alarm {label}"] = wilson(score.false_alarm, n_events - support)
    return intervals | _bootstrap(table[table["repeat"] == 1])


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's score interval of a share of ``count`` events (Wilson 1927).

    scipy's takes a whole number of hits only, and a share over several repeats need not be one.
    """
    if not count:
        return 0.0, 1.0
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * np.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return float(max(0, middle - half)), float(min(1, middle + half))


def _bootstrap(table: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return percentile intervals of macro-F1 and balanced accuracy; events are redrawn within each class.

    Not by scipy.stats.bootstrap, which refuses a class of a single event.
    """
    draws = np.random.default_rng(0)
    y_true = table["label_category"].map(LABELS.index).to_numpy()
    called = table["called"].map(LABELS.index).to_numpy()
    rows_of_class = [np.flatnonzero(y_true == index) for index in range(len(LABELS))]
    scores = []
    for _ in range(N_DRAWS):
        rows = np.concatenate([draws.choice(own, len(own)) for own in rows_of_class if len(own)])
        confusion = np.zeros((len(LABELS), len(LABELS)))
        np.add.at(confusion, (y_true[rows], called[rows]), 1)
        hits, support = np.diag(confusion), confusion.sum(axis=1)
        f1 = 2 * hits / np.maximum(support + confusion.sum(axis=0), 1)
        scores.append((f1.mean(), (hits[support > 0] / support[support > 0]).mean()))
    low, high = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return dict(zip(("macro-F1", "balanced accuracy"), zip(low.tolist(), high.tolist(), strict=True), strict=True))
