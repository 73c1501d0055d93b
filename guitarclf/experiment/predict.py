"""predict_events: files or a table -> a table of labels and probabilities."""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from guitarclf.data.audio import find_audio_files, open_recording
from guitarclf.errors import AudioReadError
from guitarclf.features.window import SNIPPET_MAX_RATIO, as_requests
from guitarclf.labels import LABELS
from guitarclf.training.priors import estimate_priors, with_priors

logger = logging.getLogger(__name__)

UNKNOWN = "unknown"
CHUNK = 256  # events classified at once
DECIMALS = 6  # of a probability that is shown
PREDICTION_COLUMNS = (
    "note_id",
    "audio_path",
    "onset_sec",
    "label",
    *(f"p_{label}" for label in LABELS),
    "confidence",
    "error",
)


def events_of_paths(paths) -> pd.DataFrame:
    """Return one event at onset 0 for each file; a folder stands for the WAV and FLAC files below it.

    An event is named by its file's stem, or by the whole path where two files share one. The order
    is that of ``paths``, files of a folder sorted. A path that does not exist keeps
    its row, so that its error is reported with the others.
    """
    files = []
    for path in map(Path, paths):
        files += (find_audio_files(path) or [path]) if path.is_dir() else [path]
    stems = Counter(path.stem for path in files)
    return pd.DataFrame(
        {
            "note_id": [path.stem if stems[path.stem] == 1 else str(path.with_suffix("")) for path in files],
            "audio_path": [str(path) for path in files],
            "onset_sec": np.zeros(len(files)),
        }
    )


def warn_of_long_files(events: pd.DataFrame, target_duration: float) -> None:
    """Log a line for each file that is too long to be a snippet: only its first window is heard."""
    for path in events["audio_path"]:
        try:
            with open_recording(path) as recording:
                duration = recording.frames / recording.samplerate
        except AudioReadError:
            continue  # its row will say so
        if duration > SNIPPET_MAX_RATIO * target_duration:
            logger.warning(
                "%s is %.2f s long: its first %.2f s are classified. For more, give a table of its events.",
                path,
                duration,
                target_duration,
            )


def adapt_to_batch(table: pd.DataFrame, train_priors: np.ndarray) -> np.ndarray:
    """Put the probabilities of a table under the shares estimated from the table itself; return the shares.

    The table's probabilities must be under ``train_priors``, the shares in the order of LABELS that
    the net learnt under.
    """
    columns = [f"p_{label}" for label in LABELS]
    readable = (table["error"] == "").to_numpy()
    shares = train_priors
    if readable.any():
        proba = table.loc[readable, columns].to_numpy()
        shares = estimate_priors(proba, train_priors)
        table.loc[readable, columns] = with_priors(proba, train_priors, shares)
        table.loc[readable, "label"] = np.array(LABELS)[table.loc[readable, columns].to_numpy().argmax(axis=1)]
    return shares


def mark_unknown(table: pd.DataFrame, min_confidence: float) -> None:
    """Put UNKNOWN in the place of each label whose ``confidence`` is below ``min_confidence``."""
    table.loc[table["confidence"] < min_confidence, "label"] = UNKNOWN


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as it is shown, numbers to six decimals."""
    return table.round(DECIMALS)


def predict_events(pipeline: Pipeline, events: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the predictions of an events table, a chunk of rows at a time, in its order.

    Each is a DataFrame with PREDICTION_COLUMNS. An event whose audio cannot be read keeps its
    row, without label and probabilities and with the reason in ``error``. Numbers are not rounded
    (see :func:`rounded`).

    ``confidence`` is the highest probability there would be if all classes were equally common: what the
    sound itself says. Under uneven shares even a net that cannot tell at all is fairly sure of the
    commonest class.
    """
    window, features, net = pipeline[0], pipeline[1:-1], pipeline[-1]
    equal = np.full(len(LABELS), 1 / len(LABELS))
    for first in range(0, len(events), CHUNK):
        chunk = events.iloc[first : first + CHUNK]
        windows, errors = window.read(as_requests(chunk))
        readable = np.array([row not in errors for row in range(len(chunk))])
        proba, confidence = np.full((len(chunk), len(LABELS)), np.nan), np.full(len(chunk), np.nan)
        if readable.any():
            as_learnt = net.predict_proba_as_learnt(features.transform(windows[readable]))
            proba[readable] = net.under_priors(as_learnt)
            confidence[readable] = with_priors(as_learnt, net.train_priors_, equal).max(axis=1)
        yield _table(chunk, proba, confidence, errors)


def _table(chunk: pd.DataFrame, proba: np.ndarray, confidence: np.ndarray, errors: dict[int, AudioReadError]):
    labels = ["" if row in errors else LABELS[proba[row].argmax()] for row in range(len(chunk))]
    columns = {name: chunk[name].tolist() for name in ("note_id", "audio_path", "onset_sec")}
    columns |= {"label": labels}
    columns |= {f"p_{label}": proba[:, index] for index, label in enumerate(LABELS)}
    columns |= {"confidence": confidence, "error": [str(errors.get(row, "")) for row in range(len(chunk))]}
    return pd.DataFrame(columns, columns=list(PREDICTION_COLUMNS))
