"""The notes of a table in phrases: joined once, heard with and without their offsets, and what a net says of them."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from guitarclf.data.events import read_events
from guitarclf.data.phrases import write_phrases
from guitarclf.errors import EventTableError
from guitarclf.evaluation.metrics import PROBA_COLUMNS
from guitarclf.features.arrays import FeatureRows
from guitarclf.labels import LABELS
from guitarclf.training.net import NoteEventClassifier


def require_snippets(events: pd.DataFrame) -> None:
    """Raise EventTableError unless each note is alone in its recording."""
    torn = events[events["events_in_file"] > 1]
    if len(torn):
        path, count = torn.iloc[0][["audio_path", "events_in_file"]]
        raise EventTableError(
            f"To be joined into phrases each note must be alone in its recording. {path} has {count} events: "
            "such notes are in context already. Leave out --in-context."
        )


def uses_offsets(pipeline: Pipeline) -> bool:
    """Return whether what a net hears depends on where a note ends."""
    return bool(pipeline["window"].zero_after_offset or "sounding" in pipeline["logmel"].extra_channels)


def hear_in_context(
    pipeline: Pipeline, events: pd.DataFrame, folder: Path, *, seed: int
) -> dict[str, np.ndarray | FeatureRows]:
    """Join the notes of a table into phrases, and return setting -> their features, in the order of the table.

    Parameters
    ----------
    pipeline : Pipeline
        Its ``window`` and ``logmel`` are used.
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
    return hear_phrases(pipeline, events, folder)


def hear_phrases(pipeline: Pipeline, events: pd.DataFrame, folder: Path) -> dict[str, np.ndarray | FeatureRows]:
    """Return what `hear_in_context` does, of phrases that were written before."""
    phrases = read_events(folder / "metadata.csv", audio_root=folder)
    phrases = phrases.set_index("source_note").loc[events["note_id"]].reset_index()
    window = pipeline["window"]
    logmel = clone(pipeline["logmel"]).set_params(cache=None)  # which would find none of these recordings again
    ended = window if uses_offsets(pipeline) else clone(window).set_params(zero_after_offset=True)
    endless = clone(window).set_params(until_next_onset=False)
    heard = {"windows": endless.transform(phrases.assign(offset_sec=np.nan)), "offsets": ended.transform(phrases)}
    return {setting: logmel.transform(windows) for setting, windows in heard.items()}


def ask(net: NoteEventClassifier, features: np.ndarray | FeatureRows) -> pd.DataFrame:
    """Return the probabilities and the ``confidence`` that a net gives rows, possibly none."""
    if not len(features):
        return pd.DataFrame(columns=[*PROBA_COLUMNS, "confidence"], dtype=np.float64)
    proba, confidence = net.answer(features)
    return pd.DataFrame(net.under_priors(proba), columns=PROBA_COLUMNS, dtype=np.float64).assign(confidence=confidence)


def with_answers(events: pd.DataFrame, notes: Mapping[str, pd.DataFrame], unknown_below: float) -> pd.DataFrame:
    """Return events with what is said of them beside them, those of each setting below those of the one before."""
    tables = []
    for setting, said in notes.items():
        called = np.array(LABELS)[said[PROBA_COLUMNS].to_numpy().argmax(axis=1)]
        table = events.assign(called=called).join(said.set_index(events.index))
        tables.append(table.assign(setting=setting, unknown_below=unknown_below))
    return pd.concat(tables, ignore_index=True)


def predict_settings(pipeline: Pipeline, events: pd.DataFrame, *, phrases_seed: int | None = None) -> pd.DataFrame:
    """Return the predictions of a fitted pipeline, as `score_settings` takes them; with a seed in phrases too."""
    net, notes = pipeline["net"], {"alone": ask(pipeline["net"], pipeline[:-1].transform(events))}
    if phrases_seed is not None:
        with TemporaryDirectory(prefix="guitarclf-") as folder:
            heard = hear_in_context(pipeline, events, Path(folder), seed=phrases_seed)
            notes |= {setting: ask(net, features) for setting, features in heard.items()}
    return with_answers(events[["track", "label_category"]].assign(repeat=1), notes, net.unknown_below)
