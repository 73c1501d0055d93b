"""Notes as a table has them: drawn, rendered and recorded, one alone or several in a take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator, SeedSequence

from guitarclf.data.synth.chain import add_bursts
from guitarclf.data.synth.guitar import Guitar, log_uniform
from guitarclf.data.synth.studio import draw_cut, noise_floor, record
from guitarclf.data.synth.techniques import Pluck, draw_pluck
from guitarclf.errors import ParameterError
from guitarclf.files.caches import find_caches
from guitarclf.labels import LABELS

LOWEST_SAMPLE_RATE = 8000
SHORTEST_DURATION = 0.1  # seconds
LATEST_ONSET = 0.01  # seconds: where in a snippet its table puts the onset
FRAME = 0.01  # seconds over which the level is measured
N_QUIET_FRAMES = 6
DIED = 10 ** (-40 / 20)  # a note has ended this far below its peak
SHARE_RINGING_ON = 0.4  # of the notes: still sounding when the next one starts
LONGEST_RING = 4.0  # seconds
TAIL = 0.4  # seconds of recording after the last note is stopped
LINGERING = {"harmonic": 1.6, "dead_note": 0.7, "general_note": 1.0}  # players wait for a harmonic


@dataclass(frozen=True, eq=False)
class ModelledNote:
    """A rendered note and what a table would say about it; times in seconds from the waveform's start."""

    waveform: np.ndarray  # float32, peak at most 1
    label: str
    style: str
    pitch_midi: int  # -1 for dead notes
    onset_sec: float
    offset_sec: float


def draw_note(
    guitar: Guitar, label: str, rng: Generator, *, sample_rate: int = 44100, duration: float = 1.0
) -> ModelledNote:
    """Return one note of a guitar, as a snippet cut from a recording.

    Parameters
    ----------
    guitar : Guitar
        From `draw_guitar`.
    label : str
        harmonic, dead_note or general_note.
    rng : numpy.random.Generator
        Equal generators give equal notes; no two draws from one generator are alike.
    sample_rate : int, default=44100
        In Hz, 8000 or more. The note is the same at every rate, the noise in it only in kind.
    duration : float, default=1.0
        Length of the snippet in seconds, 0.1 or more.

    Returns
    -------
    note : ModelledNote
        Onset at 0 to 10 ms; the sound may start up to 200 ms after it, as in real tables.

    Raises
    ------
    ParameterError
        If the label is unknown, the rate too low or the snippet too short.
    """
    if label not in LABELS:
        raise ParameterError(f"`label` must be one of {LABELS}. Got {label!r}. Use one of these names.")
    check_rate_and_duration(sample_rate, duration)
    noise_rng = np.random.default_rng(rng.integers(2**63))
    studio = guitar.studio
    pluck = draw_pluck(guitar, label, rng)
    onset = rng.uniform(0, LATEST_ONSET)
    start = onset + rng.uniform(0, studio.max_late_sec)
    n_samples, n_before = round(duration * sample_rate), round(start * sample_rate)
    sound = render_pluck(pluck, n_samples - n_before, sample_rate=sample_rate, rng=rng, noise_rng=noise_rng)
    clean = np.concatenate([np.zeros(n_before), record(sound, guitar, sample_rate=sample_rate)])
    floor = noise_floor(studio, n_samples, sample_rate=sample_rate, rng=rng, noise_rng=noise_rng)
    if studio.silent_preroll:
        floor[: max(0, round((start - 0.005) * sample_rate))] = 0.0
    waveform, stop = _cut(clean, floor, draw_cut(studio, label, rng), start, sample_rate)
    offset = min(died_at(clean, sample_rate=sample_rate), stop)
    waveform *= studio.peak * rng.uniform(0.6, 1.0) / np.abs(waveform).max()
    return ModelledNote(
        waveform=waveform.astype(np.float32),
        label=label,
        style=pluck.style,
        pitch_midi=pluck.pitch_midi,
        onset_sec=float(onset),
        offset_sec=float(np.clip(offset, start + FRAME, duration)),
    )


class PlayedNote(NamedTuple):
    """A note of a take; times in seconds from the start of the file."""

    pluck: Pluck
    sound: np.ndarray
    start: float
    stop: float
    next_start: float
    onset_sec: float  # as the table has it


