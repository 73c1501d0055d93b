"""inspect_event: one event as the model sees it, drawn, with the prediction if a model is given."""

from pathlib import Path

import pandas as pd

from guitarclf.audio.recordings import open_recording, read_segment, resampled_length
from guitarclf.bundle.pipelines import load_bundle_config, load_pipeline
from guitarclf.config import Config
from guitarclf.errors import EventTableError
from guitarclf.evaluation.figures import save_inspection
from guitarclf.experiment.tables import other_events
from guitarclf.features.logmel import mel_centers
from guitarclf.features.window import as_requests
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_pipeline, without_cache

SHOWN_AROUND = 2.0  # seconds of the file drawn before and after the window


def find_event(metadata_path, note_id: str, *, audio_root=None, model=None) -> pd.DataFrame:
    """Return the one-row table of a note, with what it needs to mean the same as in its table."""
    config = Config() if model is None else load_bundle_config(model)
    events = other_events(config, metadata_path, audio_root, require_labels=False)
    row = events[events["note_id"] == note_id]
    if row.empty:
        raise EventTableError(f"`note_id` must be in {metadata_path}. There is no {note_id!r}.")
    return row


def inspect_event(event: pd.DataFrame, output, *, model=None, allow_pickle=False) -> dict[str, float] | None:
    """Draw one event into a PNG and return label -> probability if a model is given.

    Parameters
    ----------
    event : DataFrame
        One row of an events table.
    output : str or Path
        The PNG.
    model : str or Path, optional
        A run folder or bundle, whose window and features are then drawn.
    allow_pickle : bool
        Whether ``model`` may be the ``pipeline.joblib`` of a run, which runs what code is in it.
    """
    if model is None:
        pipeline = without_cache(build_pipeline(Config()))
    else:
        pipeline = load_pipeline(model, allow_pickle=allow_pickle)
    config = Config() if model is None else load_bundle_config(model)
    request = as_requests(event)[0]
    windows = pipeline[0].transform(event)
    features = pipeline[1].transform(windows)
    rate = config.window.sample_rate
    start = pipeline[0].start_of(request)
    with open_recording(request.path) as recording:
        first = max(0, start - round(SHOWN_AROUND * rate))
        last = start + windows.shape[1] + round(SHOWN_AROUND * rate)
        last = min(last, resampled_length(recording.frames, recording.samplerate, rate))
        surroundings = read_segment(recording, first, last - first, sample_rate=rate)
    scores = None
    title = f"{Path(request.path).name} at {request.onset:.3f} s"
    if model is not None:
        proba = pipeline[-1].predict_proba_by_label(features)[0]
        scores = dict(zip(LABELS, proba.tolist(), strict=True))
        title += "\n" + ", ".join(f"{label} {value:.3f}" for label, value in scores.items())
    save_inspection(
        surroundings,
        windows[0],
        features[0, 0],
        file_start=first / rate,
        span=(start / rate, start / rate + config.window.target_duration),
        rates=(rate, config.logmel.hop_length),
        band_hz=mel_centers(rate, config.logmel.n_mels, config.logmel.fmin, config.logmel.fmax),
        title=title,
        path=output,
    )
    return scores
