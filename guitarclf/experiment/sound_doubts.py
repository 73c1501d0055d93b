"""Doubts about a table's sound that no single event shows: onsets that are off, low sample rates, clipping."""

import functools
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd

from guitarclf.audio.recordings import open_recording, read_segment
from guitarclf.errors import AudioReadError

LOW_RATE = 16_000  # Hz; below it much of what tells a harmonic or a dead note is lost
EVENTS_OF_TRACK = 30  # most events that are listened to of each track
AROUND_SEC = 0.6  # listened to before and after an onset
HOP_SEC = 0.01
FLOOR_DB = 40.0  # below the loudest, where a level counts as silence
MIN_RISE_DB = 6.0  # of the level, where a note may start
BLUR_HOPS = 3  # by which onsets marked by hand may differ from each other
NEAR_SEC = 0.06  # by which onsets may be off
MIN_EVENTS = 8  # that must agree on how far the onsets are off
MIN_AGREEMENT = 0.5  # mean height (0 to 1) of the rises where they agree most
MAX_AT_ONSET = 0.6  # of that height, at the onsets, where these are off
LOUD = 0.5  # of the peak
CLIPPED_SHARE = 0.1  # of the loud samples at the ends of the scale; in other sound hardly any are
SHOWN_TRACKS = 3


def sound_doubts(events: pd.DataFrame, rates: Counter[int]) -> list[str]:
    """Return a line for each doubt about readable events; ``rates`` are sample rate in Hz -> number of files."""
    low = {rate: n_files for rate, n_files in sorted(rates.items()) if rate < LOW_RATE}
    doubts = []
    if low:
        counts = ", ".join(f"{rate} Hz ({n_files} files)" for rate, n_files in low.items())
        doubts.append(
            f"sample rates below {LOW_RATE} Hz: {counts}. What sounds above half of a rate is lost, "
            "and harmonics are taken for other notes."
        )
    rises: dict[str, list[np.ndarray]] = {}
    n_heard, clipped = 0, []
    for note_id, track, stretch, rate in _stretches(events):
        n_heard += 1
        if clipped_share(stretch) > CLIPPED_SHARE:
            clipped.append(note_id)
        rise = rises_around(stretch, rate)
        if rise is not None:
            rises.setdefault(track, []).append(rise)
    if clipped:
        doubts.append(f"{len(clipped)} of {n_heard} notes listened to are heavily clipped, such as {clipped[0]!r}.")
    return doubts + _doubts_about_onsets(rises)


def _stretches(events: pd.DataFrame) -> Iterator[tuple[str, str, np.ndarray, int]]:
    """Yield (note_id, track, samples around the onset, their rate) of up to EVENTS_OF_TRACK events of each track."""
    for track, own in events.groupby("track", sort=False):
        chosen = np.unique(np.linspace(0, len(own) - 1, EVENTS_OF_TRACK).round().astype(int))
        some = own.iloc[chosen]
        for note_id, path, onset in zip(some["note_id"], some["audio_path"], some["onset_sec"], strict=True):
            try:
                with open_recording(path) as recording:
                    rate = recording.samplerate
                    start, n_samples = round((onset - AROUND_SEC) * rate), round(2 * AROUND_SEC * rate)
                    yield note_id, str(track), read_segment(recording, start, n_samples, sample_rate=rate), rate
            except AudioReadError:
                continue  # its window has been read, and told if it cannot be


def clipped_share(samples: np.ndarray) -> float:
    """Return which share (0 to 1) of the loud samples are, beside another, at the highest or the lowest value of all.

    ``samples`` are of shape (n_samples,) and at the rate of the recording.
    """
    low, high = samples.min(), samples.max()
    n_loud = np.count_nonzero(np.abs(samples) >= LOUD * max(high, -low))
    ends = np.flatnonzero((samples[1:] == high) | (samples[1:] == low))  # few, but in clipped sound
    return np.count_nonzero(samples[ends + 1] == samples[ends]) / n_loud


def rises_around(samples: np.ndarray, rate: int) -> np.ndarray | None:
    """Return how much the level rises around an onset, every 10 ms, as a share of its highest rise.

    The onset is in the middle. None if no note starts: the level rises by less than 6 dB.
    """
    hop = round(HOP_SEC * rate)
    n_hops = 2 * round(AROUND_SEC / HOP_SEC)
    samples = samples if len(samples) == n_hops * hop else np.resize(samples, n_hops * hop)
    power = np.square(samples.reshape(n_hops, hop), dtype=np.float64).mean(axis=1)
    level = 10 * np.log10(np.maximum(power, power.max() * 10 ** (-FLOOR_DB / 10)))
    rise = np.maximum(level[2:] - level[:-2], 0)
    if rise.max() < MIN_RISE_DB:
        return None
    around = np.concatenate([np.zeros(BLUR_HOPS), rise, np.zeros(BLUR_HOPS)])
    blurred = functools.reduce(np.maximum, (around[shift:][: len(rise)] for shift in range(2 * BLUR_HOPS + 1)))
    return blurred / rise.max()


def lag_of_onsets(rises: list[np.ndarray]) -> float | None:
    """Return by how many seconds notes start after (below 0: before) their onsets, None if these are right or unclear.

    ``rises`` are what `rises_around` returns for some events.
    """
    if len(rises) < MIN_EVENTS:
        return None
    mean = np.mean(rises, axis=0)
    lags = (np.arange(len(mean)) + 1) * HOP_SEC - AROUND_SEC
    at_onset, best = mean[np.abs(lags) <= NEAR_SEC].max(), mean.max()
    if best < MIN_AGREEMENT or at_onset >= MAX_AT_ONSET * best:
        return None
    return float(lags[mean >= best - 1e-9].mean())


def _doubts_about_onsets(rises: dict[str, list[np.ndarray]]) -> list[str]:
    """Return a line if the onsets of the whole table, or else of some tracks, are off."""
    lag = lag_of_onsets([rise for own in rises.values() for rise in own])
    if lag is not None:
        return [f"`onset_sec` is off: notes start {_before_or_after(lag)} it. Correct all by that much."]
    lags = {track: lag_of_onsets(own) for track, own in rises.items()}
    off = [f"{track!r} {_before_or_after(lag)} it" for track, lag in lags.items() if lag is not None]
    if not off:
        return []
    more = f" and {len(off) - SHOWN_TRACKS} more" if len(off) > SHOWN_TRACKS else ""
    return [f"`onset_sec` is off in some tracks: the notes of {', '.join(off[:SHOWN_TRACKS])}{more}."]


def _before_or_after(lag: float) -> str:
    return f"some {abs(lag):.2f} s {'after' if lag > 0 else 'before'}"
