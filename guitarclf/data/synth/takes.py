"""A take: one guitar plays several notes into one file, and some ring on under the next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, SeedSequence

from guitarclf.data.synth.chain import play_through
from guitarclf.data.synth.guitar import Guitar, log_uniform
from guitarclf.data.synth.notes import LATEST_ONSET, died_at, render_pluck
from guitarclf.data.synth.studio import clip_converter, noise_floor, through_the_air
from guitarclf.data.synth.techniques import Pluck, draw_pluck

SHARE_RINGING_ON = 0.4  # of the notes: still sounding when the next one starts
LONGEST_RING = 4.0  # seconds
TAIL = 0.4  # seconds of recording after the last note is stopped
LINGERING = {"harmonic": 1.6, "dead_note": 0.7, "general_note": 1.0}  # players wait for a harmonic


@dataclass(frozen=True, eq=False)
class PlayedNote:
    """A note of a take: when it starts and is stopped (seconds from the start of the file), and how hard."""

    pluck: Pluck
    start: float
    stop: float
    stop_rate: float  # 1/s
    level: float
    onset_sec: float  # as the table has it
    rng: Generator


def draw_take(guitar: Guitar, labels: Sequence[str], seeds: Sequence[SeedSequence]) -> list[PlayedNote]:
    """Return the notes of one take in the order they are played, each from a seed of its own."""
    notes: list[PlayedNote] = []
    start = 0.0
    for label, seed in zip(labels, seeds, strict=True):
        rng = np.random.default_rng(seed)
        if not notes:
            start = rng.uniform(0.05, 0.5)
        pluck = draw_pluck(guitar, label, rng)
        gap = log_uniform(rng, 0.14, 1.4) * LINGERING[label]
        rings_on, legato, beyond = rng.random() < SHARE_RINGING_ON, rng.uniform(0, 0.03), rng.uniform(0.1, 1.5)
        late = rng.uniform(0, LATEST_ONSET) + rng.uniform(0, guitar.studio.max_late_sec)
        notes.append(
            PlayedNote(
                pluck=pluck,
                start=start,
                stop=start + (gap + beyond if rings_on else gap - legato),
                stop_rate=rng.uniform(40, 200),
                level=10 ** (rng.uniform(-14, 0) / 20),
                onset_sec=max(0.0, start - late),
                rng=rng,
            )
        )
        start += gap
    return notes


def render_take(
    guitar: Guitar, notes: Sequence[PlayedNote], *, sample_rate: int, rng: Generator
) -> tuple[np.ndarray, list[float]]:
    """Return the recording of a take, float32 with a peak of at most 1, and the offset of each of its notes.

    Offsets are the seconds from the start of the file at which a note has died or was stopped. The level and the
    noise under the whole take come from ``rng``.
    """
    noise_rng = np.random.default_rng(rng.integers(2**63))
    n_samples = round((max(note.stop for note in notes) + TAIL) * sample_rate)
    mix, offsets = np.zeros(n_samples), []
    for note in notes:
        sound = _play(note, sample_rate)
        first = round(note.start * sample_rate)
        sound = sound[: n_samples - first]
        mix[first : first + len(sound)] += sound
        offsets.append(note.start + died_at(sound, sample_rate=sample_rate))
    mix = play_through(mix / np.abs(mix).max(), guitar.chain, sample_rate=sample_rate)
    mix = through_the_air(mix, guitar.studio, sample_rate=sample_rate)
    mix = clip_converter(mix, guitar.studio)
    mix /= np.abs(mix).max()
    mix += noise_floor(guitar.studio, n_samples, sample_rate=sample_rate, rng=rng, noise_rng=noise_rng)
    mix *= guitar.studio.peak * rng.uniform(0.6, 1.0) / np.abs(mix).max()
    return mix.astype(np.float32), offsets


def _play(note: PlayedNote, sample_rate: int) -> np.ndarray:
    sounding = min(note.stop - note.start + TAIL / 2, LONGEST_RING)
    n_samples = round(sounding * sample_rate)
    noise_rng = np.random.default_rng(note.rng.integers(2**63))
    sound = render_pluck(note.pluck, n_samples, sample_rate=sample_rate, rng=note.rng, noise_rng=noise_rng)
    after_stop = np.arange(n_samples) / sample_rate - (note.stop - note.start)
    return note.level * sound * np.exp(-note.stop_rate * np.maximum(after_stop, 0.0))
