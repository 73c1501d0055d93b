"""The kernel: a sum of decaying sines whose pitch and decay may change from block to block.

Every mode is a complex phasor, turned and shrunk once per sample. The inner loop runs over the modes, so the
compiler does several of them at once.
Importing this file imports numba; the rest of the package does so only when a note is rendered.
"""

import numpy as np
from numba import njit

BLOCK_LENGTH = 64  # audio samples between two looks at the pitch and the losses
HIGHEST_SHARE_OF_RATE = 0.485  # modes above are left out: they would fold back
INAUDIBLE = 1e-12  # squared amplitude below which a mode is dropped


@njit(cache=True, fastmath=True)
def _turn(cosines, sines, frequencies, decay_rates, ratio, n_active, sample_rate):
    for mode in range(n_active):
        frequency = frequencies[mode] * ratio
        shrink = np.exp(-decay_rates[mode] / sample_rate)
        if frequency > HIGHEST_SHARE_OF_RATE * sample_rate:
            shrink = 0.0
        angle = 2.0 * np.pi * frequency / sample_rate
        cosines[mode] = shrink * np.cos(angle)
        sines[mode] = shrink * np.sin(angle)


@njit(cache=True, fastmath=True)
def _drop_inaudible(real, imaginary, frequencies, decay_rates, n_active):
    n_kept = 0
    for mode in range(n_active):
        if real[mode] ** 2 + imaginary[mode] ** 2 > INAUDIBLE:
            real[n_kept] = real[mode]
            imaginary[n_kept] = imaginary[mode]
            frequencies[n_kept] = frequencies[mode]
            decay_rates[:, n_kept] = decay_rates[:, mode]
            n_kept += 1
    return n_kept


@njit(cache=True, fastmath=True)
def _advance(block, real, imaginary, cosines, sines, n_active):
    for i in range(len(block)):
        total = 0.0
        for mode in range(n_active):
            total += imaginary[mode]
            turned = real[mode] * cosines[mode] - imaginary[mode] * sines[mode]
            imaginary[mode] = real[mode] * sines[mode] + imaginary[mode] * cosines[mode]
            real[mode] = turned
        block[i] = total


@njit(cache=True)
def _sum_modes(waveform, frequencies, real, imaginary, decay_rates, segments, ratios, sample_rate):
    n_active = len(frequencies)
    cosines = np.empty(n_active)
    sines = np.empty(n_active)
    for block in range(len(segments)):
        n_before = n_active
        n_active = _drop_inaudible(real, imaginary, frequencies, decay_rates, n_active)
        if n_active == 0:
            break
        changed = block == 0 or segments[block] != segments[block - 1] or ratios[block] != ratios[block - 1]
        if changed or n_active != n_before:
            rates = decay_rates[segments[block]]
            _turn(cosines, sines, frequencies, rates, ratios[block], n_active, sample_rate)
        start = block * BLOCK_LENGTH
        _advance(waveform[start : start + BLOCK_LENGTH], real, imaginary, cosines, sines, n_active)


def sum_modes(frequencies, amplitudes, phases, decay_rates, segment_ends, pitch_ratio, *, n_samples, sample_rate):
    """Return the sum of decaying sines.

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
    n_samples : int
        Length of the result.
    sample_rate : int
        In Hz.

    Returns
    -------
    waveform : ndarray of shape (n_samples,), dtype=float64
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
