"""The onsets of a recording of any length, from a stream: one pass, in bounded memory."""

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
import soundfile

from guitarclf.audio.mono import channels_heard
from guitarclf.audio.recordings import read_samples
from guitarclf.audio.superflux import FRAMES_PER_SEC, Rises, rises
from guitarclf.errors import AudioReadError
from guitarclf.files.wording import shown
from guitarclf.parameters.sections import OnsetParameters

HIGHEST_BEFORE, MEAN_BEFORE, AFTER = 6, 20, 10  # frames of 5 ms around a peak: it is the highest, and above the mean
MEANS, MEANS_BEFORE = 1.2, 2.25  # times the mean around and before: the strings of a strum all rise, noise always does
BEFORE, FALL_DB = 8, 12.0  # frames before a peak: what is 50 ms after it so much quieter has been stopped, not begun,
FALLING = 3  # unless its rise is so many times the threshold
LATE_SEC = 0.005  # the rise is at its highest so much after the onset
LAST = 6  # frames of a recording in which nothing starts: its end is a step
BLOCK_SEC = 10.0  # of a recording, read at once
FADE_SEC = 0.5  # in which the channels that are heard change
LIVE_SEC = 0.4  # of sound that is grouped and compared before a peak is settled live


class Onset(NamedTuple):
    """Where an event starts, in seconds, and by how many dB the bands rise there on average."""

    time: float
    strength: float


def find_onsets(
    blocks: Iterable[np.ndarray], rate: int, parameters: OnsetParameters | None = None, *, live: bool = False
) -> Iterator[Onset]:
    """Yield the onsets in mono samples in turn, when about ``reference_sec`` of sound after each have come.

    Parameters
    ----------
    blocks : iterable of float32 ndarrays of shape (n_samples,)
        In turn, of any length; the onsets do not depend on it, nor on the level.
    rate : int
        Samples per second. What has another rate than 22050 Hz is resampled.
    parameters : OnsetParameters, optional
    live : bool
        Whether they are wanted as soon as may be, :func:`live_delay` after each. What is loud is then taken from the
        sound before an onset only, where else it is taken from ``reference_sec`` on both sides; in the first seconds
        what is far below full scale is no onset, so that there the level counts.

    Raises
    ------
    AudioReadError
        If a sample is not finite.
    ParameterError
        If a parameter breaks its rule.
    """
    return chain.from_iterable(onset_parts(blocks, rate, parameters, live=live))


def onset_parts(
    blocks: Iterable[np.ndarray], rate: int, parameters: OnsetParameters | None = None, *, live: bool = False
) -> Iterator[list[Onset]]:
    """Yield what :func:`find_onsets` does in lists, one for each stretch of sound that was looked at, often empty."""
    parameters = OnsetParameters() if parameters is None else parameters
    parameters.check()
    picker = PeakPicker(parameters)
    for part in rises(blocks, rate, parameters, live=live):
        yield list(map(_as_onset, picker.add(part)))
    yield list(map(_as_onset, picker.finish()))


def onsets_of(
    recording: soundfile.SoundFile,
    channel: str | int = "auto",
    parameters: OnsetParameters | None = None,
    *,
    start: float = 0.0,
    end: float = math.inf,
) -> Iterator[Onset]:
    """Yield the onsets of an open recording, as :func:`find_onsets` does; it is read as they are asked for.

    ``channel`` is that of :func:`guitarclf.audio.mono.channels_heard`, which chooses anew every BLOCK_SEC. Of a
    recording only what is around ``start`` to ``end``, in seconds, is read, and the onsets in it are given: those that
    the whole has there, but for what is loud further away. Raises AudioReadError if the recording cannot be read to its
    end, or if there is no such channel.
    """
    parameters = OnsetParameters() if parameters is None else parameters
    skipped = max(0, math.floor((start - 2 * parameters.reference_sec) / BLOCK_SEC))
    for onset in find_onsets(mono_blocks(recording, channel, skipped), recording.samplerate, parameters):
        time = onset.time + skipped * BLOCK_SEC
        if time >= end:
            return
        if time >= start:
            yield onset._replace(time=time)


def live_delay(parameters: OnsetParameters) -> float:
    """Return how many seconds of sound after an onset :func:`find_onsets` needs at most to yield it ``live``."""
    return LIVE_SEC + parameters.min_gap + parameters.echo_sec


def mono_blocks(recording: soundfile.SoundFile, channel: str | int = "auto", start: int = 0) -> Iterator[np.ndarray]:
    """Yield an open recording as mono, `[n_samples]` float32, in blocks of BLOCK_SEC, each read as it is asked for.

    The first block is number ``start``.
    """
    step, mixer = round(BLOCK_SEC * recording.samplerate), Mixer(recording.samplerate, channel, recording.name)
    for first in range(start * step, recording.frames, step):
        samples = read_samples(recording, first, min(first + step, recording.frames))
        mixer.choose(samples)
        yield mixer.mix(samples)


