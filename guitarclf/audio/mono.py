"""The one way from samples to the mono that every command hears: a file's or an array's, of any number of channels.

A channel *carries* a note if its level changes. Hum, hiss and silence are steady: such a channel is left out beside one
that carries a note. Channels that cancel each other, as those of a cable wired the wrong way round, are not added up.
"""

import functools

import numpy as np

from guitarclf.errors import AudioReadError

FRAME_SEC = 0.05  # stretch whose level is taken: two periods of hum at least, so that hum is steady
STEADY_DB = 3.0  # a channel that changes less than this, and that much less than another, carries no note beside it
MIN_FRAMES = 4
AUDIBLE_DB = -20.0  # a channel is another only if it is not further below the loudest one
FLOOR_DB = -60.0  # levels below the loudest that make no difference
CANCEL = 0.3  # channels cancel if their mean has less than this share of the power that unrelated ones would have
NAMES = {"left": 1, "right": 2}
LEAST_DC = 0.01  # of the peak: a mean above it is DC; that of real notes is below 0.005
SILENT = 1e-6  # of the largest magnitude: what is left of a constant when its mean is removed


def heard(
    samples: np.ndarray, rate: int, channel: str | int = "auto", *, first: int = 0, last: int | None = None
) -> np.ndarray:
    """Return samples as mono without DC.

    Parameters
    ----------
    samples : float32 ndarray of shape (n_samples, n_channels)
    rate : int
        Samples per second.
    channel : {"auto", "mean", "left", "right"} or int
        What of several channels is heard, as :func:`channels_heard` takes it.
    first, last : int
        The stretch that is meant; what is around it is context for a filter. It decides on the channels and the mean.

    Returns
    -------
    mono : float32 ndarray of shape (n_samples,)
        The mean of the stretch is removed if it is above 1 % of the peak, up to its last sample that is not zero: zeros
        at its end stay zeros, as they are what shorter sounds are filled up with.

    Raises
    ------
    AudioReadError
        If there is no such channel.
    """
    mono = averaged(chosen(samples, channels_heard(samples[first:last], rate, channel)))
    stretch = mono[first:last]
    if not has_dc(stretch):
        return mono
    n_sound = len(stretch) - int((stretch[::-1] != 0).argmax())
    end = first + n_sound if n_sound < len(stretch) else len(mono)
    mono = mono.copy()
    mono[:end] -= np.float32(stretch[:n_sound].mean(dtype=np.float64))
    if np.abs(mono[first:last]).max() <= SILENT * np.abs(stretch).max():
        mono[:] = 0
    return mono


def has_dc(stretch: np.ndarray) -> bool:
    """Return whether the mean of a stretch of mono is above LEAST_DC of its peak."""
    least = LEAST_DC * np.abs(stretch).max(initial=0)
    # The mean in float32 is taken much faster, and is off by far less than half of what it is held against.
    return bool(abs(stretch.mean()) >= least / 2 and abs(stretch.mean(dtype=np.float64)) > least)


def chosen(samples: np.ndarray, kept: list[int]) -> np.ndarray:
    """`[n_samples, n_channels]` -> `[n_samples, n_kept]`; not copied if all are kept, as of mono."""
    return samples if len(kept) == samples.shape[1] else samples[:, kept]


def averaged(samples: np.ndarray) -> np.ndarray:
    """`[n_samples, n_channels]` -> `[n_samples]`, the mean of the channels, which numpy's own is slow at for so few."""
    return functools.reduce(np.add, samples.T) / samples.shape[1]


def channels_heard(samples: np.ndarray, rate: int, channel: str | int = "auto") -> list[int]:
    """Return which channels of a stretch are averaged, counted from 0.

    Parameters
    ----------
    samples : float ndarray of shape (n_samples, n_channels)
    rate : int
        Samples per second.
    channel : {"auto", "mean", "left", "right"} or int
        "mean" takes all. "auto" takes those that carry a note, and only the loudest of them if they cancel. A
        number is that of a channel, counted from 1; "left" is 1 and "right" is 2, and both are the only one of mono.

    Raises
    ------
    AudioReadError
        If there is no such channel.
    """
    n_channels = samples.shape[1]
    if channel == "mean" or (n_channels == 1 and not isinstance(channel, int)):
        return list(range(n_channels))
    if channel == "auto":
        return _carriers(samples, rate)
    number = NAMES[channel] if isinstance(channel, str) else channel
    if number > n_channels:
        raise AudioReadError(f"It has {n_channels} channels, and `window.channel` asks for number {number}.")
    return [number - 1]


def _carriers(samples: np.ndarray, rate: int) -> list[int]:
    """Return the channels that carry a note, all of them if they are alike, and one if they cancel."""
    every = list(range(samples.shape[1]))
    sounding = np.flatnonzero(samples.any(axis=1))
    if not len(sounding) or (samples == samples[:, :1]).all():
        return every
    samples = samples[sounding[0] : sounding[-1] + 1]
    sound = samples - samples.mean(axis=0, dtype=np.float64).astype(np.float32)
    levels = _levels(sound, rate)
    loudest, change = levels.max(axis=0), np.ptp(levels, axis=0)
    most = change[loudest >= loudest.max() + AUDIBLE_DB].max()
    kept = np.flatnonzero(((change >= STEADY_DB) | (change > most - STEADY_DB)) & samples.any(axis=0))
    if len(kept) < 2:
        return kept.tolist() or every
    sound = sound[:, kept]
    power = np.square(sound).mean(axis=0, dtype=np.float64)
    mixed = np.square(averaged(sound)).mean(dtype=np.float64)
    cancels = mixed < CANCEL * power.sum() / len(kept) ** 2
    return [int(kept[power.argmax()])] if cancels else kept.tolist()


def _levels(sound: np.ndarray, rate: int) -> np.ndarray:
    """`[n_samples, n_channels]` -> `[n_frames, n_channels]` dB below the loudest frame of any channel."""
    length = max(1, min(round(FRAME_SEC * rate), len(sound) // MIN_FRAMES))
    n_frames = len(sound) // length
    power = np.square(sound[: n_frames * length]).reshape(n_frames, length, -1).mean(axis=1)
    return 10 * np.log10(np.maximum(power / (power.max() or 1), 10 ** (FLOOR_DB / 10)))
