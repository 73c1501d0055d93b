"""EventWindow: events, paths or waveforms -> windows of audio of one length."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from guitarclf.data.audio import open_recording, read_segment, resampled_length
from guitarclf.errors import AudioReadError, ParameterError

# A file this much longer than the window, at most, is a snippet if its one event starts this early.
SNIPPET_MAX_RATIO = 1.2
SNIPPET_MAX_ONSET = 0.05
CROPS = ("center", "start")
LEVELS = ("peak", "rms", "none")


class Request(NamedTuple):
    """One event's place: file, onset in seconds, and whether the table has no other event of that file."""

    path: str
    onset: float
    alone: bool


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
    max_duration : float
        Longest window that is made, in seconds, so that a slip does not take the machine's memory.
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
        max_duration=60.0,
        snippet_crop="center",
        normalize="peak",
        num_workers=1,
    ):
        self.sample_rate = sample_rate
        self.target_duration = target_duration
        self.max_duration = max_duration
        self.snippet_crop = snippet_crop
        self.normalize = normalize
        self.num_workers = num_workers

    def fit(self, X, y=None):
        """Check the parameters; nothing is learnt."""
        self._check()
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
        windows : ndarray of shape (n_events, n_samples), dtype=float32

        Raises
        ------
        AudioReadError
            If a recording cannot be read; there are no windows of zeros in its place.
        TypeError
            If X is none of the three.
        """
        self._check()
        waveforms = as_waveforms(X)
        if waveforms is not None:
            return self._cut(waveforms)
        windows, errors = self.read(as_requests(X))
        if errors:
            more = f" ({len(errors)} events cannot be read)" if len(errors) > 1 else ""
            raise AudioReadError(f"{errors[min(errors)]}{more}")
        return windows

    def read(self, requests: Sequence[Request]):
        """Return (windows, errors): one row per request, and row -> AudioReadError where reading failed."""
        self._check()
        windows = np.zeros((len(requests), self._n_samples), dtype=np.float32)
        rows_of_file: dict[str, list[int]] = {}
        for row, request in enumerate(requests):
            rows_of_file.setdefault(request.path, []).append(row)
        errors: dict[int, AudioReadError] = {}

        def read_file(path):
            try:
                with open_recording(path) as recording:
                    for row in rows_of_file[path]:
                        try:
                            windows[row] = self._read_event(recording, requests[row])
                        except AudioReadError as error:
                            errors[row] = error
            except AudioReadError as error:
                errors.update(dict.fromkeys(rows_of_file[path], error))

        with ThreadPoolExecutor(max_workers=min(self.num_workers, os.cpu_count() or 1)) as pool:
            list(pool.map(read_file, rows_of_file))
        return windows, errors

    def start_of(self, request: Request) -> int:
        """Return where the window of an event starts in its file, in samples at ``sample_rate``."""
        with open_recording(request.path) as recording:
            return self._start(recording, request)

    def _read_event(self, recording, request: Request) -> np.ndarray:
        start = self._start(recording, request)
        window = read_segment(recording, start, self._n_samples, sample_rate=self.sample_rate)
        return set_level(window, self.normalize)

    def _start(self, recording, request: Request) -> int:
        length = resampled_length(recording.frames, recording.samplerate, self.sample_rate)
        is_snippet = request.alone and request.onset <= SNIPPET_MAX_ONSET and self._is_short(length)
        return self._crop_start(length) if is_snippet else round(request.onset * self.sample_rate)

    def _cut(self, waveforms: list[np.ndarray]) -> np.ndarray:
        windows = np.zeros((len(waveforms), self._n_samples), dtype=np.float32)
        for window, waveform in zip(windows, waveforms, strict=True):
            start = self._crop_start(len(waveform)) if self._is_short(len(waveform)) else 0
            part = waveform[start : start + self._n_samples]
            window[: len(part)] = part
            window[:] = set_level(window, self.normalize)
        return windows

    @property
    def _n_samples(self) -> int:
        return round(self.target_duration * self.sample_rate)

    def _is_short(self, length: int) -> bool:
        return length <= SNIPPET_MAX_RATIO * self._n_samples

    def _crop_start(self, length: int) -> int:
        return max(0, length - self._n_samples) // 2 if self.snippet_crop == "center" else 0

    def _check(self):
        if not (self.sample_rate > 0 and self.target_duration > 0 and self._n_samples > 0):
            raise ParameterError(
                "`sample_rate` and `target_duration` must be above 0. "
                f"Got {self.sample_rate!r} Hz and {self.target_duration!r} s."
            )
        if self.target_duration > self.max_duration:
            raise ParameterError(
                "`target_duration` must be at most `max_duration`. "
                f"Got {self.target_duration!r} s and {self.max_duration!r} s."
            )
        if self.snippet_crop not in CROPS or self.normalize not in LEVELS:
            raise ParameterError(
                f"`snippet_crop` must be one of {', '.join(CROPS)} and `normalize` one of {', '.join(LEVELS)}. "
                f"Got {self.snippet_crop!r} and {self.normalize!r}."
            )
        if self.num_workers < 1:
            raise ParameterError(f"`num_workers` must be at least 1. Got {self.num_workers!r}.")

    def __sklearn_is_fitted__(self) -> bool:
        return True


def set_level(window: np.ndarray, normalize: str) -> np.ndarray:
    """Return a window scaled to peak 1 or RMS 1; silence is returned as it is."""
    if normalize == "none":
        return window
    level = np.abs(window).max() if normalize == "peak" else np.sqrt(np.mean(np.square(window, dtype=np.float64)))
    return (window / level).astype(np.float32) if level > 0 else window


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
