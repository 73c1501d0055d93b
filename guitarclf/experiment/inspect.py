"""inspect_event: draw one event as a model hears it."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from guitarclf.audio.mel import mel_centers
from guitarclf.audio.recordings import open_recording, read_segment, resampled_length
from guitarclf.audio.windows import Request, WindowReader
from guitarclf.bundle.engines import Model, load_model
from guitarclf.config import DataConfig
from guitarclf.errors import EventTableError
from guitarclf.evaluation.figures import blank_figure, save_figure, set_title
from guitarclf.experiment.tables import other_events
from guitarclf.features.inputs import as_requests
from guitarclf.files.wording import shortened
from guitarclf.labels import LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

SHOWN_AROUND = 2.0  # seconds of the file drawn before and after the window


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


def inspect_event(event: pd.DataFrame, output: str | Path, *, model: Model | None = None) -> dict[str, float]:
    """Draw one event into a PNG as a model hears it, and return label -> probability, and its ``confidence``.

    Parameters
    ----------
    event : DataFrame
        One row of an events table.
    output : str or Path
        The PNG.
    model : Model, optional
        From :func:`load_model`, whose window and features are drawn; default the one that ships, as in ``predict``.

    Raises
    ------
    AudioReadError
        If the recording cannot be read.
    """
    listener = load_model() if model is None else model
    request = as_requests(event)[0]
    windows, ends, errors = listener.hear([request])
    if errors:
        raise errors[0]
    features = listener.features(windows, ends)
    as_learnt, confidence = listener.answer(features)
    proba = listener.under_priors(as_learnt)[0]
    scores = dict(zip(LABELS, proba.tolist(), strict=True))
    said = ", ".join(f"{label} {value:.3f}" for label, value in scores.items())
    figure = blank_figure(figsize=(9, 8))
    top, middle, bottom = figure.subplots(3, 1)
    set_title(top, f"{shortened(Path(request.path).name)} at {request.onset:.3f} s\n{said}")
    _draw_surroundings(top, listener.reader, request)
    _draw_window(middle, windows[0], listener.reader.sample_rate)
    image = _draw_log_mel(bottom, features[0, 0], listener.settings)
    figure.colorbar(image, ax=bottom, label="level")
    save_figure(figure, output)
    return scores | {"confidence": float(confidence[0])}


def _draw_surroundings(axis: "Axes", reader: WindowReader, request: Request) -> None:
    """Draw the recording from 2 s before the window to 2 s after it, and mark the window."""
    rate, start = reader.sample_rate, reader.start_of(request)
    margin = round(SHOWN_AROUND * rate)
    first = max(0, start - margin)
    with open_recording(request.path) as recording:
        length = resampled_length(recording.frames, recording.samplerate, rate)
        last = min(start + reader.n_samples + margin, length)
        audio = read_segment(recording, first, last - first, sample_rate=rate)
    axis.plot(first / rate + np.arange(len(audio)) / rate, audio, linewidth=0.5)
    axis.axvspan(start / rate, start / rate + reader.target_duration, color="tab:orange", alpha=0.25, label="window")
    axis.set(xlabel="time in the file (s)", ylabel="amplitude")
    axis.legend(loc="upper right")


def _draw_window(axis: "Axes", window: np.ndarray, rate: int) -> None:
    axis.plot(np.arange(len(window)) / rate, window, linewidth=0.5)
    axis.set(title="the window the model sees", xlabel="time in the window (s)", ylabel="amplitude")
    axis.set_xlim(0, len(window) / rate)


def _draw_log_mel(axis: "Axes", log_mel: np.ndarray, settings: dict) -> "AxesImage":
    """Draw a log-mel of shape (n_mels, n_frames), its axes in seconds and Hz, and return the image."""
    rate, (n_mels, n_frames) = settings["sample_rate"], log_mel.shape
    extent = (0, n_frames * settings["hop_length"] / rate, -0.5, n_mels - 0.5)
    image = axis.imshow(log_mel, origin="lower", aspect="auto", extent=extent, cmap="magma")
    centers = mel_centers(rate, n_mels, settings["fmin"], settings["fmax"])
    bands = np.linspace(0, n_mels - 1, min(6, n_mels)).round().astype(int)
    axis.set_yticks(bands, [f"{center:.0f}" for center in centers[bands]])
    axis.set(title="log-mel", xlabel="time in the window (s)", ylabel="centre of the mel band (Hz)")
    return image
