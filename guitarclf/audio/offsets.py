"""What lies after a note's offset: silence in its window, frames that do not count. No scikit-learn, no pandas.

An *end* is where a note's offset lies in its window, in samples; NEVER where a note has no offset, as a file or a
waveform given by itself.
"""

import numpy as np

FADE_SEC = 0.005  # seconds before the offset in which a note fades out: a cut to zero would be a click
NEVER = np.iinfo(np.int64).max
SOUNDING = "sounding"  # the extra channel that tells which frames lie before the offset


def needs_ends(settings: dict) -> bool:
    """Return whether features of some settings (those of ``log_mel_channels``) depend on the offset itself."""
    return SOUNDING in settings["extra_channels"]


def silenced_after(window: np.ndarray, end: int, n_fade: int) -> np.ndarray:
    """Return a window that is zero from sample ``end`` on.

    The ``n_fade`` samples before it fall to zero along a half cosine; of a note shorter than that, all of it. A
    note that ends with its window or after it is left as it is.
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

    ``ends`` None is NEVER for all.
    """
    if ends is None:
        return np.ones((n_events, n_frames), dtype=np.float32)
    return (hop_length * np.arange(n_frames) < np.asarray(ends)[:, None]).astype(np.float32)
