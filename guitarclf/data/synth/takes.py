"""A take: one guitar plays several notes into one file, and some ring on under the next."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator, SeedSequence

from guitarclf.data.synth.guitar import Guitar, log_uniform
from guitarclf.data.synth.notes import LATEST_ONSET, died_at, render_pluck
from guitarclf.data.synth.studio import noise_floor, record
from guitarclf.data.synth.techniques import Pluck, draw_pluck

SHARE_RINGING_ON = 0.4  # of the notes: still sounding when the next one starts
LONGEST_RING = 4.0  # seconds
TAIL = 0.4  # seconds of recording after the last note is stopped
LINGERING = {"harmonic": 1.6, "dead_note": 0.7, "general_note": 1.0}  # players wait for a harmonic


class PlayedNote(NamedTuple):
    """A note of a take; times in seconds from the start of the file."""

    pluck: Pluck
    sound: np.ndarray
    start: float
    stop: float
    next_start: float
    onset_sec: float  # as the table has it


def render_take(
    guitar: Guitar, labels: Sequence[str], seeds: Sequence[SeedSequence], *, sample_rate: int, rng: Generator
) -> tuple[np.ndarray, list[tuple[Pluck, float, float]]]:
    """Return the recording of a take, float32 with a peak of at most 1, and (pluck, onset, offset) of each note.

    Onsets and offsets are seconds from the start of the file; a note's offset is where it has died or was stopped.
    Each note comes from a seed of its own, the level and the noise under the whole take from ``rng``.
    """
    noise_rng = np.random.default_rng(rng.integers(2**63))
    played: list[PlayedNote] = []
    for label, seed in zip(labels, seeds, strict=True):
        note_rng = np.random.default_rng(seed)
        start = played[-1].next_start if played else note_rng.uniform(0.05, 0.5)
        played.append(_play(guitar, label, start, note_rng, sample_rate))
    n_samples = round((max(note.stop for note in played) + TAIL) * sample_rate)
    mix, notes = np.zeros(n_samples), []
    for note in played:
        first = round(note.start * sample_rate)
        sound = note.sound[: n_samples - first]
        mix[first : first + len(sound)] += sound
        notes.append((note.pluck, note.onset_sec, note.start + died_at(sound, sample_rate=sample_rate)))
    mix = record(mix / np.abs(mix).max(), guitar, sample_rate=sample_rate)
    mix += noise_floor(guitar.studio, n_samples, sample_rate=sample_rate, rng=rng, noise_rng=noise_rng)
    mix *= guitar.studio.peak * rng.uniform(0.6, 1.0) / np.abs(mix).max()
    return mix.astype(np.float32), notes


def _play(guitar: Guitar, label: str, start: float, rng: Generator, sample_rate: int) -> PlayedNote:
    pluck = draw_pluck(guitar, label, rng)
    gap = log_uniform(rng, 0.14, 1.4) * LINGERING[label]
    rings_on, legato, beyond = rng.random() < SHARE_RINGING_ON, rng.uniform(0, 0.03), rng.uniform(0.1, 1.5)
    late = rng.uniform(0, LATEST_ONSET) + rng.uniform(0, guitar.studio.max_late_sec)
    stop = start + (gap + beyond if rings_on else gap - legato)
    stop_rate, level = rng.uniform(40, 200), 10 ** (rng.uniform(-14, 0) / 20)
    n_samples = round(min(stop - start + TAIL / 2, LONGEST_RING) * sample_rate)
    noise_rng = np.random.default_rng(rng.integers(2**63))
    sound = render_pluck(pluck, n_samples, sample_rate=sample_rate, rng=rng, noise_rng=noise_rng)
    after_stop = np.arange(n_samples) / sample_rate - (stop - start)
    sound = level * sound * np.exp(-stop_rate * np.maximum(after_stop, 0.0))
    return PlayedNote(pluck, sound, start, stop, next_start=start + gap, onset_sec=max(0.0, start - late))
