"""WindowReader: where an event's window lies in its file, and the sound in it. No scikit-learn, no pandas."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from guitarclf.audio.offsets import FADE_SEC, NEVER, silenced_after
from guitarclf.audio.recordings import open_recording, read_segment, resampled_length
from guitarclf.errors import AudioReadError, ParameterError
from guitarclf.files.wording import shown
from guitarclf.parameters.rules import knob
from guitarclf.parameters.sections import Level, WindowParameters

# A file this much longer than the window, at most, is a snippet if its one event starts this early.
SNIPPET_MAX_RATIO = 1.2
SNIPPET_MAX_ONSET = 0.05
EVENTS_AT_ONCE = 16  # events of one file that a thread reads before another may join in


class Request(NamedTuple):
    """One event's place: file, onset in seconds, whether the table has no other event of that file, and its offset.

    ``offset`` is in seconds, None where it is not known: of a file given by itself.
    """

    path: str
    onset: float
    alone: bool
    offset: float | None = None


@dataclass(frozen=True)
class WindowReader(WindowParameters):
    """Reads the windows of requests; the fields are the parameters of EventWindow."""

    num_workers: int = knob(1, "threads that read files, at most the cores there are", low=1)

    def read(self, requests: Sequence[Request]):
        """Return (windows, errors): one row per request, and row -> AudioReadError where reading failed."""
        self.check()
        windows = np.zeros((len(requests), self.n_samples), dtype=np.float32)
        errors: dict[int, AudioReadError] = {}
        parts = rows_by_file(requests)
        if self.n_threads == 1 or len(parts) == 1:
            for rows in parts:
                self._read_file(requests, rows, windows, errors)
        else:
            with ThreadPoolExecutor(max_workers=self.n_threads) as pool:
                list(pool.map(lambda rows: self._read_file(requests, rows, windows, errors), parts))
        return windows, errors

    def cut(self, waveforms: Sequence[np.ndarray] | np.ndarray, ends: np.ndarray | None = None) -> np.ndarray:
        """Return the windows of waveforms at ``sample_rate``, shape (n_events, n_samples), float32.

        ``ends`` is what :meth:`ends_in` gives; without it no waveform has an offset.
        """
        self.check()
        windows = np.zeros((len(waveforms), self.n_samples), dtype=np.float32)
        for row, (window, waveform) in enumerate(zip(windows, waveforms, strict=True)):
            start = self._start_in(len(waveform))
            part = waveform[start : start + self.n_samples]
            window[: len(part)] = part
            window[:] = self._levelled(window, NEVER if ends is None else ends[row])
        return windows

    def ends(self, requests: Sequence[Request], unreadable=()) -> np.ndarray:
        """Return where each event ends in its window, in samples, shape (n_events,).

        NEVER without an offset, and in the rows that are ``unreadable``, as :meth:`read` found them.
        """
        ends = np.full(len(requests), NEVER)
        for row, request in enumerate(requests):
            if request.offset is not None and row not in unreadable:
                ends[row] = self._end(self.start_of(request), request.offset)
        return ends

    def ends_in(self, waveforms: Sequence[np.ndarray] | np.ndarray, offsets: Iterable[float]) -> np.ndarray:
        """As :meth:`ends`, of waveforms whose offsets are in seconds from their first sample."""
        pairs = zip(waveforms, offsets, strict=True)
        return np.array([self._end(self._start_in(len(w)), offset) for w, offset in pairs], dtype=np.int64)

    def start_of(self, request: Request) -> int:
        """Return where the window of an event starts in its file, in samples at ``sample_rate``."""
        with open_recording(request.path) as recording:
            return self._start(recording, request)

    @property
    def n_samples(self) -> int:
        """Length of a window."""
        return round(self.target_duration * self.sample_rate)

    @property
    def n_threads(self) -> int:
        """Threads that read: ``num_workers``, at most the cores there are."""
        return min(self.num_workers, os.cpu_count() or 1)

    def _read_file(self, requests, rows, windows, errors) -> None:
        try:
            with open_recording(requests[rows[0]].path) as recording:
                for row in rows:
                    try:
                        windows[row] = self._read_event(recording, requests[row])
                    except AudioReadError as error:
                        errors[row] = error
        except AudioReadError as error:
            errors.update(dict.fromkeys(rows, error))

    def _read_event(self, recording, request: Request) -> np.ndarray:
        start = self._start(recording, request)
        window = read_segment(recording, start, self.n_samples, sample_rate=self.sample_rate)
        levelled = self._levelled(window, self._end(start, request.offset))
        if self.zero_after_offset and not levelled.any():
            raise AudioReadError(
                f"{shown(recording.name)} must be heard before the offset of an event, {request.offset:.3f} s. "
                "It is silent there. Correct `offset_sec`, or set window.zero_after_offset=false."
            )
        return levelled

    def _levelled(self, window: np.ndarray, end: int) -> np.ndarray:
        if self.zero_after_offset:
            window = silenced_after(window, end, round(FADE_SEC * self.sample_rate))
        return set_level(window, self.normalize)

    def _end(self, start: int, offset: float | None) -> int:
        """Return where an offset lies in the window that starts at sample ``start``."""
        return NEVER if offset is None else round(offset * self.sample_rate) - start

    def _start(self, recording, request: Request) -> int:
        length = resampled_length(recording.frames, recording.samplerate, self.sample_rate)
        is_snippet = request.alone and request.onset <= SNIPPET_MAX_ONSET and self._is_short(length)
        return self._crop_start(length) if is_snippet else round(request.onset * self.sample_rate)

    def _start_in(self, length: int) -> int:
        """Return where the window of a waveform starts in it."""
        return self._crop_start(length) if self._is_short(length) else 0

    def _is_short(self, length: int) -> bool:
        return length <= SNIPPET_MAX_RATIO * self.n_samples

    def _crop_start(self, length: int) -> int:
        return max(0, length - self.n_samples) // 2 if self.snippet_crop == "center" else 0


def rows_by_file(requests: Sequence[Request]) -> list[list[int]]:
    """Return the rows in parts, each of one file and at most EVENTS_AT_ONCE long."""
    rows_of_file: dict[str, list[int]] = {}
    for row, request in enumerate(requests):
        rows_of_file.setdefault(request.path, []).append(row)
    return [
        rows[first : first + EVENTS_AT_ONCE]
        for rows in rows_of_file.values()
        for first in range(0, len(rows), EVENTS_AT_ONCE)
    ]


def checked_waveforms(rows) -> list[np.ndarray]:
    """Return waveforms as 1-D float32 arrays; ParameterError for one that is empty, no floats, or not finite."""
    waveforms = [np.asarray(row) for row in rows]
    for row, waveform in enumerate(waveforms):
        if waveform.ndim != 1 or not np.issubdtype(waveform.dtype, np.floating) or not len(waveform):
            raise ParameterError(
                f"Waveform {row} must be a 1-D array of floats that is not empty. "
                f"Got shape {waveform.shape}, dtype {waveform.dtype}."
            )
        if not np.isfinite(waveform).all():
            raise ParameterError(f"Waveform {row} must hold finite samples. It has NaN or infinity.")
    return [waveform.astype(np.float32, copy=False) for waveform in waveforms]


def set_level(window: np.ndarray, normalize: Level) -> np.ndarray:
    """Return a window scaled to peak 1 or RMS 1; silence is returned as it is."""
    if normalize == "none":
        return window
    if normalize == "peak":
        level = max(window.max(), -window.min())
    else:
        level = np.sqrt(np.mean(np.square(window, dtype=np.float64)))
    return (window / level).astype(np.float32, copy=False) if level > 0 else window
