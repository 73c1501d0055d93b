"""The notes of a table in phrases: joined once, and heard with and without their offsets."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone

from guitarclf.data.events import read_events
from guitarclf.data.phrases import write_phrases
from guitarclf.errors import EventTableError
from guitarclf.features.arrays import FeatureRows
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.features.window import EventWindow


def require_snippets(events: pd.DataFrame) -> None:
    """Raise EventTableError unless each note is alone in its recording."""
    torn = events[events["events_in_file"] > 1]
    if len(torn):
        path, count = torn.iloc[0][["audio_path", "events_in_file"]]
        raise EventTableError(
            f"To be joined into phrases each note must be alone in its recording. {path} has {count} events: "
            "such notes are in context already. Leave out --in-context."
        )


def uses_offsets(window: EventWindow, logmel: LogMelSpectrogram) -> bool:
    """Return whether features depend on where a note ends."""
    return bool(window.zero_after_offset or "sounding" in logmel.extra_channels)


def hear_in_context(
    window: EventWindow, logmel: LogMelSpectrogram, events: pd.DataFrame, folder: Path, *, seed: int
) -> dict[str, np.ndarray | FeatureRows]:
    """Join the notes of a table into phrases, and return setting -> their features, in the order of the table.

    Parameters
    ----------
    window : EventWindow
    logmel : LogMelSpectrogram
    events : DataFrame
        Notes that are alone in their recordings.
    folder : Path
        Where the phrases and their table are written.
    seed : int
        Of the phrases.

    Returns
    -------
    features : dict of array-likes of shape (n_events, n_channels, n_mels, n_frames)
        "windows": nothing tells where a note ends. "offsets": the table's offsets are used as the window and the
        features have it, or, if they use none, sound after them is silenced.
    """
    write_phrases(folder, events, seed=seed)
    phrases = read_events(folder / "metadata.csv", audio_root=folder)
    phrases = phrases.set_index("source_note").loc[events["note_id"]].reset_index()
    logmel = clone(logmel).set_params(cache=None)  # which would find none of these recordings again
    ended = window if uses_offsets(window, logmel) else clone(window).set_params(zero_after_offset=True)
    heard = {"windows": window.transform(phrases.assign(offset_sec=np.nan)), "offsets": ended.transform(phrases)}
    return {setting: logmel.transform(windows) for setting, windows in heard.items()}
