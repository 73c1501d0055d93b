"""From the string to the loudspeaker: noises of the attack, body or cabinet, overdrive, tone control.

Sources
-------
Christensen and Vistisen, "Simple model for low-frequency guitar function", JASA 68, 1980, and Woodhouse,
"Plucked guitar transients", Acta Acustica united with Acustica 90, 2004 (bodies as a few resonances).
Pakarinen and Yeh, "A review of digital techniques for modeling vacuum-tube guitar amplifiers", Computer Music
Journal 33, 2009 (a clipper between filters).
Filters: Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients".
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from scipy.signal import butter, lfilter, resample_poly, sosfilt

from guitarclf.data.synth.gesture import NoiseBurst
from guitarclf.data.synth.guitar import Chain

HIGHEST_SHARE_OF_RATE = 0.47  # filters above are left out
COMPRESSOR_SEC = 0.01
COMPRESSOR_FLOOR = 0.03  # share of the peak below which the gain stays


def resonator(frequency: float, quality: float, sample_rate: float) -> np.ndarray:
    """Return second-order sections of a band-pass whose peak gain is 1, shape (1, 6)."""
    cosine, alpha = _cosine_and_alpha(frequency, quality, sample_rate)
    return np.array([[alpha, 0.0, -alpha, 1.0 + alpha, -2.0 * cosine, 1.0 - alpha]]) / (1.0 + alpha)


def lowpass(frequency: float, quality: float, sample_rate: float) -> np.ndarray:
    """Return second-order sections of a low-pass, shape (1, 6); a quality above 0.7 peaks, as pickups do."""
    cosine, alpha = _cosine_and_alpha(frequency, quality, sample_rate)
    passed = 1.0 - cosine
    return np.array([[passed / 2, passed, passed / 2, 1.0 + alpha, -2.0 * cosine, 1.0 - alpha]]) / (1.0 + alpha)


def _cosine_and_alpha(frequency: float, quality: float, sample_rate: float) -> tuple[float, float]:
    angle = 2 * np.pi * min(frequency / sample_rate, HIGHEST_SHARE_OF_RATE)
    return np.cos(angle), np.sin(angle) / (2 * quality)


def octaves_to_quality(octaves: float) -> float:
    """Return the quality of a band-pass that is so many octaves wide."""
    return 2 ** (octaves / 2) / (2**octaves - 1)


def add_bursts(waveform: np.ndarray, bursts: Sequence[NoiseBurst], *, sample_rate: int, noise_rng: Generator) -> None:
    """Add short bands of decaying noise to a waveform in place, each scaled so that its peak is its level."""
    for burst in bursts:
        start = round(burst.time * sample_rate)
        ringing = 3.0 / burst.frequency + 0.002  # seconds the filter needs to die away
        n_samples = min(round((9 * burst.decay + ringing) * sample_rate), len(waveform) - start)
        noise = noise_rng.standard_normal(max(n_samples, 0))
        if n_samples < 2:
            continue
        noise *= np.exp(-np.arange(n_samples) / (burst.decay * sample_rate))
        noise = sosfilt(resonator(burst.frequency, octaves_to_quality(burst.octaves), sample_rate), noise)
        waveform[start : start + n_samples] += burst.level / np.abs(noise).max() * noise


def play_through(waveform: np.ndarray, chain: Chain, *, sample_rate: int) -> np.ndarray:
    """Return what body, pickup and amplifier make of a string, shape (n_samples,).

    Its peak should be around 1: an amplifier's overdrive depends on the level.
    """
    if chain.compression > 0:
        waveform = _compress(waveform, chain.compression, sample_rate)
    resonated = waveform.copy()
    for resonance in chain.resonances:
        section = resonator(resonance.frequency, resonance.quality, sample_rate)
        resonated += resonance.gain * sosfilt(section, waveform)
    if chain.drive > 0:
        resonated = _overdrive(resonated, chain)
    return sosfilt(_tone_filter(chain, sample_rate), resonated)


def _compress(waveform: np.ndarray, compression: float, sample_rate: int) -> np.ndarray:
    """Raise what is quiet: a compressor, or a sustainer, that sees the level 10 ms ahead."""
    ahead = round(COMPRESSOR_SEC * sample_rate)
    forget = np.exp(-1.0 / ahead)
    coming = np.append(np.abs(waveform), np.zeros(ahead))
    level = lfilter([1.0 - forget], [1.0, -forget], coming)[ahead:]
    return waveform * np.maximum(level, COMPRESSOR_FLOOR * level.max()) ** -compression


def _overdrive(waveform: np.ndarray, chain: Chain) -> np.ndarray:
    """Soft clipping at twice the rate, so that most of what it adds above the band does not fold back."""
    pushed = resample_poly(waveform, 2, 1) / (np.abs(waveform).max() + 1e-9) * (1 + chain.drive)
    clipped = np.tanh(pushed + chain.asymmetry) - np.tanh(chain.asymmetry)
    return resample_poly(clipped, 1, 2)[: len(waveform)]


@lru_cache(maxsize=64)
def _tone_filter(chain: Chain, sample_rate: int) -> np.ndarray:
    if chain.lowpass_quality is None:
        tone = butter(1, min(chain.lowpass_hz, HIGHEST_SHARE_OF_RATE * sample_rate), fs=sample_rate, output="sos")
    else:
        tone = lowpass(chain.lowpass_hz, chain.lowpass_quality, sample_rate)
    return np.concatenate([tone, butter(2, chain.highpass_hz, "highpass", fs=sample_rate, output="sos")])
