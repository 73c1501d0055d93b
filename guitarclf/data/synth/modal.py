"""The kernel: a sum of decaying sines whose pitch and decay may change from block to block.

Every mode is a complex phasor, turned and shrunk once per sample. The inner loop runs over the modes, so the
compiler does several of them at once.
Importing this file imports numba; the rest of the package does so only when a note is rendered.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numba import njit

BLOCK_LENGTH = 64  # audio samples between two looks at the pitch and the losses
HIGHEST_SHARE_OF_RATE = 0.485  # modes above are left out: they would fold back
INAUDIBLE = 1e-12  # squared amplitude below which a mode is dropped


@njit(cache=True, fastmath=True)
def _advance(block, real, imaginary, cosines, sines):
    """Fill a block with the sum of the modes, and move each on by as many samples."""
    for i in range(len(block)):
        total = 0.0
        for mode in range(len(real)):
            total += imaginary[mode]
            turned = real[mode] * cosines[mode] - imaginary[mode] * sines[mode]
            imaginary[mode] = real[mode] * sines[mode] + imaginary[mode] * cosines[mode]
            real[mode] = turned
        block[i] = total


@njit(cache=True, fastmath=True)
def _sum_modes(waveform, frequencies, real, imaginary, decay_rates, segments, ratios, sample_rate):
    """Fill a waveform; ``segments`` and ``ratios`` hold the row of decay rates and the pitch of each block."""
    cosines, sines = np.empty_like(real), np.empty_like(real)  # by which each mode turns and shrinks in a sample
    for block in range(len(segments)):
        heard = real**2 + imaginary**2 > INAUDIBLE
        if not heard.all():
            real, imaginary, frequencies = real[heard], imaginary[heard], frequencies[heard]
            decay_rates = decay_rates[:, heard]
            if len(real) == 0:
                break
        changed = block == 0 or segments[block] != segments[block - 1] or ratios[block] != ratios[block - 1]
        if changed or not heard.all():
            hertz = frequencies * ratios[block]
            shrink = np.exp(-decay_rates[segments[block]] / sample_rate)
            shrink = np.where(hertz > HIGHEST_SHARE_OF_RATE * sample_rate, 0.0, shrink)
            cosines = shrink * np.cos(2.0 * np.pi * hertz / sample_rate)
            sines = shrink * np.sin(2.0 * np.pi * hertz / sample_rate)
        start = block * BLOCK_LENGTH
        _advance(waveform[start : start + BLOCK_LENGTH], real, imaginary, cosines, sines)


def sum_modes(
    frequencies: np.ndarray,
    amplitudes: np.ndarray,
    phases: np.ndarray,
    decay_rates: np.ndarray,
    segment_ends: Sequence[float],
    pitch_ratio: Callable[[np.ndarray], np.ndarray],
    *,
    n_samples: int,
    sample_rate: int,
) -> np.ndarray:
    """Return the sum of decaying sines, shape (n_samples,), float64.

    Parameters
    ----------
    frequencies, amplitudes, phases : ndarray of shape (n_modes,)
        Hz, any unit, radians; at time 0. Modes above 0.485 of the rate are left out.
    decay_rates : ndarray of shape (n_segments, n_modes)
        Amplitude decay in 1/s, one row per stretch of time.
    segment_ends : sequence of n_segments - 1 floats
        Seconds at which the next row takes over, rounded to a block of 64 samples.
    pitch_ratio : callable
        Times in seconds (ndarray) -> factor on all frequencies (ndarray).
    n_samples, sample_rate : int
        Length of the result, and its rate in Hz.
    """
    audible = frequencies < HIGHEST_SHARE_OF_RATE * sample_rate
    start = amplitudes[audible] * np.exp(1j * phases[audible])
    times = np.arange(0, n_samples, BLOCK_LENGTH) / sample_rate
    waveform = np.zeros(n_samples)
    _sum_modes(
        waveform,
        frequencies[audible],
        start.real.copy(),
        start.imag.copy(),
        np.ascontiguousarray(decay_rates[:, audible]),
        np.searchsorted(np.asarray(segment_ends, dtype=float), times, side="right"),
        np.asarray(pitch_ratio(times), dtype=float),
        float(sample_rate),
    )
    return waveform
