"""From the loudspeaker to the file: room, codec, converter, noise floor, hum, and how the file was cut.

None of this depends on the technique: what a recording does to one class it does to all.
"""

from functools import lru_cache

import numpy as np
from numpy.random import Generator
from scipy.signal import butter, fftconvolve, sosfilt

from guitarclf.data.synth.chain import HIGHEST_SHARE_OF_RATE, play_through
from guitarclf.data.synth.guitar import Guitar, Studio, log_uniform

NOISE_RATE = 22050  # Hz at which floor_db is meant; at other rates the noise keeps its density
SHARE_WITH_FLOOR = 0.88
SHARE_CUT = 0.6  # of the notes, where files are cut at all
SHARE_GATED = 0.3  # of the cut notes: the note is cut, the noise floor goes on


def record(waveform: np.ndarray, guitar: Guitar, *, sample_rate: int) -> np.ndarray:
    """Return what guitar, room and recorder make of the strings' sound, peak 1, shape (n_samples,)."""
    studio = guitar.studio
    waveform = play_through(waveform, guitar.chain, sample_rate=sample_rate)
    if studio.room_t60 is not None:
        response = _room_response(studio.room_t60, studio.room_level, studio.room_seed, sample_rate)
        waveform = waveform + fftconvolve(waveform, response)[: len(waveform)]
    limit = studio.band_limit_hz
    if limit is not None and limit < HIGHEST_SHARE_OF_RATE * sample_rate:
        waveform = sosfilt(_lowpass(6, limit, sample_rate), waveform)
    if studio.clip_level is not None:
        highest = studio.clip_level * np.abs(waveform).max()
        waveform = np.clip(waveform, -highest, highest)
    return waveform / np.abs(waveform).max()


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
        overtones, times = np.arange(1, 6), np.arange(n_samples) / sample_rate
        weights = 10 ** (studio.hum_db / 20) * hum_parts / np.sqrt(overtones)
        floor += weights @ np.sin(2 * np.pi * studio.hum_hz * overtones[:, None] * times + hum_phases[:, None])
    return floor


def draw_cut(studio: Studio, label: str, rng: Generator) -> tuple[float, float, bool] | None:
    """Return (length, fade, gates) of the cut after a note, or None where its file is not cut.

    The file is cut ``length`` seconds after the pluck, with a fade-out of ``fade`` seconds before; ``gates`` says that
    the noise floor goes on. Dead notes are cut a little oftener and shorter; a third of the cuts of general notes are
    as short, so that neither length nor silence tells the class. A harmonic rings until the touched modes are gone.
    """
    short = label == "dead_note" or rng.random() < 0.35
    shortest = {"dead_note": 0.05, "general_note": 0.05 if short else 0.18, "harmonic": 0.25}[label]
    length = log_uniform(rng, shortest, 0.5 if short else 1.05)
    fade = rng.uniform(0.003, 0.06) if rng.random() < 0.75 else rng.uniform(0.1, 0.6)
    gates = bool(rng.random() < SHARE_GATED)
    is_cut = (studio.cuts_files and rng.random() < SHARE_CUT) or (label == "dead_note" and rng.random() < 0.3)
    return (length, min(fade, 0.8 * length), gates) if is_cut else None
