"""WindowReader: the window of each event, found and read from its recording. No scikit-learn, no pandas."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from guitarclf.audio.offsets import FADE_SEC, NEVER, silenced_after
from guitarclf.audio.recordings import open_recording, read_segment, resampled_length
from guitarclf.errors import AudioReadError, ParameterError
from guitarclf.files.wording import shown
from guitarclf.parameters.rules import knob
from guitarclf.parameters.sections import Level, WindowParameters

SNIPPET_MAX_RATIO = 1.2  # a snippet is at most this many windows long, holds one event,
SNIPPET_MAX_ONSET = 0.05  # and that starts at most this late, in seconds
EVENTS_AT_ONCE = 16  # most events of one recording that a thread reads as one task


class Request(NamedTuple):
    """An event of a recording: ``onset`` and ``offset`` are in seconds, ``offset`` is None if it is not known.

    ``alone`` says that the table has no other event of the recording.
    """

    path: str
    onset: float
    alone: bool
    offset: float | None = None


@dataclass(frozen=True)
class WindowReader(WindowParameters):
    """Reads the windows of requests; the fields are the parameters of EventWindow."""

    num_workers: int = knob(1, "threads that read files, at most the cores there are", low=1)

    @property
    def n_samples(self) -> int:
        """Length of a window."""
        return round(self.target_duration * self.sample_rate)

    @property
    def n_threads(self) -> int:
        """Threads that read."""
        return min(self.num_workers, os.cpu_count() or 1)

    def shaping(self) -> dict:
        """Return the parameters that shape a window, by name."""
        return {name: value for name, value in vars(self).items() if name not in ("num_workers", "max_duration")}

    def read(self, requests: Sequence[Request]) -> tuple[np.ndarray, dict[int, AudioReadError]]:
        """Return (windows, errors): `[n_events, n_samples]` float32, and row -> error where reading failed."""
        self.check()
        windows = np.zeros((len(requests), self.n_samples), dtype=np.float32)
        errors: dict[int, AudioReadError] = {}
        read_rows = partial(self._read_rows, requests, windows)
        for found in in_threads(read_rows, _by_file(requests), self.n_threads):
            errors |= found
        return windows, errors

    def cut(self, waveforms: Sequence[np.ndarray] | np.ndarray, ends: np.ndarray | None = None) -> np.ndarray:
        """Return the windows of waveforms at ``sample_rate``, `[n_events, n_samples]` float32.

        ``ends`` is what :meth:`ends_in` returns; None stands for waveforms without offsets.
        """
        self.check()
        windows = np.zeros((len(waveforms), self.n_samples), dtype=np.float32)
        for row, waveform in enumerate(waveforms):
            start = self._start_in(len(waveform))
            part = waveform[start : start + self.n_samples]
            windows[row, : len(part)] = part
            windows[row] = self._levelled(windows[row], NEVER if ends is None else ends[row])
        return windows

    def ends(self, requests: Sequence[Request], unreadable=()) -> np.ndarray:
        """Return where each event ends in its window, in samples, shape (n_events,).

        NEVER for an event without an offset and in the rows that are ``unreadable``, the errors of :meth:`read`.
        """
        ends = np.full(len(requests), NEVER)
        for row, request in enumerate(requests):
            if request.offset is not None and row not in unreadable:
                ends[row] = self._end(self.start_of(request), request.offset)
        return ends

    def ends_in(self, waveforms: Sequence[np.ndarray] | np.ndarray, offsets: Iterable[float]) -> np.ndarray:
        """Return where waveforms end in their windows, in samples; ``offsets`` count seconds from their starts."""
        pairs = zip(waveforms, offsets, strict=True)
        return np.array([self._end(self._start_in(len(w)), offset) for w, offset in pairs], dtype=np.int64)

    def start_of(self, request: Request) -> int:
        """Return where the window of an event starts in its recording, in samples at ``sample_rate``."""
        with open_recording(request.path) as recording:
            return self._start(recording, request)

    def _read_rows(self, requests, windows: np.ndarray, rows: list[int]) -> dict[int, AudioReadError]:
        """Read events of one recording into their rows of ``windows``; return row -> error where that failed."""
        errors = {}
        try:
            with open_recording(requests[rows[0]].path) as recording:
                for row in rows:
                    try:
                        windows[row] = self._read_event(recording, requests[row])
                    except AudioReadError as error:
                        errors[row] = error
        except AudioReadError as error:
            return dict.fromkeys(rows, error)
        return errors

    def _read_event(self, recording, request: Request) -> np.ndarray:
        """Return the window of an event; AudioReadError if its recording does not sound in it."""
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
        """Return a window with silence after ``end``, if that is asked for, and then at its level."""
        if self.zero_after_offset:
            window = silenced_after(window, end, round(FADE_SEC * self.sample_rate))
        return set_level(window, self.normalize)

    def _end(self, start: int, offset: float | None) -> int:
        """Return the end of an event whose window starts at sample ``start`` of the recording."""
        return NEVER if offset is None else round(offset * self.sample_rate) - start

    def _start(self, recording, request: Request) -> int:
        """Return where the window of an event starts in its recording."""
        length = resampled_length(recording.frames, recording.samplerate, self.sample_rate)
        return self._start_in(length, request.onset, alone=request.alone)

    def _start_in(self, length: int, onset: float = 0.0, *, alone: bool = True) -> int:
        """Return where the window of an event starts in a sound of ``length`` samples."""
        is_snippet = alone and onset <= SNIPPET_MAX_ONSET and length <= SNIPPET_MAX_RATIO * self.n_samples
        if not is_snippet:
            return round(onset * self.sample_rate)
        return max(0, length - self.n_samples) // 2 if self.snippet_crop == "center" else 0


def in_threads(function: Callable, tasks: list, n_threads: int) -> Iterator:
    """Yield ``function(task)`` in order, computed in threads, at most two tasks a thread ahead."""
    if n_threads == 1 or len(tasks) < 2:
        yield from map(function, tasks)
        return
    with ThreadPoolExecutor(max_workers=n_threads) as pool:
        waiting: deque[Future] = deque()
        for task in tasks:
            waiting.append(pool.submit(function, task))
            if len(waiting) > 2 * n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _by_file(requests: Sequence[Request]) -> list[list[int]]:
    """Return the rows in parts, each of one recording and at most EVENTS_AT_ONCE long."""
    rows_of_file: dict[str, list[int]] = {}
    for row, request in enumerate(requests):
        rows_of_file.setdefault(request.path, []).append(row)
    return [
        rows[first : first + EVENTS_AT_ONCE]
        for rows in rows_of_file.values()
        for first in range(0, len(rows), EVENTS_AT_ONCE)
    ]


def checked_waveforms(rows) -> list[np.ndarray]:
    """Return waveforms as 1-D float32 arrays; ParameterError for one that is empty, not of floats, or not finite."""
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
    """Return a window scaled to peak 1 ("peak") or RMS 1 ("rms"), or as it is ("none"); silence stays silence."""
    if normalize == "none":
        return window
    if normalize == "peak":
        level = max(window.max(), -window.min())
    else:
        level = np.sqrt(np.mean(np.square(window, dtype=np.float64)))
    return (window / level).astype(np.float32, copy=False) if level > 0 else window
