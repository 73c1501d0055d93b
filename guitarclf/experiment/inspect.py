"""inspect: one event drawn as a model hears it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guitarclf.audio.mel import mel_centers
from guitarclf.audio.recordings import open_recording, read_segment, resampled_length
from guitarclf.audio.windows import Request, WindowReader
from guitarclf.bundle.engines import Model, load_model
from guitarclf.config import DataConfig
from guitarclf.errors import EventTableError, ParameterError
from guitarclf.evaluation.drawing import (
    BLUE,
    CLASS_COLOURS,
    GREY,
    ORANGE,
    PAGE,
    blank_figure,
    save_figure,
    short_text_of,
    styled,
    word_of,
)
from guitarclf.experiment.notes import events_of_paths
from guitarclf.experiment.tables import other_events
from guitarclf.features.inputs import as_requests
from guitarclf.labels import LABELS, TABLE_LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SHOWN_AROUND = 2.0  # seconds of the file drawn before and after the window
SHOWN_DB = 90.0  # below the loudest cell
MARKED_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)
NEAREST_TEXTS = 0.065  # of the height of a log-mel, from one text beside it to the next
NAME_WIDTH = 50  # characters of the name of a file or a model


def find_event(
    metadata_path: str | Path, note_id: str, *, audio_root: str | Path | None = None, model: Model | None = None
) -> pd.DataFrame:
    """Return the row of a note as a table, read with the mapping of ``model``, or without one if there is none."""
    data = DataConfig() if model is None else model.data
    events = other_events(data, metadata_path, audio_root, require_labels=False)
    row = events[events["note_id"] == note_id]
    if row.empty:
        raise EventTableError(f"`note_id` must be in {metadata_path}. There is no {note_id!r}.")
    return row


def inspect(
    event: str | os.PathLike[str] | pd.DataFrame, *, model: str | Path = "pretrained", allow_pickle: bool = False
) -> "Figure":
    """Return one event drawn as a model hears it, with its answer; a notebook shows the figure.

    Parameters
    ----------
    event : path, or DataFrame of one row
        A recording, heard as by ``guitarclf predict``; or a row of an events table.
    model : str or Path
        A run folder, a bundle, or "pretrained".
    allow_pickle : bool
        Whether ``model`` may be a ``pipeline.joblib``, which runs whatever code is in it.

    Raises
    ------
    AudioReadError
        If the recording cannot be read.
    ParameterError
        If a table has not one row.
    """
    loaded = load_model(model, allow_pickle=allow_pickle)
    if not isinstance(event, pd.DataFrame):
        event = events_of_paths([os.fspath(event)], loaded.reader)
    if len(event) != 1:
        raise ParameterError(f"`event` must be one row of a table, such as events.iloc[[0]]. Got {len(event)} rows.")
    return draw_event(event, loaded, model_name=_name_of(model))[0]


def inspect_event(
    event: pd.DataFrame, output: str | Path, *, model: Model | None = None, model_name: str | Path = "pretrained"
) -> dict[str, float]:
    """Draw one event into a file as a model hears it, and return label -> probability, and its ``confidence``.

    Parameters
    ----------
    event : DataFrame
        One row of an events table.
    output : str or Path
        The picture, whose suffix is one of the FORMATS of `guitarclf.evaluation.drawing`.
    model : Model, optional
        From :func:`load_model`, whose window and features are drawn; default the one that ships, as in ``predict``.
    model_name : str or Path
        How the picture names it.

    Raises
    ------
    AudioReadError
        If the recording cannot be read.
    """
    figure, scores = draw_event(event, load_model() if model is None else model, model_name=_name_of(model_name))
    save_figure(figure, output)
    return scores


def draw_event(event: pd.DataFrame, model: Model, *, model_name: str) -> tuple["Figure", dict[str, float]]:
    """Return what `inspect_event` draws, and what it returns."""
    request = as_requests(event)[0]
    windows, ends, errors = model.hear([request])
    if errors:
        raise errors[0]
    features = model.features(windows, ends)
    as_learnt, confidence = model.answer(features)
    scores = dict(zip(LABELS, model.under_priors(as_learnt)[0].tolist(), strict=True))
    scores["confidence"] = float(confidence[0])
    true = str(event["label_category"].iloc[0]) if "label_category" in event else ""
    return _draw(model, request, windows[0], features[0, 0], scores, true, model_name), scores


def _name_of(model: str | Path) -> str:
    """Return how a picture names a model: by its folder."""
    return os.path.basename(os.path.abspath(model))


@styled
def _draw(
    model: Model,
    request: Request,
    window: np.ndarray,
    log_mel: np.ndarray,
    scores: dict[str, float],
    true: str,
    model_name: str,
) -> "Figure":
    """Return the figure: the recording around the window, the answer, the window, and its log-mel."""
    figure = blank_figure(PAGE, 125)
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=[2, 3]))
    around, answer = above.subplots(1, 2, width_ratios=[3, 1])
    heard, bands = below.subplots(2, 1, sharex=True, height_ratios=[1, 2])
    reader, settings = model.reader, model.settings
    start = reader.start_of(request) / reader.sample_rate
    _draw_surroundings(around, reader, request, start)
    around.set_title(f"{short_text_of(os.path.basename(request.path), NAME_WIDTH)}, event at {request.onset:.3f} s")
    _draw_answer(answer, scores, true, model.unknown_below)
    answer.set_title(f"model: {short_text_of(model_name, NAME_WIDTH // 2)}")
    heard.plot(np.arange(len(window)) / reader.sample_rate, window, color=BLUE, linewidth=0.5)
    heard.set(title="the window that the model hears", ylabel="amplitude", xlim=(0, reader.target_duration))
    image = _draw_log_mel(bands, log_mel, settings, is_cut=_is_cut(window, settings))
    unit = "level (dB)" if settings["compression"] == "db" else f"log(1 + {settings['log1p_alpha']:g} power)"
    below.colorbar(image, ax=[heard, bands], label=unit, shrink=0.6, anchor=(0, 0), aspect=25)
    _mark(heard, reader, request, start)
    _mark(bands, reader, request, start, colour="white")
    return figure


def _draw_surroundings(axis: "Axes", reader: WindowReader, request: Request, start: float) -> None:
    """Draw the recording from 2 s before the window to 2 s after it, and mark the window, onset and offset."""
    rate = reader.sample_rate
    first = max(0, round((start - SHOWN_AROUND) * rate))
    with open_recording(request.path) as recording:
        length = resampled_length(recording.frames, recording.samplerate, rate)
        last = min(round((start + SHOWN_AROUND) * rate) + reader.n_samples, length)
        audio = read_segment(recording, first, last - first, sample_rate=rate)
    axis.plot(first / rate + np.arange(len(audio)) / rate, audio, color=BLUE, linewidth=0.5)
    axis.axvspan(start, start + reader.target_duration, color=ORANGE, alpha=0.25, linewidth=0, label="window")
    _mark(axis, reader, request, 0.0)
    axis.set(xlabel="time in the recording (s)", ylabel="amplitude")
    axis.margins(x=0)
    axis.legend(loc="upper right", ncols=4, frameon=True, edgecolor="none")


def _mark(axis: "Axes", reader: WindowReader, request: Request, start: float, *, colour: str = "black") -> None:
    """Draw onset and offset, and where the next event ends what is heard, on an axis that begins at ``start`` seconds.

    An onset at the very beginning of a recording is none that somebody has measured.
    """
    low, high = axis.get_xlim()
    until = reader.until(request)
    places = {"onset": request.onset or None, "offset": request.offset}
    places["next onset"] = until if until != request.offset else None
    for (name, place), style in zip(places.items(), ("-", "--", ":"), strict=True):
        if place is not None and low <= place - start <= high:
            axis.axvline(place - start, color=colour, linestyle=style, linewidth=0.8, label=name)


def _draw_answer(axis: "Axes", scores: dict[str, float], true: str, unknown_below: float) -> None:
    """Draw probabilities, and the confidence with the model's threshold, as bars; the true label is named."""
    names = [f"{word_of(name)} (true)" if name == true else word_of(name) for name in scores]
    places = np.append(np.arange(len(LABELS)), len(LABELS) + 0.5)
    values = list(scores.values())
    axis.barh(places, values, color=[*CLASS_COLOURS.values(), GREY], height=0.7)
    for place, value in zip(places, values, strict=True):
        axis.text(1.03, place, f"{value:.3f}", va="center")
    if unknown_below:
        axis.vlines(unknown_below, places[-1] - 0.5, places[-1] + 0.5, color="black", linewidth=1.2)
        axis.text(unknown_below, places[-1] + 0.6, "unknown below", ha="center", va="top", fontsize=6)
    axis.set_yticks(places, names)
    axis.set(xlim=(0, 1), ylim=(places[-1] + 1.3, -0.6), xlabel="probability")
    axis.tick_params(axis="y", length=0)
    if true in TABLE_LABELS and true not in LABELS:
        axis.text(0.02, -0.5, f"true: {word_of(true)}", va="bottom")


