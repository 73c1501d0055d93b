"""Clips that are no note: noise, hum, voices, handling, near silence. A model learns from them to be unsure.

Sources
-------
Fant, *Acoustic Theory of Speech Production*, Mouton 1960 (a voice as pulses through formants).
Hendrycks, Mazeika and Dietterich, "Deep anomaly detection with outlier exposure", ICLR 2019 (why to train on them).
"""

import numpy as np
from scipy.signal import sosfilt

from guitarclf.data.synth.chain import octaves_to_quality, resonator
from guitarclf.data.synth.guitar import log_uniform
from guitarclf.data.synth.notes import check_rate_and_duration

QUIET = 1e-4  # peak of near silence


def render_background(n_clips, *, seed=0, sample_rate=22050, duration=1.0):
    """Return clips that are no note, and the kind of each.

    Parameters
    ----------
    n_clips : int
    seed : int
        Equal seeds give equal clips.
    sample_rate : int
        In Hz, 8000 or more.
    duration : float
        Seconds, 0.1 or more.

    Returns
    -------
    waveforms : ndarray of shape (n_clips, n_samples), dtype=float32
        Peak at most 1.
    kinds : ndarray of shape (n_clips,), dtype=str
        Names in KINDS.
    """
    check_rate_and_duration(sample_rate, duration)
    n_samples = round(duration * sample_rate)
    waveforms, kinds = np.zeros((n_clips, n_samples), dtype=np.float32), []
    for row, child in enumerate(np.random.SeedSequence(seed).spawn(n_clips)):
        rng = np.random.default_rng(child)
        kind = str(rng.choice(list(KINDS)))
        clip = KINDS[kind](rng, n_samples, sample_rate)
        if kind != "near silence":
            if rng.random() < 0.5:
                clip = clip / np.abs(clip).max() + 10 ** rng.uniform(-4, -1.5) * rng.standard_normal(n_samples)
            clip = rng.uniform(0.2, 1.0) * clip / np.abs(clip).max()
        waveforms[row] = clip
        kinds.append(kind)
    return waveforms, np.array(kinds)


def _coloured(rng, n_samples, sample_rate):
    """Noise whose power falls with f to a power of 0 (white) to 2 (brown), steady or swelling."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    frequencies = np.maximum(np.fft.rfftfreq(n_samples, 1 / sample_rate), 20.0)
    noise = np.fft.irfft(spectrum * frequencies ** -rng.uniform(-0.25, 1.0), n_samples)
    return noise * _swell(rng, n_samples)


def _band_noise(rng, n_samples, sample_rate):
    noise = _narrow(rng, n_samples, sample_rate, log_uniform(rng, 100, 6000), rng.uniform(0.3, 3.0))
    return noise * _swell(rng, n_samples)


def _noise_chord(rng, n_samples, sample_rate):
    """Two to six narrow bands of noise, as of a drone or a wind in strings."""
    low = log_uniform(rng, 80, 800)
    pitches = low * 2.0 ** (rng.choice(25, rng.integers(2, 7), replace=False) / 12)
    bands = [rng.uniform(0.3, 1) * _narrow(rng, n_samples, sample_rate, p, rng.uniform(0.03, 0.3)) for p in pitches]
    return np.sum(bands, axis=0) * _swell(rng, n_samples)


def _hum(rng, n_samples, sample_rate):
    times = np.arange(n_samples) / sample_rate
    frequency, tilt = rng.choice([50.0, 60.0, 100.0, 120.0]) * rng.uniform(0.995, 1.005), rng.uniform(0.2, 1.5)
    overtones = np.arange(1, rng.integers(3, 30))
    weights, phases = rng.uniform(0, 1, len(overtones)) * overtones**-tilt, rng.uniform(0, 2 * np.pi, len(overtones))
    hum = weights @ np.sin(2 * np.pi * frequency * overtones[:, None] * times + phases[:, None])
    return hum / np.abs(hum).max() + 10 ** rng.uniform(-4, -0.5) * rng.standard_normal(n_samples)


def _voice(rng, n_samples, sample_rate):
    """Syllables: pulses of a gliding pitch or a hiss, through three formants."""
    voice, start = np.zeros(n_samples), 0
    base = log_uniform(rng, 80, 350)
    while start < n_samples:
        length = round(rng.uniform(0.08, 0.35) * sample_rate)
        glide = np.linspace(rng.uniform(0.8, 1.25), rng.uniform(0.8, 1.25), length)
        turns = np.cumsum(base * glide * (1 + 0.01 * rng.standard_normal(length)) / sample_rate)
        pulses = np.diff(np.floor(turns), prepend=0) * rng.uniform(0.8, 1.2, length)
        source = rng.standard_normal(length) if rng.random() < 0.25 else pulses + 0.02 * rng.standard_normal(length)
        formants = (rng.uniform(250, 900), rng.uniform(900, 2500), rng.uniform(2300, 3800))
        syllable = np.sum([sosfilt(resonator(f, f / rng.uniform(60, 200), sample_rate), source) for f in formants], 0)
        syllable *= np.sin(np.pi * np.arange(length) / length) ** rng.uniform(0.3, 1) / (np.abs(syllable).max() + 1e-9)
        part = voice[start : start + length]
        part += rng.uniform(0.3, 1) * syllable[: len(part)]
        start += length + round(rng.uniform(0, 0.1) * sample_rate)
    return voice


def _handling(rng, n_samples, sample_rate):
    """Rubs and knocks, several in a second: cloth, cables, a guitar put down."""
    noise = np.zeros(n_samples)
    for _ in range(rng.integers(3, 12)):
        start, length = rng.integers(0, n_samples - 1), round(log_uniform(rng, 0.02, 0.4) * sample_rate)
        rub = _narrow(rng, length, sample_rate, log_uniform(rng, 60, 4000), rng.uniform(1, 3))
        times = np.arange(length) / length
        rub *= np.sin(np.pi * times) if rng.random() < 0.5 else np.exp(-times / 0.2)
        part = noise[start : start + length]
        part += rng.uniform(0.2, 1) * rub[: len(part)]
    return noise + 1e-4 * rng.standard_normal(n_samples)


def _near_silence(rng, n_samples, sample_rate):
    """A recorder left running: nothing at all, the last bit, or a very quiet floor."""
    level = rng.choice([0.0, 2.0**-15, QUIET * 10 ** rng.uniform(-2, 0)])
    if rng.random() < 0.5:
        return np.round(level * rng.standard_normal(n_samples) * 2**15) / 2**15
    return level * (_coloured(rng, n_samples, sample_rate) / 4)


def _narrow(rng, n_samples, sample_rate, frequency, octaves):
    """Noise in one band, peak 1."""
    noise = sosfilt(resonator(frequency, octaves_to_quality(octaves), sample_rate), rng.standard_normal(n_samples))
    return noise / (np.abs(noise).max() + 1e-9)


def _swell(rng, n_samples):
    """An envelope that goes slowly from one random level to the next; half of the time it stays at 1."""
    if rng.random() < 0.5:
        return np.ones(n_samples)
    levels = 10 ** rng.uniform(-1.5, 0, rng.integers(2, 7))
    return np.interp(np.linspace(0, 1, n_samples), np.linspace(0, 1, len(levels)), levels)


KINDS = {
    "coloured noise": _coloured,
    "band noise": _band_noise,
    "noise chord": _noise_chord,
    "hum": _hum,
    "voice": _voice,
    "handling": _handling,
    "near silence": _near_silence,
}


render_clutter = render_background  # its name in 0.1.0
