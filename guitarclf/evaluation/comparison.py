"""Two classifiers on the same notes: ``compare(notes, first, second)`` returns a Comparison."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from guitarclf.evaluation.intervals import LEVEL, N_DRAWS
from guitarclf.evaluation.metrics import PROBA_COLUMNS, SMALLEST_PROBABILITY, Report, evaluate
from guitarclf.labels import LABELS

FEW_TRACKS = 10  # of which a bootstrap says little: its intervals are too narrow
UNDRAWN = "calibration error"  # is no function of sums over the tracks
BY_RIGHT = {(True, True): "both", (True, False): "A", (False, True): "B", (False, False): "neither"}


class Difference(NamedTuple):
    """A score of A, that of B, A minus B, and the 95 % interval of this; None where nothing tells it."""

    a: float
    b: float
    a_minus_b: float
    interval: tuple[float, float] | None


class PairedTest(NamedTuple):
    """How many notes only A gets right, how many only B, and p of McNemar's exact test that both do as often."""

    a_alone: int
    b_alone: int
    p_value: float

    @classmethod
    def of(cls, is_right: ArrayLike, is_right_too: ArrayLike) -> "PairedTest":
        """Return the test of which notes each gets right, bool of shape (n_events,).

        McNemar 1947, Psychometrika 12, in its exact form: were both equally good, the notes that one of them alone gets
        right would fall to either like a tossed coin. Without such notes p is 1.
        """
        first, second = np.asarray(is_right), np.asarray(is_right_too)
        counts = int((first & ~second).sum()), int((second & ~first).sum())
        return cls(*counts, float(binomtest(counts[0], sum(counts)).pvalue) if any(counts) else 1.0)


@dataclass(frozen=True)
class Comparison:
    """Scores of two classifiers, A and the reference B, on the same notes.

    Parameters
    ----------
    first, second : Report
        Scores of the classes named, as ``eval`` has them, whatever the confidence.
    scores : dict of str to Difference
        Intervals are of a bootstrap that draws whole tracks with all their notes, since those of a track are alike
        (Davison and Hinkley 1997); of a single track it draws its notes.
    test : PairedTest
        Of the classes named.
    test_with_unknown : PairedTest or None
        What is unknown counts as wrong; None where nothing is.
    n_tracks : int
    better_tracks : tuple of int
        In how many tracks A gets more notes right, and in how many B.
    changed : DataFrame
        The notes that A and B answer otherwise, on the index of the notes, with both answers beside them.
    """

    first: Report
    second: Report
    scores: dict[str, Difference]
    test: PairedTest
    test_with_unknown: PairedTest | None
    n_tracks: int
    better_tracks: tuple[int, int]
    changed: pd.DataFrame

    def to_dict(self) -> dict[str, object]:
        """Return the comparison as plain dicts and lists, for JSON; the changed notes as counts."""
        return {
            "a": self.first.to_dict(),
            "b": self.second.to_dict(),
            "scores": {name: row._asdict() for name, row in self.scores.items()},
            "mcnemar": self.test._asdict(),
            "mcnemar_unknown_is_wrong": self.test_with_unknown and self.test_with_unknown._asdict(),
            "n_tracks": self.n_tracks,
            "tracks_with_more_right": {"a": self.better_tracks[0], "b": self.better_tracks[1]},
            "intervals_draw": "tracks" if self.n_tracks > 1 else "notes",
            "changed": self.directions().to_dict("records"),
            "changed_in_unknown_alone": int((self.changed["label_a"] == self.changed["label_b"]).sum()),
        }

    def directions(self) -> pd.DataFrame:
        """Return a row per change of class, the commonest first: how many notes, and how many each gets right."""
        changed = self.changed[self.changed["label_a"] != self.changed["label_b"]]
        counts = changed.groupby(["label_b", "label_a"])["right"].agg(
            notes="size", right_a=lambda right: (right == "A").sum(), right_b=lambda right: (right == "B").sum()
        )
        return counts.reset_index().sort_values("notes", ascending=False, kind="stable").reset_index(drop=True)

    def to_text(self) -> str:
        """Return the comparison as tables for a terminal."""
        lines = [
            f"{self.first.n_events} notes of {self.n_tracks} {'track' if self.n_tracks == 1 else 'tracks'}",
            "",
            f"{'':26}{'A':>9}{'B':>9}{'A - B':>10}   95 % interval",
        ]
        for name, row in self.scores.items():
            between = f"{row.interval[0]:+.4f} to {row.interval[1]:+.4f}" if row.interval else ""
            lines.append(f"{name:26}{row.a:9.4f}{row.b:9.4f}{row.a_minus_b:+10.4f}   {between}".rstrip())
        absent = [label for label, score in self.first.per_class.items() if not score.support]
        if absent:
            lines += ["", f"No note is {' or '.join(absent)}: macro-F1 counts that class as 0."]
        return "\n".join([*lines, "", *self._test_as_lines(), "", *self._changes_as_lines()])

    def _test_as_lines(self) -> list[str]:
        drawn = f"whole tracks ({self.n_tracks})" if self.n_tracks > 1 else "notes, all of one track"
        few = " Of so few tracks they are too narrow." if self.n_tracks < FEW_TRACKS else ""
        if any(row.interval is None for name, row in self.scores.items() if name != UNDRAWN):
            few += "\nA score that rests on one track has none."
        lines = [
            f"Intervals: a bootstrap that draws {drawn}.{few}",
            f"Right by A alone {self.test.a_alone}, by B alone {self.test.b_alone}: "
            f"p = {self.test.p_value:.3g} (exact McNemar test).",
        ]
        if self.test_with_unknown is not None:
            a_alone, b_alone, p_value = self.test_with_unknown
            lines.append(f"With unknown taken for wrong: {a_alone} and {b_alone}, p = {p_value:.3g}.")
        better, worse = self.better_tracks
        lines += [
            "It counts notes as if each were drawn by itself. Those of a track are alike,",
            "which makes p too small.",
            f"Tracks in which A gets more notes right: {better} of {self.n_tracks}; in which B does: {worse}.",
        ]
        return lines

    def _changes_as_lines(self) -> list[str]:
        directions = self.directions()
        n_changed = int(directions["notes"].sum())
        if not n_changed:
            lines = ["A and B name the same class for every note."]
        else:
            lines = [f"Another class for {n_changed} of {self.first.n_events} notes:"]
            lines.append(f"  {'B says':16}{'A says':16}{'notes':>8}{'A right':>10}{'B right':>10}")
            for row in directions.itertuples():
                lines.append(f"  {row.label_b:16}{row.label_a:16}{row.notes:8}{row.right_a:10}{row.right_b:10}")
        n_unknown = len(self.changed) - n_changed
        return lines + ([f"Of the same class, but unknown by one alone: {n_unknown}."] if n_unknown else [])