class Mixer:
    """Mixes what comes of several channels to mono; where others are heard than before, the change fades in.

    So it is no onset. ``channel`` is that of :func:`guitarclf.audio.mono.channels_heard`, ``name`` is for messages.
    """

    def __init__(self, rate: int, channel: str | int, name: str) -> None:
        self.rate, self.channel, self.name = rate, channel, name
        self.fade = np.linspace(0, 1, round(FADE_SEC * rate), dtype=np.float32)[:, None]
        self.shares: np.ndarray | None = None
        self.before: np.ndarray | None = None  # until the next mix, if that is to fade

    def choose(self, samples: np.ndarray) -> None:
        """Choose the channels by `[n_samples, n_channels]`; AudioReadError if the one asked for is not there."""
        try:
            kept = channels_heard(samples, self.rate, self.channel)
        except AudioReadError as error:
            raise AudioReadError(f"{shown(self.name)} must have the channel asked for. {error}") from None
        self.before, self.shares = self.shares, np.zeros(samples.shape[1], dtype=np.float32)
        self.shares[kept] = 1 / len(kept)

    def mix(self, samples: np.ndarray) -> np.ndarray:
        """`[n_samples, n_channels]` -> `[n_samples]`, what comes next in mono."""
        mono, before = samples @ self.shares, self.before
        if before is not None and (before != self.shares).any():
            part = samples[: len(self.fade)]
            mono[: len(part)] = (part * (before + (self.shares - before) * self.fade[: len(part)])).sum(axis=1)
        self.before = None
        return mono


class PeakPicker:
    """Picks the peaks of a stream of rises: (frame, strength), as soon as nothing that comes can change them."""

    def __init__(self, parameters: OnsetParameters) -> None:
        self.parameters = parameters
        self.gap, self.echo = (max(1, round(t * FRAMES_PER_SEC)) for t in (parameters.min_gap, parameters.echo_sec))
        self.strength, self.level = np.zeros(0), np.zeros(0)  # of the frames from ``first`` on
        self.first = self.seen = 0  # the frames before ``seen`` have been looked at
        self.peaks: list[tuple[int, float]] = []  # the first ``n_told`` were given back, and are rivals of others yet
        self.n_told = 0

    def add(self, part: Rises) -> list[tuple[int, float]]:
        """Return the peaks that are settled with the frames of ``part``, which come next."""
        self.strength = np.concatenate([self.strength, part.strength])
        self.level = np.concatenate([self.level, part.level])
        self._look(self.first + len(self.strength) - AFTER)
        settled = self._tell(self.seen - self.gap - self.echo)
        self._forget()
        return settled

    def finish(self) -> list[tuple[int, float]]:
        """Return the peaks that are left when no frames come any more."""
        n_frames = self.first + len(self.strength)
        self._look(n_frames)
        return [peak for peak in self._tell(n_frames) if peak[0] < n_frames - LAST]

    def _look(self, until: int) -> None:
        """Find the peaks before frame ``until``; of two within the gap the stronger one stays."""
        strength, threshold = self.strength, self.parameters.threshold_db
        start = self.seen - self.first
        for place in start + np.flatnonzero(strength[start : max(start, until - self.first)] >= threshold):
            peak = strength[place]
            if peak < strength[max(0, place - HIGHEST_BEFORE) : place + AFTER + 1].max():
                continue
            first, last = max(0, place - MEAN_BEFORE), place + AFTER + 1
            mean = strength[first:last].sum() / (MEAN_BEFORE + AFTER + 1)
            before = strength[first : max(0, place - HIGHEST_BEFORE)].sum() / (MEAN_BEFORE - HIGHEST_BEFORE)
            if peak < max(MEANS * mean, MEANS_BEFORE * before) + threshold:
                continue
            level = self.level[place : place + AFTER]
            if level.max() < -self.parameters.quiet_db:
                continue
            louder = self.level[max(0, place - BEFORE) : place].max(initial=-np.inf)  # of the first frame: nothing
            if peak < FALLING * threshold and level[-1] < louder - FALL_DB:
                continue  # the release of a note: a click of the finger, and then less than before
            found = (self.first + int(place), float(peak))
            if not self.peaks or found[0] - self.peaks[-1][0] > self.gap:
                self.peaks.append(found)
            elif found[1] > self.peaks[-1][1]:
                self.peaks[-1] = found
        self.seen = max(self.seen, until)

    def _tell(self, until: int) -> list[tuple[int, float]]:
        """Return the peaks before frame ``until`` that are no echo of a stronger one, before or after."""
        told = []
        while self.n_told < len(self.peaks) and self.peaks[self.n_told][0] < until:
            frame, strength = self.peaks[self.n_told]
            strongest = max(rival for place, rival in self.peaks if abs(place - frame) <= self.echo)
            if strength >= self.parameters.echo_ratio * strongest:
                told.append((frame, strength))
            self.n_told += 1
        return told

    def _forget(self) -> None:
        """Drop the frames and the peaks that nothing will be compared with any more."""
        n_old = max(0, self.seen - MEAN_BEFORE - self.first)
        self.first += n_old
        self.strength, self.level = self.strength[n_old:], self.level[n_old:]
        oldest = self.seen - self.gap - 2 * self.echo
        n_past = sum(place < oldest for place, _ in self.peaks[: self.n_told])
        self.peaks, self.n_told = self.peaks[n_past:], self.n_told - n_past


def _as_onset(peak: tuple[int, float]) -> Onset:
    frame, strength = peak
    return Onset(max(0.0, frame / FRAMES_PER_SEC - LATE_SEC), strength)
