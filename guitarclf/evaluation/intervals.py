"""95 % intervals of scores: Wilson's for shares, a bootstrap within classes for the rest."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from guitarclf.evaluation.metrics import Report
from guitarclf.labels import LABELS

N_DRAWS = 1000  # of the bootstrap
LEVEL = 0.95
Z = 1.96  # of a normal distribution, for LEVEL


def intervals_of(table: pd.DataFrame, pooled: Report) -> dict[str, tuple[float, float]]:
    """Return name of score -> 95 % interval; the events of one repeat are counted, since repeats share them.

    Parameters
    ----------
    table : DataFrame
        A row per event and repeat: ``label_category``, ``called``, ``repeat``, counted from 1.
    pooled : Report
        The scores of all rows.
    """
    n_repeats = table["repeat"].nunique()
    n_events = len(table) // n_repeats
    intervals = {}
    for label, score in pooled.per_class.items():
        support = score.support // n_repeats
        if support:
            intervals[f"recall {label}"] = wilson(score.recall, support)
        intervals[f"false alarm {label}"] = wilson(score.false_alarm, n_events - support)
    return intervals | bootstrap(table, ["called"])["called"]


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's score interval of a share of ``count`` events (Wilson 1927).

    scipy's takes a whole number of hits only, and a share over several repeats need not be one.
    """
    if not count:
        return 0.0, 1.0
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * np.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return float(max(0, middle - half)), float(min(1, middle + half))


def bootstrap(table: pd.DataFrame, models: Sequence[str]) -> dict[str, dict[str, tuple[float, float]]]:
    """Return model -> name of score -> percentile interval, of macro-F1 and balanced accuracy.

    Events of the first repeat are redrawn within each class, the same ones for all models. Not by
    scipy.stats.bootstrap, which refuses a class of a single event.

    Parameters
    ----------
    table : DataFrame
        As for `intervals_of`, and what each model calls the event in a column of its name.
    models : sequence of str
    """
    table, n_classes = table[table["repeat"] == 1], len(LABELS)
    y_true = table["label_category"].map(LABELS.index).to_numpy()
    # Each event as the number of its cell in a confusion matrix that is written row by row.
    cells = {model: n_classes * y_true + table[model].map(LABELS.index).to_numpy() for model in models}
    rows_of_class = [np.flatnonzero(y_true == index) for index in range(n_classes)]
    draws, scores = np.random.default_rng(0), dict[str, list]((model, []) for model in models)
    for _ in range(N_DRAWS):
        rows = np.concatenate([draws.choice(own, len(own)) for own in rows_of_class if len(own)])
        for model, cell in cells.items():
            confusion = np.bincount(cell[rows], minlength=n_classes**2).reshape(n_classes, n_classes)
            hits, support = np.diag(confusion), confusion.sum(axis=1)
            f1 = 2 * hits / np.maximum(support + confusion.sum(axis=0), 1)
            scores[model].append((f1.mean(), (hits[support > 0] / support[support > 0]).mean()))
    return {model: _percentiles(of_draws) for model, of_draws in scores.items()}


def _percentiles(scores: list[tuple[float, float]]) -> dict[str, tuple[float, float]]:
    low, high = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return dict(zip(("macro-F1", "balanced accuracy"), zip(low.tolist(), high.tolist(), strict=True), strict=True))
