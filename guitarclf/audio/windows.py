"""WindowReader: the window of each event, found and read from its recording. No scikit-learn, no pandas."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from guitarclf.audio.mono import averaged, channels_heard, heard
from guitarclf.audio.offsets import FADE_SEC, NEVER, silenced_after
from guitarclf.audio.onset_times import BLOCK_SEC, onsets_of
from guitarclf.audio.onsets import RISE_DB, SHORTEST_SEC, first_rise, is_note, powers
from guitarclf.audio.recordings import (
    Stretch,
    open_recording,
    read_samples,
    read_stretch,
    resampled_length,
    segment_of,
    stretch_of,
)
from guitarclf.audio.waveforms import checked_waveforms, set_level
from guitarclf.errors import AudioReadError, ParameterError
from guitarclf.files.wording import shown
from guitarclf.parameters.rules import knob
from guitarclf.parameters.sections import WindowParameters

SNIPPET_MAX_RATIO = 1.2  # a snippet is at most this many windows long, holds one event,
SNIPPET_MAX_ONSET = 0.05  # and that starts at most this late, in seconds
EVENTS_AT_ONCE = 16  # most events of one recording that a thread reads as one task


class Request(NamedTuple):
    """An event of a recording: ``onset`` and ``offset`` are in seconds, ``offset`` is None if it is not known.

    ``alone`` says that the table has no other event of the recording. ``by_itself`` says that no table gives the place
    of the event: the file is the note, and if it is longer than a snippet, its first note is meant. ``next_onset`` is
    that of :func:`guitarclf.audio.offsets.next_onsets`, None if there is none.
    """

    path: str
    onset: float
    alone: bool
    offset: float | None = None
    by_itself: bool = False
    next_onset: float | None = None

    def __repr__(self) -> str:  # without the last two: journals of 0.1.0 are found again by it
        return f"Request(path={self.path!r}, onset={self.onset!r}, alone={self.alone!r}, offset={self.offset!r})"


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
        for found in in_threads(read_rows, by_file(requests), self.n_threads):
            errors |= found
        return windows, errors

    def hear(self, rows: Iterable) -> np.ndarray:
        """Return the windows of sound in memory, `[n_events, n_samples]` float32, by the rules that files are held to.

        Parameters
        ----------
        rows : iterable of float arrays
            Each of shape (n_samples,), or of several channels and either axis order, at ``sample_rate``.

        Raises
        ------
        ParameterError
            If one is no such array, shorter than 10 ms, silent in its window, or not finite.
        """
        waveforms = checked_waveforms(rows, self.sample_rate)
        windows = self.cut(waveforms)
        silent = np.flatnonzero(~windows.any(axis=1))
        if len(silent):
            raise ParameterError(
                f"Waveform {silent[0]} must hold sound. It is silent in its window of {self.target_duration:g} s. "
                "Leave it out."
            )
        return windows

    def cut(self, waveforms: Sequence[np.ndarray] | np.ndarray, ends: np.ndarray | None = None) -> np.ndarray:
        """Return the windows of waveforms at ``sample_rate``, `[n_events, n_samples]` float32, unchecked.

        A waveform is of shape (n_samples,) or (n_samples, n_channels). ``ends`` is what :meth:`ends_in` returns; None
        stands for waveforms without offsets.
        """
        self.check()
        windows = np.zeros((len(waveforms), self.n_samples), dtype=np.float32)
        for row, waveform in enumerate(waveforms):
            start = self._start_in(len(waveform))
            part = waveform[start : start + self.n_samples]
            channel: str | int = self.channel
            if part.ndim == 1:
                part, channel = part[:, None], "mean"
            try:
                windows[row, : len(part)] = heard(part, self.sample_rate, channel)
            except AudioReadError as error:
                raise ParameterError(f"Waveform {row} must have the channel asked for. {error}") from None
            windows[row] = self._levelled(windows[row], NEVER if ends is None else ends[row])
        return windows

    def read_in(self, recording, requests: Sequence[Request]) -> tuple[np.ndarray, dict[int, AudioReadError]]:
        """Return what :meth:`read` does, of requests that are all of an open recording."""
        self.check()
        windows = np.zeros((len(requests), self.n_samples), dtype=np.float32)
        return windows, self._read_open(recording, requests, windows, range(len(requests)))

    def ends(self, requests: Sequence[Request], unreadable=(), recording=None) -> np.ndarray:
        """Return where each event ends in its window, in samples, shape (n_events,).

        NEVER for an event without an offset and in the rows that are ``unreadable``, the errors of :meth:`read`.
        ``recording`` is the open one that all requests are of, if there is one.
        """
        ends = np.full(len(requests), NEVER)
        rows_of_file: dict[str, list[int]] = {}
        for row, request in enumerate(requests):
            if row not in unreadable and self.until(request) is not None:
                rows_of_file.setdefault(request.path, []).append(row)
        for path, rows in rows_of_file.items():
            with open_recording(path) if recording is None else nullcontext(recording) as opened:
                for row in rows:
                    ends[row] = self._end(self._start(opened, requests[row]), self.until(requests[row]))
        return ends

    def until(self, request: Request) -> float | None:
        """Return until when an event is heard alone, in seconds: its offset, or the next onset if that is asked for."""
        if not self.until_next_onset or request.next_onset is None:
            return request.offset
        return request.next_onset if request.offset is None else min(request.offset, request.next_onset)

    def ends_in(self, waveforms: Sequence[np.ndarray] | np.ndarray, offsets: Iterable[float]) -> np.ndarray:
        """Return where waveforms end in their windows, in samples; ``offsets`` count seconds from their starts."""
        pairs = zip(waveforms, offsets, strict=True)
        return np.array([self._end(self._start_in(len(w)), offset) for w, offset in pairs], dtype=np.int64)

    def start_of(self, request: Request) -> int:
        """Return where the window of an event starts in its recording, in samples at ``sample_rate``."""
        with open_recording(request.path) as recording:
            return self._start(recording, request)

    def is_long(self, recording) -> bool:
        """Return whether an open recording is longer than a snippet."""
        length = resampled_length(recording.frames, recording.samplerate, self.sample_rate)
        return length > SNIPPET_MAX_RATIO * self.n_samples

    def find_onset(self, recording) -> float | None:
        """Return where the first note of an open recording starts, in seconds; None if nothing in it rises.

        That is its first onset; if it has none, as where a tone fades in, it is where the level rises. A start that a
        snippet might have is 0.
        """
        first = next(onsets_of(recording, self.channel), None)
        onset = self._find_rise(recording) if first is None else first.time
        return 0.0 if onset is not None and onset <= SNIPPET_MAX_ONSET else onset

    def _find_rise(self, recording) -> float | None:
        """Return where the level of an open recording first rises, in seconds."""
        rate, step, found = recording.samplerate, round(BLOCK_SEC * recording.samplerate), []
        for start in range(0, recording.frames, step):
            samples = read_samples(recording, start, min(start + step, recording.frames))
            if self.channel != "auto":
                samples = averaged(samples[:, channels_heard(samples, rate, self.channel)])[:, None]
            found.append(powers(samples, rate))
        return first_rise(np.concatenate(found))

    def samples_of(self, recording, request: Request) -> np.ndarray:
        """Return the samples of an open recording in the window of an event, `[n_samples, n_channels]`, as they are."""
        start = self._start(recording, request)
        return read_samples(recording, *stretch_of(recording, start, self.n_samples, self.sample_rate))

    def _read_rows(self, requests, windows: np.ndarray, rows: list[int]) -> dict[int, AudioReadError]:
        """Read events of one recording into their rows of ``windows``; return row -> error where that failed."""
        try:
            with open_recording(requests[rows[0]].path) as recording:
                return self._read_open(recording, requests, windows, rows)
        except AudioReadError as error:
            return dict.fromkeys(rows, error)

    def _read_open(self, recording, requests, windows: np.ndarray, rows: Iterable[int]) -> dict[int, AudioReadError]:
        """Do what `_read_rows` does, of an open recording."""
        errors = {}
        for row in rows:
            try:
                windows[row] = self._read_event(recording, requests[row])
            except AudioReadError as error:
                errors[row] = error
        return errors

    def _read_event(self, recording, request: Request) -> np.ndarray:
        """Return the window of an event; AudioReadError if its recording does not sound in it."""
        return self.window_of(recording, request, self.read_stretch(recording, request))

    def read_stretch(self, recording, request: Request) -> Stretch:
        """Return the frames of an open recording that the window of an event is made of."""
        return read_stretch(recording, self._start(recording, request), self.n_samples, sample_rate=self.sample_rate)

    def window_of(self, recording, request: Request, stretch: Stretch) -> np.ndarray:
        """Return the window of an event, of frames that are read; AudioReadError if it does not sound in them."""
        window = segment_of(recording, stretch, sample_rate=self.sample_rate, channel=self.channel)
        if request.by_itself:
            self._require_note(recording, window, stretch.start)
        until = self.until(request)
        levelled = self._levelled(window, self._end(stretch.start, until))
        if self.zero_after_offset and not levelled.any():
            raise AudioReadError(
                f"{shown(recording.name)} must be heard before {_end_as_text(request, until)}, {until:.3f} s. "
                "It is silent there. Correct the table, or set window.zero_after_offset=false."
            )
        return levelled

    def _require_note(self, recording, window: np.ndarray, start: int) -> None:
        """Raise AudioReadError if what a file has in a window that starts at sample ``start`` is no note."""
        length = resampled_length(recording.frames, recording.samplerate, self.sample_rate)
        if not is_note(window[: length - start], self.sample_rate):
            raise AudioReadError(
                f"{shown(recording.name)} must hold a note. It has no sound of {1000 * SHORTEST_SEC:g} ms or more that "
                f"rises {RISE_DB:g} dB above the floor of the file. Record it again, or give a table of its events."
            )

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
        onset = request.onset
        if request.by_itself and onset == 0 and self.is_long(recording):
            onset = self.find_onset(recording) or 0.0
        length = resampled_length(recording.frames, recording.samplerate, self.sample_rate)
        return self._start_in(length, onset, alone=request.alone)

    def _start_in(self, length: int, onset: float = 0.0, *, alone: bool = True) -> int:
        """Return where the window of an event starts in a sound of ``length`` samples."""
        is_snippet = alone and onset <= SNIPPET_MAX_ONSET and length <= SNIPPET_MAX_RATIO * self.n_samples
        if not is_snippet:
            return round(onset * self.sample_rate)
        return max(0, length - self.n_samples) // 2 if self.snippet_crop == "center" else 0


def _end_as_text(request: Request, until: float | None) -> str:
    return "the offset of an event" if until == request.offset else "the event after an event"


def in_threads(function: Callable, tasks: Iterable, n_threads: int) -> Iterator:
    """Yield ``function(task)`` in order, computed in threads, at most two tasks a thread ahead.

    Tasks are taken as they are needed, in the thread that asks for results.
    """
    if n_threads == 1 or (isinstance(tasks, list) and len(tasks) < 2):
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


def by_file(requests: Sequence[Request]) -> list[list[int]]:
    """Return the rows in parts, each of one recording and at most EVENTS_AT_ONCE long."""
    rows_of_file: dict[str, list[int]] = {}
    for row, request in enumerate(requests):
        rows_of_file.setdefault(request.path, []).append(row)
    return [
        rows[first : first + EVENTS_AT_ONCE]
        for rows in rows_of_file.values()
        for first in range(0, len(rows), EVENTS_AT_ONCE)
    ]
