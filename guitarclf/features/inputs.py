"""X as requests or waveforms: the one place that tells an events table, paths and waveforms apart."""

import os

import numpy as np
import pandas as pd

from guitarclf.audio.offsets import next_onsets_in
from guitarclf.audio.windows import Request
from guitarclf.errors import ParameterError
from guitarclf.files.names import as_path


def as_waveforms(X) -> np.ndarray | list | tuple | None:
    """Return X if it is waveforms, which WindowReader.hear checks, None if it is something else."""
    if isinstance(X, np.ndarray):
        are_waveforms = X.ndim in (2, 3) and np.issubdtype(X.dtype, np.floating)
    else:
        are_waveforms = isinstance(X, list | tuple) and len(X) > 0 and all(isinstance(row, np.ndarray) for row in X)
    return X if are_waveforms else None


def as_requests(X) -> list[Request]:
    """Return one Request for each row of an events table or each of a sequence of paths; TypeError for another X."""
    if isinstance(X, pd.DataFrame):
        missing = [name for name in ("audio_path", "onset_sec") if name not in X]
        if missing:
            raise TypeError(f"An events table must have audio_path and onset_sec. Missing: {', '.join(missing)}.")
        onsets = X["onset_sec"].to_numpy(dtype=np.float64)
        if not np.isfinite(onsets).all():
            raise ParameterError("`onset_sec` must be a number of seconds in every row. There is a NaN or infinity.")
        if (onsets < 0).any():
            row = int((onsets < 0).argmax())
            raise ParameterError(f"`onset_sec` must be at least 0 in every row. Got {onsets[row]:g} in row {row}.")
        alone = (X["events_in_file"] == 1).tolist() if "events_in_file" in X else [True] * len(X)
        number_of_row, texts = pd.factorize(X["audio_path"], use_na_sentinel=False)
        paths = [as_path(str(text)) for text in texts]  # a recording's name once, for all its events
        parts = (number_of_row.tolist(), onsets.tolist(), alone, _offsets(X), _next_onsets(X, onsets))
        return [
            Request(paths[number], onset, only, offset, False, following)
            for number, onset, only, offset, following in zip(*parts, strict=True)
        ]
    is_sequence = isinstance(X, list | tuple | pd.Series) or (isinstance(X, np.ndarray) and X.ndim == 1)
    if is_sequence and all(isinstance(item, str | os.PathLike) for item in X):
        return [Request(os.fspath(item), 0.0, True, by_itself=True) for item in X]
    raise TypeError(
        "X must be an events table (DataFrame), a sequence of paths, or waveforms (2-D float array or list of "
        f"1-D float arrays). Got {type(X).__name__}."
    )


def _offsets(events: pd.DataFrame) -> list[float | None]:
    """Return the offset of each event in seconds, None where the table has no finite number for it."""
    if "offset_sec" not in events:
        return [None] * len(events)
    offsets = pd.to_numeric(events["offset_sec"], errors="coerce").to_numpy(dtype=np.float64)
    return _finite(offsets)


def _next_onsets(events: pd.DataFrame, onsets: np.ndarray) -> list[float | None]:
    """Return the onset that follows each event in its recording, None for the last one.

    It is that of the table the events are from, where it was told: a row means the same in a part of it.
    """
    told = events.get("next_onset_sec")
    following = (
        next_onsets_in(pd.factorize(events["audio_path"])[0], onsets) if told is None else told.to_numpy(np.float64)
    )
    return _finite(following)


def _finite(seconds: np.ndarray) -> list[float | None]:
    """Return numbers as a list, with None for those that are not finite."""
    known = seconds.astype(object)
    known[~np.isfinite(seconds)] = None
    return known.tolist()