def compare(notes: pd.DataFrame, first: pd.DataFrame, second: pd.DataFrame) -> Comparison:
    """Return the Comparison of what two classifiers say of the same notes.

    Parameters
    ----------
    notes : DataFrame
        A row per note: ``track``, ``label_category``, and whatever else ``changed`` shall have.
    first, second : DataFrame
        What A and what B says, in the order of the notes: the columns of ``PROBA_COLUMNS``, ``confidence`` and
        ``is_unknown``.
    """
    reports = [evaluate(notes["label_category"], said[PROBA_COLUMNS]) for said in (first, second)]
    answers = _answers(notes, first, second)
    is_true_a, is_true_b = (answers[f"label_{side}"] == notes["label_category"] for side in "ab")
    known_a, known_b = (is_true & ~answers[f"unknown_{side}"] for side, is_true in (("a", is_true_a), ("b", is_true_b)))
    has_unknown = bool(answers[["unknown_a", "unknown_b"]].to_numpy().any())
    gained = (is_true_a.astype(int) - is_true_b.astype(int)).groupby(notes["track"]).sum()
    is_changed = (answers["label_a"] != answers["label_b"]) | (answers["unknown_a"] != answers["unknown_b"])
    right = [BY_RIGHT[pair] for pair in zip(is_true_a, is_true_b, strict=True)]
    return Comparison(
        first=reports[0],
        second=reports[1],
        scores=_differences(notes, [first, second], reports),
        test=PairedTest.of(is_true_a, is_true_b),
        test_with_unknown=PairedTest.of(known_a, known_b) if has_unknown else None,
        n_tracks=len(gained),
        better_tracks=(int((gained > 0).sum()), int((gained < 0).sum())),
        changed=notes.assign(**answers, right=right)[is_changed],
    )