def render_take(
    guitar: Guitar,
    labels: Sequence[str],
    seeds: Sequence[SeedSequence],
    *,
    sample_rate: int,
    rng: Generator,
    exact_onsets: bool = False,
) -> tuple[np.ndarray, list[tuple[Pluck, float, float]]]:
    """Return the recording of a take, float32 with a peak of at most 1, and (pluck, onset, offset) of each note.

    Onsets and offsets are seconds from the start of the file; a note's offset is where it has died or was stopped.
    Onsets are up to 0.2 s early, as in real tables, unless ``exact_onsets`` asks for where the sound starts.
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
        onset = note.start if exact_onsets else note.onset_sec
        notes.append((note.pluck, onset, note.start + died_at(sound, sample_rate=sample_rate)))
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


def render_pluck(pluck: Pluck, n_samples: int, *, sample_rate: int, rng: Generator, noise_rng: Generator) -> np.ndarray:
    """Return the string and the noises of its attack, peak 1, shape (n_samples,), float64.

    The ramp of the attack comes from ``rng``, the noise from ``noise_rng``.
    """
    find_caches()
    from guitarclf.data.synth.modal import sum_modes  # numba loads only now

    waveform = sum_modes(
        pluck.frequencies,
        pluck.amplitudes,
        pluck.phases,
        pluck.losses.rates,
        pluck.losses.segment_ends,
        pluck.pitch_ratio,
        n_samples=n_samples,
        sample_rate=sample_rate,
    )
    waveform *= pluck.string_level / (np.abs(waveform).max() + 1e-9)
    add_bursts(waveform, pluck.bursts, sample_rate=sample_rate, noise_rng=noise_rng)
    n_attack = min(n_samples, 1 + round(rng.uniform(0, 0.006) * sample_rate))
    waveform[:n_attack] *= np.linspace(0, 1, n_attack)
    return waveform / (np.abs(waveform).max() + 1e-9)


def _cut(
    clean: np.ndarray, floor: np.ndarray, cut: tuple[float, float, bool] | None, start: float, sample_rate: int
) -> tuple[np.ndarray, float]:
    """Return a note over its noise floor, cut as `draw_cut` says, and the second of the cut; infinity for none."""
    if cut is None:
        return clean + floor, np.inf
    length, fade, gates = cut
    last = min(round((start + length) * sample_rate), len(clean))
    n_fade = min(last, round(fade * sample_rate))
    sound = clean.copy() if gates else clean + floor
    sound[last - n_fade : last] *= np.linspace(1, 0, n_fade)
    sound[last:] = 0.0
    return sound + floor if gates else sound, start + length


def died_at(waveform: np.ndarray, *, sample_rate: int) -> float:
    """Return the second at which a noiseless note falls 40 dB below its loudest 10 ms and stays there for 60 ms.

    A squeak or knock later on does not bring it back to life.
    """
    frame_length = round(FRAME * sample_rate)
    n_frames = max(1, len(waveform) // frame_length)
    frames = waveform[: n_frames * frame_length].reshape(n_frames, -1)
    level = np.sqrt(np.mean(frames**2, axis=1))
    quiet = np.append(level < DIED * level.max(), np.ones(N_QUIET_FRAMES, dtype=bool))
    quiet[: level.argmax()] = False
    stays_quiet = np.convolve(quiet, np.ones(N_QUIET_FRAMES), mode="valid") == N_QUIET_FRAMES
    return float(np.flatnonzero(stays_quiet)[0] * FRAME)


def check_rate_and_duration(sample_rate: float, duration: float) -> None:
    """Raise ParameterError unless strings can be rendered at this rate and length."""
    if sample_rate != int(sample_rate) or sample_rate < LOWEST_SAMPLE_RATE:
        raise ParameterError(
            f"`sample_rate` must be a whole number of Hz, {LOWEST_SAMPLE_RATE} or more. Got {sample_rate!r}. "
            "Use 22050 or 44100."
        )
    if not duration >= SHORTEST_DURATION:
        raise ParameterError(
            f"`duration` must be at least {SHORTEST_DURATION} s. Got {duration!r}. "
            "Use 1.0 for the window models are trained on."
        )
