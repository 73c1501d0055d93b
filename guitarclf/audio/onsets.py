"""A simple rule of levels: whether a file that is given by itself holds a note, and where its first one starts.

Levels are those of what is above some 100 Hz, so that DC, rumble and slow drifts do not count.
"""

import numpy as np

BLOCK_SEC = 0.01  # stretch whose power is taken,
N_SMOOTHED = 3  # and blocks that are averaged: hiss then changes by 2 dB, rumble by 7
MEAN_SEC = 0.005  # a running mean of this length is taken away, and with it what is low
RISE_DB = 8.0  # a note rises at least this much above the floor of its file
FLOOR_PERCENT = 5  # of the levels are at the floor of a file or below
QUIET_DB = 40.0  # a start this far below the loudest level is no note beside that
MIN_BLOCKS = 3  # that a rise lasts: a click takes two at most
SHORTEST_SEC = 0.01  # of a sound, and of the part of it that is less than
LOUD_DB = 30.0  # below its peak
N_BINS = 32  # of the spectrum that are compared with each other
LINE = 10.0  # times the median of its bins that a line of a tone has at least
TONAL = 0.1  # share of the power in such lines that only a tone has; noise of any colour has some 0.03
SILENCE = 1e-14


def powers(samples: np.ndarray, rate: int) -> np.ndarray:
    """`[n_samples, n_channels]` -> `[n_blocks, n_channels]`, the power of what is above some 100 Hz."""
    n_mean, length = max(3, round(MEAN_SEC * rate)), max(1, round(BLOCK_SEC * rate))
    sums = np.cumsum(samples, axis=0, dtype=np.float64)
    high = samples[n_mean // 2 : n_mean // 2 + len(sums) - n_mean] - (sums[n_mean:] - sums[:-n_mean]) / n_mean
    n_blocks = len(high) // length
    return np.square(high[: n_blocks * length]).reshape(n_blocks, length, -1).mean(axis=1)


def levels(power: np.ndarray) -> np.ndarray:
    """`[n_blocks]` -> `[n_blocks - 2]` dB, each of a block and the two before it; empty if there are fewer."""
    if len(power) < N_SMOOTHED:
        return np.zeros(0)
    return 10 * np.log10(np.convolve(power, np.full(N_SMOOTHED, 1 / N_SMOOTHED), "valid") + SILENCE)


def first_rise(power: np.ndarray) -> float | None:
    """Return where the first note starts, in seconds, from what :func:`powers` returns; None if nothing rises.

    The channel that rises first counts. A note that sounds from the start starts at 0.
    """
    starts = []
    for level in map(levels, power.T):
        if level.size < 2:
            continue
        threshold = max(np.percentile(level, FLOOR_PERCENT) + RISE_DB, level.max() - QUIET_DB)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], level >= threshold, [False]])))
        long_enough = edges[0::2][np.diff(edges)[0::2] >= MIN_BLOCKS + N_SMOOTHED - 1]
        starts += [start + N_SMOOTHED - 1 if start else 0 for start in long_enough[:1].tolist()]
    return max(0, min(starts) - 1) * BLOCK_SEC if starts else None


def is_note(sound: np.ndarray, rate: int) -> bool:
    """Return whether a stretch of mono may be a note: its level changes or it has a pitch, and it is no click."""
    steps = np.abs(np.diff(sound))
    loud = np.flatnonzero(steps >= steps.max(initial=0) * 10 ** (-LOUD_DB / 20))
    if len(sound) < SHORTEST_SEC * rate or loud[-1] - loud[0] < SHORTEST_SEC * rate:
        return False
    level = levels(powers(sound[:, None], rate)[:, 0])
    return bool(level.size < 2 or np.ptp(level) >= RISE_DB or _is_tonal(sound))


def _is_tonal(sound: np.ndarray) -> bool:
    """Return whether much of the power of a stretch lies in lines of its spectrum."""
    steps = np.diff(sound)
    power = np.abs(np.fft.rfft(steps * np.hanning(len(steps)))) ** 2
    power = power[: len(power) // N_BINS * N_BINS].reshape(-1, N_BINS)
    is_line = power > LINE * np.median(power, axis=1, keepdims=True)
    return bool(power[is_line].sum() >= TONAL * power.sum())
