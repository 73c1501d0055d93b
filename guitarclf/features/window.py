"""EventWindow: events, paths or waveforms -> windows of audio of one length."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from guitarclf.audio.windows import SNIPPET_MAX_RATIO, Request, WindowReader, set_level
from guitarclf.errors import AudioReadError
from guitarclf.features.arrays import Windows
from guitarclf.features.inputs import as_requests, as_waveforms
from guitarclf.parameters.sections import Level, SnippetCrop

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
    max_duration : float
        Longest window that is made, in seconds, so that a slip does not take the machine's memory.
    snippet_crop : {"center", "start"}
        Part kept of a snippet that is too long.
    normalize : {"peak", "rms", "none"}
        Level of each window: largest magnitude 1, root mean square 1, or as recorded.
        Silence stays silence.
    zero_after_offset : bool
        Whether an event's sound is set to zero after its ``offset_sec``, before the level is set; it fades out in the
        5 ms before. A path or a waveform has no offset, and stays whole.
    num_workers : int
        Threads that read files, at most the cores there are.
    """

    def __init__(
        self,
        *,
        sample_rate: int = WindowReader.sample_rate,
        target_duration: float = WindowReader.target_duration,
        max_duration: float = WindowReader.max_duration,
        snippet_crop: SnippetCrop = WindowReader.snippet_crop,
        normalize: Level = WindowReader.normalize,
        zero_after_offset: bool = WindowReader.zero_after_offset,
        num_workers: int = WindowReader.num_workers,
    ):
        self.sample_rate = sample_rate
        self.target_duration = target_duration
        self.max_duration = max_duration
        self.snippet_crop = snippet_crop
        self.normalize = normalize
        self.zero_after_offset = zero_after_offset
        self.num_workers = num_workers

    def fit(self, X: Any, y: Any = None) -> "EventWindow":
        """Check the parameters; nothing is learnt."""
        _ = self.reader
        return self

    def transform(self, X: Any) -> np.ndarray | Windows:
        """Return the windows of events, paths or waveforms.

        Parameters
        ----------
        X : DataFrame, sequence of str or Path, 2-D float array or list of 1-D float arrays
            An events table (``audio_path``, ``onset_sec``, optionally ``offset_sec`` and ``events_in_file``), files
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
        reader = self.reader
        waveforms = as_waveforms(X)
        if waveforms is not None:
            return reader.cut(waveforms)
        return Windows(reader, as_requests(X))

    def read(self, requests: Sequence[Request]) -> tuple[np.ndarray, dict[int, AudioReadError]]:
        """Return (windows, errors): one row per request, and row -> AudioReadError where reading failed."""
        return self.reader.read(requests)

    def start_of(self, request: Request) -> int:
        """Return where the window of an event starts in its file, in samples at ``sample_rate``."""
        return self.reader.start_of(request)

    @property
    def reader(self) -> WindowReader:
        """What reads: the same parameters without scikit-learn; ParameterError for one that breaks its rule."""
        return WindowReader.of(self.get_params())

    def __sklearn_is_fitted__(self) -> bool:
        return True
