"""The string: which partials it has, how loud a pluck makes them, how fast each one dies.

A plucked string is a sum of modes, each a decaying sine. A hand that plucks, touches or mutes it changes the
amplitude or loss of a mode in proportion to how much the mode moves there.

Sources
-------
Fletcher and Rossing, *The Physics of Musical Instruments*, 2nd ed., Springer 1998 (stiff strings, plucks).
Valette, "The mechanics of vibrating strings", in *Mechanics of Musical Instruments*, Springer 1995 (losses).
Woodhouse, "On the synthesis of guitar plucks", Acta Acustica united with Acustica 90, 2004 (modal synthesis).
"""

from dataclasses import dataclass

import numpy as np

MAX_PARTIALS = 96
PARTIAL_NUMBERS = np.arange(1, MAX_PARTIALS + 1)


@dataclass(frozen=True)
class String:
    """One open string; the three loss terms are those of `string_losses`."""

    open_midi: float  # MIDI number, fractions are detuning
    inharmonicity: float  # B of the open string, no unit
    t60: float  # seconds a mode at 110 Hz takes to fall by 60 dB, frequency-dependent losses aside
    t60_slope: float  # how much sooner higher notes end: t60 * (fundamental / 110) ** -slope
    loss_per_khz: float  # 1/s per kHz: air and windings
    loss_per_khz2: float  # 1/s per kHz^2: inner friction of the material


@dataclass(frozen=True)
class Position:
    """Where a note is stopped: the string, the fret, and the length that is left."""

    string: String
    fret: int

    @property
    def length(self) -> float:
        """Sounding length as a share of the open string."""
        return 2.0 ** (-self.fret / 12.0)


def midi_to_hz(midi: float) -> float:
    """Return the frequency in Hz of a MIDI number (69 is 440 Hz)."""
    return 440.0 * 2.0 ** ((midi - 69.0) / 12.0)


def partial_frequencies(fundamental: float, inharmonicity: float) -> np.ndarray:
    """Return the mode frequencies of a stiff string in Hz, ``n f0 sqrt(1 + B n^2)``, shape (MAX_PARTIALS,).

    Fletcher and Rossing 1998, chapter 2. ``fundamental`` f0 is that of the ideal string in Hz; ``inharmonicity`` B
    is that of the sounding length, and grows with ``1 / length ** 2``.
    """
    return fundamental * PARTIAL_NUMBERS * np.sqrt(1.0 + inharmonicity * PARTIAL_NUMBERS**2)


def string_losses(frequencies: np.ndarray, string: String) -> np.ndarray:
    """Return the amplitude decay of every mode of a freely ringing string in 1/s; a T60 of 1 s is a rate of 6.9.

    A constant part (supports), one with f (air, windings), one with f^2 (inner friction): the usual fit to measured
    guitar strings (Valette 1995, Woodhouse 2004). ``frequencies`` are those of the modes in Hz, the fundamental first.
    """
    t60 = string.t60 * (frequencies[0] / 110.0) ** -string.t60_slope
    kilohertz = frequencies / 1000.0
    return np.log(1000.0) / t60 + string.loss_per_khz * kilohertz + string.loss_per_khz2 * kilohertz**2


def touch_damping(place: float, width: float) -> np.ndarray:
    """Return how much of a soft touch's damping each mode takes, 0 (node) to 1 (antinode), shape (MAX_PARTIALS,).

    The touch damps evenly over ``width`` around ``place``, shares of the sounding length. A mode ``sin(n pi x)`` loses
    energy in proportion to the mean of ``sin^2`` under it, ``1/2 - 1/2 cos(2 pi n x) sinc(n w)``. At x = 1/k the
    multiples of k have a node and are spared: a natural harmonic. A wide touch spares nothing: a dead note.
    """
    return 0.5 - 0.5 * np.cos(2 * np.pi * PARTIAL_NUMBERS * place) * np.sinc(PARTIAL_NUMBERS * width)


def pluck_amplitudes(
    frequencies: np.ndarray,
    *,
    pick_position: float,
    pickup_position: float,
    pickup_depth: float,
    tilt: float,
    plectrum_hz: float,
) -> np.ndarray:
    """Return the relative loudness of the modes after a pluck, as pickup or microphone hears them, (MAX_PARTIALS,).

    Parameters
    ----------
    frequencies : ndarray of shape (MAX_PARTIALS,)
        Of the modes in Hz.
    pick_position, pickup_position : float
        Shares of the sounding length. Both leave a comb: mode n is weighted by ``|sin(n pi x)|``. A plectrum
        has a width and a string two planes, so the pick's zeros are not quite zero (Fletcher and Rossing
        1998; for pickups Paiva, Pakarinen and Valimaki, "Acoustics and modeling of pickups", JAES 60, 2012).
    pickup_depth : float
        0 a microphone that hears the whole string, 1 a magnetic pickup.
    tilt : float
        Exponent of the fall with n; 2 for displacement, 1 for velocity of an ideal pluck.
    plectrum_hz : float
        The rounder the finger or plectrum, the lower: ``exp(-f / plectrum_hz)``.
    """
    pick_comb = np.abs(np.sin(np.pi * PARTIAL_NUMBERS * pick_position)) + 0.03
    pickup_comb = np.abs(np.sin(np.pi * PARTIAL_NUMBERS * pickup_position))
    heard = (1.0 - pickup_depth) + pickup_depth * pickup_comb
    return pick_comb * heard * PARTIAL_NUMBERS**-tilt * np.exp(-frequencies / plectrum_hz)
