"""What follows a note's offset: silence in its window, and frames that do not count. No scikit-learn, no pandas.

Where a note's offset is not known, or lies after the next onset of its recording, that onset ends what is heard of it.
An *end* is the place of a note's offset in its window, in samples: NEVER for a note without an offset, such as a file
or a waveform given by itself.
"""

from collections.abc import Sequence

import numpy as np

FADE_SEC = 0.005  # a note fades out in this time before its offset: a cut to zero would be a click
NEVER = np.iinfo(np.int64).max
CHORD_SEC = 0.1  # onsets that are closer together are those of one chord or strum: they do not end each other
SOUNDING = "sounding"  # the extra channel that is 1 in frames before the offset


def needs_ends(settings: dict) -> bool:
    """Return whether ``log_mel_channels`` needs ``ends`` for these settings."""
    return SOUNDING in settings["extra_channels"]


def next_onsets(onsets: np.ndarray) -> np.ndarray:
    """Return the onset that comes after each one of a recording, by CHORD_SEC or more, in seconds; inf if none does.

    ``onsets`` of shape (n_events,), in any order.
    """
    onsets = _never_for_nan(onsets)
    ordered = np.append(np.sort(onsets), np.inf)
    return ordered[np.searchsorted(ordered, onsets + CHORD_SEC - 1e-9)]


def next_onsets_in(recordings: Sequence[str] | np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """Return :func:`next_onsets` of events in several recordings; ``recordings`` has the name or number of each one's.

    All are of shape (n_events,).
    """
    onsets = _never_for_nan(onsets)
    _, numbers = np.unique(recordings, return_inverse=True)
    # In the order of time in each recording: all onsets, and for each one the place from which on the next is looked
    # for. Of the two at one time the place comes first, as it is first here and the sort keeps that.
    n_events, recording = len(onsets), np.concatenate([numbers, numbers])
    times = np.concatenate([onsets + CHORD_SEC - 1e-9, onsets])
    order = np.lexsort((times, recording))
    is_place = order < n_events
    # The first onset from each place on, as its number in this order; there may be none.
    firsts = np.where(is_place, len(order), np.arange(len(order)))
    firsts = np.minimum.accumulate(firsts[::-1])[::-1][is_place]
    place, first = order[is_place], np.append(order, len(order))[firsts]
    is_same = np.append(recording, -1)[first] == recording[place]
    following = np.empty(n_events)
    following[place] = np.where(is_same, np.append(times, np.inf)[first], np.inf)
    is_only = np.bincount(numbers)[numbers] == 1  # at 1e15 s an onset and the place after it are one number
    return np.where(is_only, np.inf, following)


def _never_for_nan(onsets: np.ndarray) -> np.ndarray:
    """Return onsets with infinity for NaN, which is a broken cell, told elsewhere."""
    onsets = np.asarray(onsets, dtype=np.float64)
    return np.where(np.isnan(onsets), np.inf, onsets)


def silenced_after(window: np.ndarray, end: int, n_fade: int) -> np.ndarray:
    """Return a window that fades out along a half cosine in the ``n_fade`` samples before ``end`` and is then zero.

    A note shorter than the fade fades out from its start. A window that ends before its note is returned as it is.
    """
    if end >= len(window):
        return window
    end = max(0, end)
    n_fade = min(n_fade, end)
    silenced = window.copy()
    silenced[end:] = 0
    silenced[end - n_fade : end] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(n_fade, dtype=np.float32) + 0.5) / n_fade)
    return silenced


def sounding_frames(ends: np.ndarray | None, n_events: int, n_frames: int, hop_length: int) -> np.ndarray:
    """`[n_events]` ends -> `[n_events, n_frames]` float32: 1 in frames whose centre lies before the end, else 0.

    ``ends=None`` stands for NEVER in all rows.
    """
    ends = np.full(n_events, NEVER) if ends is None else np.asarray(ends)
    return (hop_length * np.arange(n_frames) < ends[:, None]).astype(np.float32)