def _is_cut(window: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    """Return which frames of a window's log-mel reach past its end while it still sounds there, `[n_frames]` bool.

    Such a frame holds the cut from sound to silence, which is a click: it rings in every band, up to 60 dB above what
    was there before. The model hears it, in every note that is longer than its window, and it says nothing of a note.
    """
    half = settings["n_fft"] // 2
    centers = np.arange(1 + len(window) // settings["hop_length"]) * settings["hop_length"]
    return (centers + half > len(window)) & bool(window[-half:].any())


def _draw_log_mel(axis: "Axes", log_mel: np.ndarray, settings: dict[str, Any], *, is_cut: np.ndarray) -> "AxesImage":
    """Draw a log-mel of shape (n_mels, n_frames), its axes in seconds and Hz, and return the image.

    A column is around the centre of its frame. Frames that are cut are grey, and do not count for the colours.
    """
    import matplotlib

    rate, hop, (n_mels, n_frames) = settings["sample_rate"], settings["hop_length"], log_mel.shape
    extent = (-0.5 * hop / rate, (n_frames - 0.5) * hop / rate, -0.5, n_mels - 0.5)
    drawn = np.ma.masked_where(np.broadcast_to(is_cut, log_mel.shape), log_mel)
    lowest = max(drawn.min(), drawn.max() - SHOWN_DB) if settings["compression"] == "db" else drawn.min()
    colours = matplotlib.colormaps["cividis"].with_extremes(bad="0.85")
    image = axis.imshow(drawn, origin="lower", aspect="auto", extent=extent, cmap=colours, vmin=lowest)
    centers = mel_centers(rate, n_mels, settings["fmin"], settings["fmax"])
    marked = [hz for hz in MARKED_HZ if centers[0] <= hz <= centers[-1]]
    axis.set_yticks(np.interp(marked, centers, np.arange(n_mels)), _apart(marked, centers))
    axis.set(xlabel="time in the window (s)", ylabel="frequency (Hz)")
    axis.set_title("its log-mel" + ("; grey: frames that the end of the window cuts" if is_cut.any() else ""))
    return image


def _apart(marked: list[int], centers: np.ndarray) -> list[str]:
    """Return the texts of marked frequencies, "" for one too near the next higher one that has a text."""
    bands, texts = np.interp(marked, centers, np.arange(len(centers))), [""] * len(marked)
    free_below = np.inf
    for place in reversed(range(len(marked))):
        if bands[place] <= free_below:
            texts[place] = str(marked[place])
            free_below = bands[place] - len(centers) * NEAREST_TEXTS
    return texts
