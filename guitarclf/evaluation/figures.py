"""The PNGs of a run: learning curves, confusion matrix, one event as the model sees it."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from guitarclf.evaluation.metrics import Report
from guitarclf.files.whole import write_bytes
from guitarclf.labels import LABELS

DPI = 120
SCORE_CURVES = (
    ("train_acc", "training accuracy"),
    ("valid_acc", "validation accuracy"),
    ("valid_macro_f1", "validation macro-F1"),
)


def save_learning_curves(history: list[dict], path: str | Path) -> None:
    """Draw loss, accuracy, macro-F1 and learning rate over the epochs; the best epoch is marked."""
    epochs = [row["epoch"] for row in history]
    best = [row["epoch"] for row in history if row.get("is_best")]
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    axes = figure.subplots(1, 3)
    panels = (
        ("loss (weighted cross-entropy)", (("train_loss", "training"), ("valid_loss", "validation"))),
        ("score", SCORE_CURVES),
        ("learning rate", (("lr", "lr"),)),
    )
    for axis, (title, curves) in zip(axes, panels, strict=True):
        for name, label in curves:
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
    _save(figure, path)


def save_confusion_matrix(report: Report, title: str, path: str | Path) -> None:
    """Draw the confusion matrix: shade by share of the true class, numbers are counts."""
    counts = np.array(report.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    ticks = range(len(LABELS))
    axis.set_xticks(ticks, LABELS)
    axis.set_yticks(ticks, LABELS)
    axis.set(xlabel="called", ylabel="true", title=f"{title}\nmacro-F1 {report.macro_f1:.3f}")
    for i in ticks:
        for j in ticks:
            text = f"{counts[i, j]}\n{shares[i, j]:.0%}"
            axis.text(j, i, text, ha="center", va="center", color="white" if shares[i, j] > 0.55 else "black")
    figure.colorbar(image, label="share of the true class")
    _save(figure, path)


def save_inspection(
    surroundings: np.ndarray,
    window: np.ndarray,
    spectrogram: np.ndarray,
    *,
    file_start: float,
    span: tuple[float, float],
    rates: tuple[int, int],
    band_hz: np.ndarray,
    title: str,
    path: str | Path,
) -> None:
    """Draw a stretch of a recording, the window cut from it, and its log-mel.

    Parameters
    ----------
    surroundings, window : ndarray
        Mono audio at ``rates[0]`` Hz; the window as the model sees it.
    spectrogram : ndarray of shape (n_mels, n_frames)
    file_start : float
        Where in the file ``surroundings`` start, in seconds.
    span : (float, float)
        Start and end of the window in the file, in seconds.
    rates : (int, int)
        Sample rate in Hz, hop length in samples.
    band_hz : ndarray of shape (n_mels,)
        Centre of each mel band.
    """
    sample_rate, hop_length = rates
    figure = Figure(figsize=(9, 8), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1)
    top.plot(file_start + np.arange(len(surroundings)) / sample_rate, surroundings, linewidth=0.5)
    top.axvspan(*span, color="tab:orange", alpha=0.25, label="window")
    top.set(title=title, xlabel="time in the file (s)", ylabel="amplitude")
    top.legend(loc="upper right")
    middle.plot(np.arange(len(window)) / sample_rate, window, linewidth=0.5)
    middle.set(title="the window the model sees", xlabel="time in the window (s)", ylabel="amplitude")
    middle.set_xlim(0, len(window) / sample_rate)
    extent = (0, spectrogram.shape[1] * hop_length / sample_rate, -0.5, spectrogram.shape[0] - 0.5)
    image = bottom.imshow(spectrogram, origin="lower", aspect="auto", extent=extent, cmap="magma")
    bands = np.linspace(0, len(band_hz) - 1, min(6, len(band_hz))).round().astype(int)
    bottom.set_yticks(bands, [f"{band_hz[band]:.0f}" for band in bands])
    bottom.set(title="log-mel", xlabel="time in the window (s)", ylabel="centre of the mel band (Hz)")
    figure.colorbar(image, ax=bottom, label="level")
    _save(figure, path)


def _save(figure: Figure, path: str | Path) -> None:
    picture = io.BytesIO()
    figure.savefig(picture, dpi=DPI, format="png")
    write_bytes(path, picture.getvalue())
