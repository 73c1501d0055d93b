"""From the loudspeaker to the file: room, codec, converter, noise floor, hum, and how the file was cut.

None of this depends on the technique: what a recording does to one class it does to all.
"""

from functools import lru_cache

import numpy as np
from numpy.random import Generator
from scipy.signal import butter, fftconvolve, sosfilt

from guitarclf.data.synth.chain import HIGHEST_SHARE_OF_RATE
from guitarclf.data.synth.guitar import Studio, log_uniform

NOISE_RATE = 22050  # Hz at which floor_db is meant; at other rates the noise keeps its density
SHARE_WITH_FLOOR = 0.88
SHARE_CUT = 0.6  # of the notes, where files are cut at all
SHARE_GATED = 0.3  # of the cut notes: the note is cut, the noise floor goes on


def through_the_air(waveform: np.ndarray, studio: Studio, *, sample_rate: int) -> np.ndarray:
    """Return the sound in its room, band-limited as the recorder was, shape (n_samples,)."""
    if studio.room_t60 is not None:
        response = _room_response(studio.room_t60, studio.room_level, studio.room_seed, sample_rate)
        waveform = waveform + fftconvolve(waveform, response)[: len(waveform)]
    limit = studio.band_limit_hz
    if limit is not None and limit < HIGHEST_SHARE_OF_RATE * sample_rate:
        waveform = sosfilt(_lowpass(6, limit, sample_rate), waveform)
    return waveform


@lru_cache(maxsize=64)
def _room_response(t60: float, level: float, seed: int, sample_rate: int) -> np.ndarray:
    """Return exponentially decaying noise, the late part of a room, the same for all notes of a guitar."""
    n_samples = round(t60 * sample_rate)
    response = np.random.default_rng(seed).standard_normal(n_samples)
    response *= np.exp(-np.log(1000.0) * np.arange(n_samples) / n_samples)
    return response * level / np.sqrt(np.sum(response**2))


@lru_cache(maxsize=128)
def _lowpass(order: int, frequency: float, sample_rate: int) -> np.ndarray:
    return butter(order, frequency, fs=sample_rate, output="sos")


def clip_converter(waveform: np.ndarray, studio: Studio) -> np.ndarray:
    """Return the waveform with its peaks cut off, if this studio records too loud."""
    if studio.clip_level is None:
        return waveform
    limit = studio.clip_level * np.abs(waveform).max()
    return np.clip(waveform, -limit, limit)


def noise_floor(
    studio: Studio, n_samples: int, *, sample_rate: int, rng: Generator, noise_rng: Generator
) -> np.ndarray:
    """Return the hiss and hum under a recording whose loudest note peaks at 1, shape (n_samples,).

    One recording in eight has none. Levels come from ``rng``, the noise itself from ``noise_rng``; its density does
    not depend on the sample rate.
    """
    level = 10 ** ((studio.floor_db + rng.normal(0, 5)) / 20)
    hum_parts, hum_phases = rng.uniform(0, 1, 5), rng.uniform(0, 2 * np.pi, 5)
    if rng.random() >= SHARE_WITH_FLOOR:
        return np.zeros(n_samples)
    floor = noise_rng.standard_normal(n_samples) * np.sqrt(sample_rate / NOISE_RATE)
    if studio.floor_lowpass_hz is not None:
        floor = sosfilt(_lowpass(1, studio.floor_lowpass_hz, sample_rate), floor)
        floor /= floor.std()
    floor *= level
    if studio.hum_db is not None:
        overtones = np.arange(1, 6)
        times = np.arange(n_samples) / sample_rate
        weights = 10 ** (studio.hum_db / 20) * hum_parts / np.sqrt(overtones)
        for overtone, weight, phase in zip(overtones, weights, hum_phases, strict=True):
            floor += weight * np.sin(2 * np.pi * studio.hum_hz * overtone * times + phase)
    return floor


def draw_cut(studio: Studio, label: str, rng: Generator) -> tuple[float, float, bool] | None:
    """Return (length, fade, gates), how a file is cut after its note, or None where it is not.

    They are seconds after the pluck, seconds of fade-out before that, and whether the noise floor goes on. Dead notes
    are cut a little oftener and shorter; a third of the cuts of general notes are as short as theirs, so that neither
    length nor silence tells the class. A harmonic is left to ring at least until the modes that were touched are gone:
    sooner, there is no harmonic to hear.
    """
    short = label == "dead_note" or rng.random() < 0.35
    shortest = {"dead_note": 0.05, "general_note": 0.05 if short else 0.18, "harmonic": 0.25}[label]
    length = log_uniform(rng, shortest, 0.5 if short else 1.05)
    fade = rng.uniform(0.003, 0.06) if rng.random() < 0.75 else rng.uniform(0.1, 0.6)
    gates = bool(rng.random() < SHARE_GATED)
    is_cut = studio.cuts_files and rng.random() < SHARE_CUT
    if label == "dead_note":
        is_cut = is_cut or rng.random() < 0.3
    return (length, min(fade, 0.8 * length), gates) if is_cut else None


def fade_out(waveform: np.ndarray, stop: float, fade: float, *, sample_rate: int) -> None:
    """Silence a waveform from the second ``stop`` on, after a linear fade of ``fade`` seconds; in place."""
    last = min(round(stop * sample_rate), len(waveform))
    n_fade = min(last, round(fade * sample_rate))
    waveform[last - n_fade : last] *= np.linspace(1, 0, n_fade)
    waveform[last:] = 0.0