def _answers(notes: pd.DataFrame, first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return what both say on the index of the notes: class, whether it is unknown, confidence, probabilities."""
    columns: dict[str, object] = {}
    for side, said in (("a", first), ("b", second)):
        columns[f"label_{side}"] = np.array(LABELS)[said[PROBA_COLUMNS].to_numpy().argmax(axis=1)]
        columns[f"unknown_{side}"] = said["is_unknown"].to_numpy(dtype=bool)
        columns |= {f"{name}_{side}": said[name].to_numpy() for name in ("confidence", *PROBA_COLUMNS)}
    return pd.DataFrame(columns, index=notes.index)


def _differences(notes: pd.DataFrame, said: list[pd.DataFrame], reports: list[Report]) -> dict[str, Difference]:
    """Return name of score -> Difference, those that are defined for these notes."""
    by_note = [_sums_by_note(notes["label_category"], table) for table in said]
    tracks = pd.factorize(notes["track"])[0]
    if tracks.max() == 0:
        tracks = np.arange(len(notes))  # a single track: its notes are drawn
    sums = [np.stack([np.bincount(tracks, weights=column) for column in part.T], axis=1) for part in by_note]
    scores = [scores_of(part.sum(axis=0)) for part in by_note]
    drawn = _drawn_differences(sums)
    rows = {}
    for name, value in scores[0].items():
        other = scores[1][name]
        if np.isfinite(value) and (name != "unknown" or value or other):
            rows[name] = Difference(float(value), float(other), float(value - other), _interval(drawn[name]))
    first, second = (report.calibration_error for report in reports)
    return rows | {UNDRAWN: Difference(first, second, first - second, None)}


def _interval(drawn: np.ndarray) -> tuple[float, float] | None:
    """Return the percentile interval of differences, None where all of it is one track's: every draw is the same."""
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return None if low and np.isclose(low, high, rtol=1e-9, atol=0) else (float(low), float(high))


def _sums_by_note(y_true: pd.Series, said: pd.DataFrame) -> np.ndarray:
    """Return what scores are sums of, for each note: its cell of the confusion matrix (9), loss, whether unknown."""
    proba, true = said[PROBA_COLUMNS].to_numpy(), y_true.map(LABELS.index).to_numpy()
    rows, n_classes = np.arange(len(true)), len(LABELS)
    sums = np.zeros((len(true), n_classes**2 + 2))
    sums[rows, true * n_classes + proba.argmax(axis=1)] = 1
    sums[:, -2] = -np.log(np.maximum(proba[rows, true], SMALLEST_PROBABILITY))
    sums[:, -1] = said["is_unknown"]
    return sums


def _drawn_differences(sums: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return name of score -> its differences over draws of the tracks, whose sums are the rows; both get the same."""
    draw, n_tracks = np.random.default_rng(0), len(sums[0])
    weights = (np.bincount(draw.integers(n_tracks, size=n_tracks), minlength=n_tracks) for _ in range(N_DRAWS))
    drawn = np.array([[weight @ part for part in sums] for weight in weights])  # [n_draws, 2, n_sums]
    first, second = scores_of(drawn[:, 0]), scores_of(drawn[:, 1])
    return {name: first[name] - second[name] for name in first}


def scores_of(sums: np.ndarray) -> dict[str, np.ndarray]:
    """`[..., 11]` confusion matrix, loss and unknown, summed -> the scores of a Report `[...]`, NaN where undefined."""
    confusion = sums[..., :-2].reshape(*sums.shape[:-1], len(LABELS), len(LABELS))
    n_events, hits = confusion.sum(axis=(-2, -1)), np.diagonal(confusion, axis1=-2, axis2=-1)
    support, called = confusion.sum(axis=-1), confusion.sum(axis=-2)
    recall, false_alarm = _share(hits, support), _share(called - hits, n_events[..., None] - support)
    by_class = {"recall": recall, "false alarm": false_alarm}
    scores = {
        "macro-F1": (2 * hits / np.maximum(support + called, 1)).mean(axis=-1),
        "balanced accuracy": np.nanmean(recall, axis=-1),
        "accuracy": hits.sum(axis=-1) / n_events,
        "loss": sums[..., -2] / n_events,
        "unknown": sums[..., -1] / n_events,
    }
    for name, shares in by_class.items():
        scores |= {f"{name} {label}": shares[..., place] for place, label in enumerate(LABELS)}
    return scores


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return ``part / whole``, NaN where there is nothing to divide by."""
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
