"""What a cross-validation found: pooled and per track, with intervals, beside the baselines."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score, recall_score

from guitarclf.evaluation.in_context import ContextReport, score_settings, shortened
from guitarclf.evaluation.intervals import bootstrap, intervals_of
from guitarclf.evaluation.metrics import PROBA_COLUMNS, Report, evaluate
from guitarclf.evaluation.rejection import RejectionReport, score_rejection
from guitarclf.labels import LABELS

TRACK_WIDTH = 22  # columns of a track's name in a table
MAX_TRACKS = 50  # of a table or a figure on a page
SCORES = {"macro_f1": "macro-F1", "balanced_accuracy": "balanced accuracy"}  # those that baselines have too
BASELINE_COLUMNS = ("majority", "duration only", "SVM on MFCC")


@dataclass(frozen=True)
class CrossvalReport:
    """Scores of events by nets that were trained on other folds.

    ``pooled`` is over all events and repeats; ``intervals`` are 95 % intervals for other notes of these
    tracks: Wilson's for shares, a bootstrap of events within classes for the rest. They say nothing
    about other guitars: for that look at ``per_track``, how unlike the tracks are. ``baselines`` have scores, and
    ``baseline_intervals`` theirs, from the same draws. All of these are of notes alone;
    ``in_context`` compares them with notes in phrases, ``rejection`` with sounds that are no note, if there are any.
    """

    pooled: Report
    by_repeat: list[Report]
    intervals: dict[str, tuple[float, float]]
    per_track: pd.DataFrame
    baselines: dict[str, dict[str, float]]
    baseline_intervals: dict[str, dict[str, tuple[float, float]]]
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
            "baseline_intervals": {
                model: {name: list(bounds) for name, bounds in own.items()}
                for model, own in self.baseline_intervals.items()
            },
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
        lines += ["", self._beside_baselines()]
        lines += ["", self.in_context.to_text()]
        if self.rejection is not None:
            lines += ["", self.rejection.to_text()]
        return "\n".join(lines)

    def _beside_baselines(self) -> str:
        own = {name: getattr(self.pooled, name) for name in SCORES}
        lines = [f"{'':16}" + "".join(f"{title:>25}" for title in SCORES.values())]
        for name, scores in {"this model": own, **self.baselines}.items():
            intervals = self.baseline_intervals.get(name, self.intervals)
            bounds = {key: intervals[title] for key, title in SCORES.items()}
            cells = (f"{scores[key]:.4f} ({low:.3f}-{high:.3f})" for key, (low, high) in bounds.items())
            lines.append(f"{name:16}" + "".join(f"{cell:>25}" for cell in cells))
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
        pooled,
        by_repeat,
        intervals_of(table, pooled),
        per_track(table),
        baselines,
        bootstrap(table, BASELINE_COLUMNS),
        in_context,
        rejection,
    )


def _baseline_scores(y_true: np.ndarray, called: np.ndarray) -> dict[str, float]:
    macro_f1 = f1_score(y_true, called, labels=LABELS, average="macro", zero_division=0)
    # scikit-learn's balanced_accuracy_score warns where a class is called that is not there.
    balanced_accuracy = recall_score(y_true, called, labels=np.unique(y_true), average="macro")
    return {"macro_f1": float(macro_f1), "balanced_accuracy": float(balanced_accuracy)}


def per_track(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per track and label: how many events there are, and which share is called each label."""
    rows = []
    n_repeats = table["repeat"].nunique()
    for (track, label), part in table.groupby(["track", "label_category"]):
        shares = {f"called {called}": float((part["called"] == called).mean()) for called in LABELS}
        rows.append({"track": track, "label": label, "events": len(part) // n_repeats, **shares})
    return pd.DataFrame(rows)


def largest_tracks(per_track: pd.DataFrame) -> list[str]:
    """Return the tracks of `per_track`, sorted; of more than MAX_TRACKS those with most notes."""
    n_notes = per_track.groupby("track")["events"].sum().sort_values(ascending=False, kind="stable")
    return sorted(n_notes.index[:MAX_TRACKS])
