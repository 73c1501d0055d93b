"""EventWindow: events, paths or waveforms -> windows of audio of one length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from guitarclf.audio.windows import Request, WindowReader
from guitarclf.errors import AudioReadError
from guitarclf.features.arrays import Windows
from guitarclf.features.inputs import as_requests, as_waveforms
from guitarclf.parameters.sections import Level, SnippetCrop


@dataclass(kw_only=True, eq=False, repr=False)  # scikit-learn compares and prints its estimators itself
class EventWindow(TransformerMixin, BaseEstimator):
    """The window of audio of each event.

    A recording of at most 1.2 x ``target_duration`` with one event, whose onset is at most 0.05 s, is a snippet: it is
    cropped, or padded at its end. Any other recording is a track: its windows are ``[onset, onset + target_duration)``,
    read by seeking.

    Parameters
    ----------
    sample_rate : int
        Rate of the windows in Hz.
    target_duration : float
        Length of the windows in seconds.
    max_duration : float
        Largest ``target_duration`` that is accepted, so that a slip does not take the machine's memory.
    snippet_crop : {"center", "start"}
        Part that is kept of a snippet longer than the window.
    normalize : {"peak", "rms", "none"}
        Level of each window: largest magnitude 1, root mean square 1, or as recorded. Silence stays silence.
    zero_after_offset : bool
        Whether sound after ``offset_sec`` is set to zero, before the level is set; it fades out in the 5 ms before. A
        path or a waveform has no offset and stays whole.
    until_next_onset : bool
        Whether the next event of the recording, 0.1 s or more after the onset, ends a note as its offset does.
    channel : {"auto", "mean", "left", "right"} or int
        What is heard of several channels: those that carry a note, and one of them if they cancel; the mean of all; or
        the channel of a number, the first being 1. A mean above 1 % of the peak, DC, is removed.
    num_workers : int
        Threads that read files, at most the cores there are.
    """

    sample_rate: int = WindowReader.sample_rate
    target_duration: float = WindowReader.target_duration
    max_duration: float = WindowReader.max_duration
    snippet_crop: SnippetCrop = WindowReader.snippet_crop
    normalize: Level = WindowReader.normalize
    zero_after_offset: bool = WindowReader.zero_after_offset
    until_next_onset: bool = WindowReader.until_next_onset
    channel: str | int = WindowReader.channel
    num_workers: int = WindowReader.num_workers

    def fit(self, X: Any, y: Any = None) -> "EventWindow":
        """Check the parameters; nothing is learnt."""
        _ = self.reader
        return self

    def transform(self, X: Any) -> np.ndarray | Windows:
        """Return the windows of events, paths or waveforms.

        Parameters
        ----------
        X : DataFrame, sequence of str or Path, 2-D float array or list of float arrays
            An events table (``audio_path``, ``onset_sec``, optionally ``offset_sec`` and ``events_in_file``), files
            that are one note each, or waveforms at ``sample_rate``: a 2-D array has one note a row, and an array in a
            list is one note, of shape (n_samples,) or with its channels as the shorter axis.

        Returns
        -------
        windows : float32 array-like of shape (n_events, n_samples)
            Of waveforms, an ndarray. Of recordings, Windows, whose rows are decoded when they are indexed and then
            raise AudioReadError if a recording cannot be read; ``np.asarray`` decodes all.

        Raises
        ------
        TypeError
            If X is none of the three.
        ParameterError
            If a waveform is shorter than 10 ms, silent or not finite, or an onset is below 0.
        """
        reader = self.reader
        waveforms = as_waveforms(X)
        if waveforms is not None:
            return reader.hear(waveforms)
        return Windows(reader, as_requests(X))

    def read(self, requests: Sequence[Request]) -> tuple[np.ndarray, dict[int, AudioReadError]]:
        """Return (windows, errors) as :meth:`WindowReader.read` does."""
        return self.reader.read(requests)

    def start_of(self, request: Request) -> int:
        """Return where the window of an event starts in its recording, in samples at ``sample_rate``."""
        return self.reader.start_of(request)

    @property
    def reader(self) -> WindowReader:
        """The WindowReader with these parameters; ParameterError for one that breaks its rule."""
        return WindowReader.of(self.get_params())

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit, tags.no_validation = False, True
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.input_tags.string = False, True, True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
