"""The figures of runs and cross-validations: learning curves, confusion matrix, reliability, scores by track."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guitarclf.evaluation.crossval import largest_tracks
from guitarclf.evaluation.drawing import (
    BLUE,
    CLASS_COLOURS,
    COLUMN,
    GREY,
    ORANGE,
    PAGE,
    blank_figure,
    short_text_of,
    styled,
    text_of,
    word_of,
)
from guitarclf.evaluation.intervals import wilson
from guitarclf.evaluation.metrics import Report
from guitarclf.labels import LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Column of the history -> (name of the curve, colour, style of the line).
LOSSES = {"train_loss": ("training", GREY, "--"), "valid_loss": ("validation", BLUE, "-")}
SCORES = {
    "train_acc": ("training accuracy", GREY, "--"),
    "valid_acc": ("validation accuracy", ORANGE, "-."),
    "valid_macro_f1": ("validation macro-F1", BLUE, "-"),
}
TRACK_WIDTH = 30  # characters of a name beside it
TITLE_WIDTH = 44  # characters of a line over a column
ROW_HEIGHT = 3.6  # mm
SHADED = 0.55  # share of a class from which the text in its cell is white


@styled
def learning_curves(history: list[dict]) -> "Figure":
    """Return loss, scores and, in a thin strip, the learning rate over the epochs; the best epoch is marked."""
    epochs, rates = [row["epoch"] for row in history], [row["lr"] for row in history]
    figure = blank_figure(COLUMN, 98)
    loss, score, rate = figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": [5, 6, 1]})
    for axis, curves in ((loss, LOSSES), (score, SCORES)):
        for name, (label, colour, style) in curves.items():
            if _is_known(history[-1], name):
                axis.plot(epochs, [row[name] for row in history], color=colour, linestyle=style, label=label)
    loss.set(ylabel="loss (cross-entropy)", ylim=(0, None))
    score.set(ylabel="score", ylim=(0, 1.02))
    _mark_best(score, history)
    for axis in (loss, score):
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    rate.step(epochs, rates, where="mid", color="black", linewidth=0.8)
    rate.set(yscale="log", ylabel="rate", xlabel="epoch")
    rate.minorticks_off()
    extremes = sorted({min(rates), max(rates)})
    rate.set_yticks(extremes, [f"{value:.2g}" for value in extremes])
    rate.xaxis.get_major_locator().set_params(integer=True)
    figure.align_ylabels()
    return figure


def _mark_best(axis: "Axes", history: list[dict]) -> None:
    """Mark the last of the best epochs on the last of the SCORES that the history has."""
    for best in [row for row in history if row.get("is_best")][-1:]:
        for name in [name for name in SCORES if _is_known(best, name)][-1:]:
            label = f"best: {best[name]:.3f} in epoch {best['epoch']}"
            axis.plot(best["epoch"], best[name], marker="o", color=BLUE, markersize=5, linestyle="none", label=label)


def _is_known(epoch: dict, name: str) -> bool:
    """Return whether an epoch has a value; in a history.csv of a training without validation rows it is NaN."""
    return name in epoch and not np.isnan(epoch[name])


@styled
def reliability_diagram(y_true: ArrayLike, y_proba: ArrayLike, *, n_bins: int = 10) -> "Figure":
    """Return for each class how often notes were of it against how probable it was, with the number of notes.

    Notes are put into equal bins of the probability of a class (Niculescu-Mizil and Caruana 2005). A dot is at the mean
    probability of a bin and the share of its notes that are of the class, its line the 95 % interval of that share.

    Parameters
    ----------
    y_true : array-like of str, shape (n_events,)
        Label names.
    y_proba : array-like of shape (n_events, 3)
        In the order of LABELS.
    n_bins : int
    """
    true, proba = np.asarray(y_true), np.asarray(y_proba, dtype=np.float64)
    figure = blank_figure(PAGE, 78)
    axes = figure.subplots(2, len(LABELS), sharex=True, sharey="row", gridspec_kw={"height_ratios": [3, 1]})
    for column, label in enumerate(LABELS):
        probability, is_class = proba[:, column], true == label
        bins = np.minimum((probability * n_bins).astype(int), n_bins - 1)
        counts = np.bincount(bins, minlength=n_bins)
        filled = np.flatnonzero(counts)
        means, shares = (np.bincount(bins, x, n_bins)[filled] / counts[filled] for x in (probability, is_class))
        low, high = np.transpose([wilson(share, count) for share, count in zip(shares, counts[filled], strict=True)])
        upper, lower = axes[:, column]
        upper.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=0.8, label="as often as said")
        upper.vlines(means, low, high, color=CLASS_COLOURS[label], alpha=0.5)
        upper.plot(means, shares, marker="o", color=CLASS_COLOURS[label])
        upper.set(title=word_of(label), ylim=(-0.02, 1.02), ylabel="" if column else "share that is of the class")
        lower.bar((np.arange(n_bins) + 0.5) / n_bins, counts, width=0.9 / n_bins, color=CLASS_COLOURS[label], alpha=0.5)
        lower.set(xlabel="probability of the class", xlim=(0, 1), ylabel="" if column else "notes")
        lower.yaxis.get_major_locator().set_params(integer=True)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right")  # a curve may be anywhere inside
    return figure


@styled
def confusion_matrix(report: Report, title: str = "") -> "Figure":
    """Return the confusion matrix: counts, and shares of the true class as shades and in percent; no shade for none.

    ``title`` says of which model and which rows, in any number of lines.
    """
    from matplotlib.colors import LinearSegmentedColormap

    counts = np.array(report.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = blank_figure(COLUMN, 78)
    axis = figure.subplots()
    shades = LinearSegmentedColormap.from_list("white to blue", ["white", BLUE])
    axis.imshow(shares, vmin=0, vmax=1, cmap=shades, aspect="auto")
    ticks = range(len(LABELS))
    axis.set_xticks(ticks, [word_of(label) for label in LABELS])
    n_true = counts.sum(axis=1)
    axis.set_yticks(ticks, [f"{word_of(label)}\nn = {count}" for label, count in zip(LABELS, n_true, strict=True)])
    axis.set(xlabel="predicted", ylabel="true")
    head = [short_text_of(line, TITLE_WIDTH) for line in title.splitlines()]
    axis.set_title("\n".join([*head, f"{report.n_events} notes, macro-F1 {report.macro_f1:.3f}"]))
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    edges = np.arange(len(LABELS) + 1) - 0.5
    axis.hlines(edges, -0.5, len(LABELS) - 0.5, color="0.8", linewidth=0.6, clip_on=False)
    axis.vlines(edges, -0.5, len(LABELS) - 0.5, color="0.8", linewidth=0.6, clip_on=False)
    for (i, j), count in np.ndenumerate(counts):
        colour = GREY if not count else "white" if shares[i, j] > SHADED else "black"
        text = f"{count}\n{shares[i, j]:.1%}" if count else "0"
        axis.text(j, i, text, ha="center", va="center", color=colour, fontsize=8)
    return figure


@styled
def scores_by_track(per_track: pd.DataFrame, title: str = "") -> "Figure":
    """Return the share of each class that is found in each track, and in all: a dot, its 95 % interval, and n.

    Parameters
    ----------
    per_track : DataFrame
        As `guitarclf.evaluation.crossval.per_track` returns it. Of more than MAX_TRACKS tracks those with most notes
        have a row.
    title : str
        One line.
    """
    tracks, n_tracks = largest_tracks(per_track), per_track["track"].nunique()
    place = {track: row for row, track in enumerate(tracks)}
    figure = blank_figure(PAGE, 24 + ROW_HEIGHT * (len(tracks) + 1))
    axes = figure.subplots(1, len(LABELS), sharey=True)
    for axis, label in zip(axes, LABELS, strict=True):
        own = per_track[per_track["label"] == label]
        for track, share, count in zip(own["track"], own[f"called {label}"], own["events"], strict=True):
            if track in place:
                _add_share(axis, place[track], share, count, CLASS_COLOURS[label])
        if len(own):
            pooled = float(np.average(own[f"called {label}"], weights=own["events"]))
            _add_share(axis, len(tracks), pooled, int(own["events"].sum()), "black")
        axis.axhline(len(tracks) - 0.5, color="0.8", linewidth=0.6)
        axis.set(title=word_of(label), xlabel="share found", xlim=(-0.02, 1.02))
        axis.grid(axis="x", color="0.9", linewidth=0.6)
        axis.tick_params(axis="y", length=0)
    names = [short_text_of(track, TRACK_WIDTH) for track in tracks]
    axes[0].set_yticks(range(len(tracks) + 1), [*names, f"all {n_tracks} tracks"])
    axes[0].set_ylim(len(tracks) + 0.6, -0.6)
    more = f" (the {len(tracks)} tracks with most notes)" if n_tracks > len(tracks) else ""
    figure.suptitle(f"{text_of(title)}{more}", x=0.01, ha="left", fontsize=8)
    return figure


def _add_share(axis: "Axes", row: int, share: float, count: int, colour: str) -> None:
    """Draw a share of ``count`` notes in a row of an axis, with its interval (Wilson), and the count beside it."""
    axis.hlines(row, *wilson(share, count), color=colour, alpha=0.5)
    axis.plot(share, row, marker="o", color=colour)
    axis.text(1.04, row, str(count), color=GREY, fontsize=6, va="center", transform=axis.get_yaxis_transform())
