"""The figures of a run, as PNGs: learning curves, confusion matrix, reliability diagram."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from guitarclf.evaluation.intervals import wilson
from guitarclf.evaluation.metrics import Report
from guitarclf.files.caches import find_caches
from guitarclf.files.whole import write_bytes
from guitarclf.labels import LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 120
CLASS_COLOURS = {"harmonic": "#0072b2", "dead_note": "#c44900", "general_note": "#00805d"}  # as pages have them
# Panel -> column of the history -> name of the curve.
LEARNING_CURVES = {
    "loss (weighted cross-entropy)": {"train_loss": "training", "valid_loss": "validation"},
    "score": {
        "train_acc": "training accuracy",
        "valid_acc": "validation accuracy",
        "valid_macro_f1": "validation macro-F1",
    },
    "learning rate": {"lr": "lr"},
}


def blank_figure(**settings: Any) -> "Figure":
    """Return an empty figure, made of the keywords of matplotlib's; matplotlib loads only now."""
    find_caches()
    from matplotlib.figure import Figure

    return Figure(layout="constrained", **settings)


def save_learning_curves(history: list[dict], path: str | Path) -> None:
    """Write the learning curves of a history as a PNG."""
    save_figure(learning_curves(history), path)


def learning_curves(history: list[dict]) -> "Figure":
    """Return loss, scores and learning rate drawn over the epochs of a history, the best epoch marked."""
    epochs = [row["epoch"] for row in history]
    best = [row["epoch"] for row in history if row.get("is_best")]
    figure = blank_figure(figsize=(11, 3.6))
    axes = figure.subplots(1, 3)
    for axis, (title, curves) in zip(axes, LEARNING_CURVES.items(), strict=True):
        for name, label in curves.items():
            if name in history[0]:
                axis.plot(epochs, [row[name] for row in history], marker=".", label=label)
        axis.set(title=title, xlabel="epoch")
    axes[1].set_ylim(0, 1.02)
    axes[2].set_yscale("log")
    for axis in axes:
        if best:
            axis.axvline(best[-1], color="0.6", linestyle=":", label=f"best epoch ({best[-1]})")
        axis.legend(fontsize="small")
        axis.xaxis.get_major_locator().set_params(integer=True)
    return figure


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
    figure = blank_figure(figsize=(11, 4.4))
    axes = figure.subplots(2, len(LABELS), sharex=True, gridspec_kw={"height_ratios": [3, 1]})
    for column, label in enumerate(LABELS):
        probability, is_class = proba[:, column], true == label
        bins = np.minimum((probability * n_bins).astype(int), n_bins - 1)
        counts = np.bincount(bins, minlength=n_bins)
        filled = np.flatnonzero(counts)
        means, shares = (np.bincount(bins, x, n_bins)[filled] / counts[filled] for x in (probability, is_class))
        low, high = np.transpose([wilson(share, count) for share, count in zip(shares, counts[filled], strict=True)])
        upper, lower = axes[:, column]
        upper.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="as often as said")
        upper.vlines(means, low, high, color=CLASS_COLOURS[label], alpha=0.5)
        upper.plot(means, shares, marker="o", color=CLASS_COLOURS[label])
        upper.set(title=label, ylim=(-0.02, 1.02), ylabel="" if column else "share that is of the class")
        lower.bar((np.arange(n_bins) + 0.5) / n_bins, counts, width=0.9 / n_bins, color=CLASS_COLOURS[label], alpha=0.5)
        lower.set(xlabel="probability of the class", xlim=(0, 1), ylabel="" if column else "notes")
        lower.yaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].legend(fontsize="small", loc="upper left")
    return figure


def save_confusion_matrix(report: Report, title: str, path: str | Path) -> None:
    """Draw the confusion matrix: counts, and shares of the true class as shades and in percent."""
    counts = np.array(report.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = blank_figure(figsize=(5.2, 4.6))
    axis = figure.subplots()
    image = axis.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    ticks = range(len(LABELS))
    axis.set_xticks(ticks, LABELS)
    axis.set_yticks(ticks, LABELS)
    axis.set(xlabel="called", ylabel="true")
    set_title(axis, f"{title}\nmacro-F1 {report.macro_f1:.3f}")
    for i in ticks:
        for j in ticks:
            text = f"{counts[i, j]}\n{shares[i, j]:.0%}"
            axis.text(j, i, text, ha="center", va="center", color="white" if shares[i, j] > 0.55 else "black")
    figure.colorbar(image, label="share of the true class")
    save_figure(figure, path)


def set_title(axis: "Axes", text: str) -> None:
    """Set a title as it is, without mathematics between dollar signs; letters that the font lacks are escaped."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    letters = get_font(findfont(FontProperties())).get_charmap()
    drawn = "".join(letter if letter == "\n" or ord(letter) in letters else ascii(letter)[1:-1] for letter in text)
    axis.set_title(drawn, parse_math=False)


def save_figure(figure: "Figure", path: str | Path) -> None:
    """Write a figure as a PNG that appears whole or not at all, and says which program drew it."""
    write_bytes(path, as_png(figure))


def as_png(figure: "Figure") -> bytes:
    """Return a figure as the bytes of a PNG."""
    picture = io.BytesIO()
    figure.savefig(picture, dpi=DPI, format="png", metadata={"Software": "guitarclf"})
    return picture.getvalue()
