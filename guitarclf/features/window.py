"""EventWindow: events, paths or waveforms -> windows of audio of one length."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from guitarclf.errors import ParameterError
from guitarclf.features.arrays import Windows
from guitarclf.features.reader import SNIPPET_MAX_RATIO, Request, WindowReader, set_level

__all__ = ["SNIPPET_MAX_RATIO", "EventWindow", "Request", "as_requests", "as_waveforms", "set_level"]


class EventWindow(TransformerMixin, BaseEstimator):
    """The window of audio of each event.

    A file no longer than 1.2 x ``target_duration`` that holds one event of the table
    with an onset of at most 0.05 s is a snippet: cropped, or padded at the end. Any
    longer file is a track: ``[onset, onset + target_duration)``, read by seeking.

    Parameters
    ----------
    sample_rate : int
        Rate of the windows in Hz.
    target_duration : float
        Length of the windows in seconds.
    snippet_crop : {"center", "start"}
        Part kept of a snippet that is too long.
    normalize : {"peak", "rms", "none"}
        Level of each window: largest magnitude 1, root mean square 1, or as recorded.
        Silence stays silence.
    num_workers : int
        Threads that read files, at most the cores there are.
    """

    def __init__(
        self,
        *,
        sample_rate=22050,
        target_duration=1.0,
        snippet_crop="center",
        normalize="peak",
        num_workers=1,
    ):
        self.sample_rate = sample_rate
        self.target_duration = target_duration
        self.snippet_crop = snippet_crop
        self.normalize = normalize
        self.num_workers = num_workers

    def fit(self, X, y=None):
        """Check the parameters; nothing is learnt."""
        self.reader.check()
        return self

    def transform(self, X):
        """Return the windows of events, paths or waveforms.

        Parameters
        ----------
        X : DataFrame, sequence of str or Path, 2-D float array or list of 1-D float arrays
            An events table (``audio_path``, ``onset_sec``, optionally ``events_in_file``), files
            whose onset is 0, or waveforms at ``sample_rate``.

        Returns
        -------
        windows : float32 array-like of shape (n_events, n_samples)
            An ndarray of waveforms. Of recordings, Windows: each row is decoded when it is read, and
            ``np.asarray`` reads them all. A recording that cannot be read is then an AudioReadError; there
            are no windows of zeros in its place.

        Raises
        ------
        TypeError
            If X is none of the three.
        """
        self.reader.check()
        waveforms = as_waveforms(X)
        if waveforms is not None:
            return self.reader.cut(waveforms)
        return Windows(self.reader, as_requests(X))

    def read(self, requests: Sequence[Request]):
        """Return (windows, errors): one row per request, and row -> AudioReadError where reading failed."""
        return self.reader.read(requests)

    def start_of(self, request: Request) -> int:
        """Return where the window of an event starts in its file, in samples at ``sample_rate``."""
        return self.reader.start_of(request)

    @property
    def reader(self) -> WindowReader:
        """What reads: the same parameters without scikit-learn."""
        return WindowReader(**self.get_params())

    def __sklearn_is_fitted__(self) -> bool:
        return True


def as_waveforms(X) -> list[np.ndarray] | None:
    """Return X as a list of 1-D float32 waveforms, or None if it holds no arrays."""
    if isinstance(X, pd.DataFrame | pd.Series | str | Path):
        return None
    if isinstance(X, np.ndarray):
        if not (X.ndim == 2 and np.issubdtype(X.dtype, np.floating)):
            return None
    elif not (isinstance(X, list | tuple) and X and all(isinstance(row, np.ndarray) for row in X)):
        return None
    waveforms = [np.asarray(row) for row in X]
    for row, waveform in enumerate(waveforms):
        if waveform.ndim != 1 or not np.issubdtype(waveform.dtype, np.floating) or not len(waveform):
            raise ParameterError(
                f"Waveform {row} must be a 1-D array of floats that is not empty. "
                f"Got shape {waveform.shape}, dtype {waveform.dtype}."
            )
        if not np.isfinite(waveform).all():
            raise ParameterError(f"Waveform {row} must hold finite samples. It has NaN or infinity.")
    return [waveform.astype(np.float32, copy=False) for waveform in waveforms]


def as_requests(X) -> list[Request]:
    """Return X, an events table or a sequence of paths, as one Request a row."""
    if isinstance(X, pd.DataFrame):
        missing = [name for name in ("audio_path", "onset_sec") if name not in X]
        if missing:
            raise TypeError(f"An events table must have audio_path and onset_sec. Missing: {', '.join(missing)}.")
        if not np.isfinite(X["onset_sec"].to_numpy(dtype=np.float64)).all():
            raise ParameterError("`onset_sec` must be a number of seconds in every row. There is a NaN or infinity.")
        alone = X["events_in_file"] == 1 if "events_in_file" in X else [True] * len(X)
        return [
            Request(str(path), float(onset), bool(only))
            for path, onset, only in zip(X["audio_path"], X["onset_sec"], alone, strict=True)
        ]
    is_sequence = isinstance(X, list | tuple | pd.Series) or (isinstance(X, np.ndarray) and X.ndim == 1)
    if is_sequence and all(isinstance(item, str | os.PathLike) for item in X):
        return [Request(os.fspath(item), 0.0, True) for item in X]
    raise TypeError(
        "X must be an events table (DataFrame), a sequence of paths, or waveforms (2-D float array or list of "
        f"1-D float arrays). Got {type(X).__name__}."
    )
