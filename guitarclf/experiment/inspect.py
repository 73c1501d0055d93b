"""inspect_event: one event as the model hears it, drawn, with the prediction if a model is given."""

from pathlib import Path

import pandas as pd

from guitarclf.audio.mel import mel_centers
from guitarclf.audio.recordings import open_recording, read_segment, resampled_length
from guitarclf.bundle.engines import Model
from guitarclf.config import Config
from guitarclf.errors import EventTableError
from guitarclf.evaluation.figures import save_inspection
from guitarclf.experiment.tables import other_events
from guitarclf.features.inputs import as_requests
from guitarclf.labels import LABELS

SHOWN_AROUND = 2.0  # seconds of the file drawn before and after the window


def find_event(
    metadata_path: str | Path, note_id: str, *, audio_root: str | Path | None = None, model: Model | None = None
) -> pd.DataFrame:
    """Return the one-row table of a note, with what it needs to mean the same as in its table.

    The table is read as ``model`` was trained, in our terms if there is none.
    """
    data = Config().data if model is None else model.data
    events = other_events(data, metadata_path, audio_root, require_labels=False)
    row = events[events["note_id"] == note_id]
    if row.empty:
        raise EventTableError(f"`note_id` must be in {metadata_path}. There is no {note_id!r}.")
    return row


def inspect_event(event: pd.DataFrame, output: str | Path, *, model: Model | None = None) -> dict[str, float] | None:
    """Draw one event into a PNG and return label -> probability if a model is given.

    Parameters
    ----------
    event : DataFrame
        One row of an events table.
    output : str or Path
        The PNG.
    model : Model, optional
        From :func:`guitarclf.bundle.engines.load_model`: its window and features are drawn, else the default ones.

    Raises
    ------
    AudioReadError
        If the recording cannot be read.
    """
    listener = Model(Config()) if model is None else model
    request = as_requests(event)[0]
    windows, ends, errors = listener.hear([request])
    if errors:
        raise errors[0]
    features = listener.features(windows, ends)
    rate, settings = listener.reader.sample_rate, listener.settings
    start = listener.reader.start_of(request)
    with open_recording(request.path) as recording:
        first = max(0, start - round(SHOWN_AROUND * rate))
        last = start + windows.shape[1] + round(SHOWN_AROUND * rate)
        last = min(last, resampled_length(recording.frames, recording.samplerate, rate))
        surroundings = read_segment(recording, first, last - first, sample_rate=rate)
    scores = None
    title = f"{Path(request.path).name} at {request.onset:.3f} s"
    if model is not None:
        proba = model.under_priors(model.answer(features))[0]
        scores = dict(zip(LABELS, proba.tolist(), strict=True))
        title += "\n" + ", ".join(f"{label} {value:.3f}" for label, value in scores.items())
    save_inspection(
        surroundings,
        windows[0],
        features[0, 0],
        file_start=first / rate,
        span=(start / rate, start / rate + listener.reader.target_duration),
        rates=(rate, settings["hop_length"]),
        band_hz=mel_centers(rate, settings["n_mels"], settings["fmin"], settings["fmax"]),
        title=title,
        path=output,
    )
    return scores
