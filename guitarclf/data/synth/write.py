"""Data sets of modelled notes: in memory, as snippets, and as full tracks; each with its events table."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile as sf
from joblib import Parallel, delayed
from numpy.random import Generator, SeedSequence

from guitarclf.data.events import EVENT_COLUMNS
from guitarclf.data.synth.guitar import Guitar, draw_guitar
from guitarclf.data.synth.layout import GuitarPlan, check_count, plan_guitars
from guitarclf.data.synth.notes import ModelledNote, check_rate_and_duration, draw_note, render_take
from guitarclf.data.synth.techniques import Pluck
from guitarclf.errors import ParameterError
from guitarclf.files.caches import find_caches

COLUMNS = (*EVENT_COLUMNS, "track")
TIME_DECIMALS = 5  # of the times in a table


def render_notes(
    n_events: int,
    *,
    n_guitars: int = 20,
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
    sample_rate: int = 22050,
    duration: float = 1.0,
    n_jobs: int = 1,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return modelled notes in memory, for training.

    Parameters
    ----------
    n_events, n_guitars : int
        Notes in all, and the guitars they are spread over.
    shares : mapping of label to share, optional
        Relative shares of the classes; None: 0.28 harmonic, 0.22 dead_note, 0.50 general_note.
    seed : int, default=0
        The result depends on the arguments and the seed alone, not on `n_jobs`.
    sample_rate : int, default=22050
        In Hz, 8000 or more.
    duration : float, default=1.0
        Length of each note's window in seconds.
    n_jobs : int, default=1
        Processes; -1 for one per core. Guitars are spread over them.

    Returns
    -------
    waveforms : ndarray of shape (n_events, n_samples), dtype=float32
        Peaks at most 1.
    events : DataFrame of n_events rows
        The columns of `COLUMNS`; `audio_path` is empty.

    Raises
    ------
    ParameterError
        If an argument breaks its rule.
    """
    check_rate_and_duration(sample_rate, duration)
    render = partial(_render_guitar, sample_rate=int(sample_rate), duration=float(duration))
    guitars = _each_guitar(render, n_events, n_guitars, shares, seed, n_jobs)
    waveforms = np.empty((n_events, round(duration * sample_rate)), dtype=np.float32)
    events: list[dict] = []
    for rows, guitar_waveforms in guitars:
        waveforms[len(events) : len(events) + len(rows)] = guitar_waveforms
        events += rows
    return waveforms, pd.DataFrame(events, columns=list(COLUMNS))


def write_snippets(
    folder: str | Path,
    n_events: int = 600,
    *,
    n_guitars: int = 20,
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
    sample_rate: int = 44100,
    duration: float = 1.0,
    n_jobs: int = 1,
    progress: Callable[[int], object] | None = None,
) -> pd.DataFrame:
    """Write one WAV per note and their table, and return the table.

    Parameters
    ----------
    folder : str or Path
        Gets ``audio/<track>/<note_id>.wav`` (16-bit, mono) and ``metadata.csv``. Files of the same names are
        overwritten.
    n_events, n_guitars, shares, seed, sample_rate, duration, n_jobs
        As for `render_notes`, with the same errors.
    progress : callable, optional
        Called with the number of notes done, after every guitar.

    Returns
    -------
    events : DataFrame of n_events rows
        What ``metadata.csv`` holds; `audio_path` is relative to `folder`.
    """
    check_rate_and_duration(sample_rate, duration)
    write = partial(_write_guitar_snippets, folder=Path(folder), sample_rate=int(sample_rate), duration=float(duration))
    return _write_table(folder, _each_guitar(write, n_events, n_guitars, shares, seed, n_jobs), progress)


def write_tracks(
    folder: str | Path,
    n_events: int = 600,
    *,
    n_guitars: int = 20,
    events_per_recording: int = 25,
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
    sample_rate: int = 44100,
    exact_onsets: bool = False,
    n_jobs: int = 1,
    progress: Callable[[int], object] | None = None,
) -> pd.DataFrame:
    """Write recordings of several notes each, some ringing on under the next, and return their table.

    Parameters
    ----------
    folder : str or Path
        Gets ``audio/<track>_take<k>.wav`` (16-bit, mono) and ``metadata.csv``. Files of the same names are
        overwritten.
    events_per_recording : int, default=25
        Notes in a take; the last take of a guitar may have fewer.
    exact_onsets : bool, default=False
        Whether onsets are where the sound starts. If not, they are up to 0.2 s before it, as in real tables.
    n_events, n_guitars, shares, seed, sample_rate, n_jobs
        As for `render_notes`, with the same errors.
    progress : callable, optional
        Called with the number of notes done, after every guitar.

    Returns
    -------
    events : DataFrame of n_events rows
        What ``metadata.csv`` holds; onsets and offsets are seconds from the start of the take.
    """
    check_rate_and_duration(sample_rate, 1.0)
    check_count("events_per_recording", events_per_recording, "Use 25, or 1 for a file per note.")
    write = partial(
        _write_guitar_takes,
        folder=Path(folder),
        sample_rate=int(sample_rate),
        n_of_take=int(events_per_recording),
        exact_onsets=exact_onsets,
    )
    return _write_table(folder, _each_guitar(write, n_events, n_guitars, shares, seed, n_jobs), progress)


def _each_guitar(
    work: Callable, n_events: int, n_guitars: int, shares: Mapping[str, float] | None, seed: int, n_jobs: int
) -> Iterator:
    """Return an iterator over what ``work`` makes of each guitar's plan, in their order, as it is ready."""
    plans = plan_guitars(n_events, n_guitars, shares, seed)
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, (int, np.integer)) or n_jobs == 0:
        raise ParameterError(
            f"`n_jobs` must be a whole number other than 0. Got {n_jobs!r}. Use 1, or -1 for all cores."
        )
    find_caches()  # for all jobs
    return Parallel(n_jobs=int(n_jobs), return_as="generator")(delayed(work)(plan) for plan in plans)


def _start_guitar(plan: GuitarPlan) -> tuple[Guitar, list[str], Generator, list[SeedSequence]]:
    """Return the guitar of a plan, its labels in playing order, a generator for its takes, and one seed per note."""
    guitar_seed, order_seed, take_seed, *note_seeds = plan.seed.spawn(3 + len(plan.labels))
    guitar = draw_guitar(np.random.default_rng(guitar_seed))
    order = np.random.default_rng(order_seed).permutation(len(plan.labels))
    labels = [plan.labels[index] for index in order]
    return guitar, labels, np.random.default_rng(take_seed), note_seeds


def _render_guitar(plan: GuitarPlan, sample_rate: int, duration: float) -> tuple[list[dict], np.ndarray]:
    guitar, labels, _, note_seeds = _start_guitar(plan)
    rows, waveforms = [], []
    for number, (label, seed) in enumerate(zip(labels, note_seeds, strict=True), start=1):
        rng = np.random.default_rng(seed)
        note = draw_note(guitar, label, rng, sample_rate=sample_rate, duration=duration)
        waveforms.append(note.waveform)
        rows.append(_row(plan.track, number, "", note, note.onset_sec, note.offset_sec))
    return rows, np.stack(waveforms)


def _write_guitar_snippets(plan: GuitarPlan, folder: Path, sample_rate: int, duration: float) -> list[dict]:
    (folder / "audio" / plan.track).mkdir(parents=True, exist_ok=True)
    rows, waveforms = _render_guitar(plan, sample_rate, duration)
    for row, waveform in zip(rows, waveforms, strict=True):
        row["audio_path"] = f"audio/{plan.track}/{row['note_id']}.wav"
        sf.write(folder / row["audio_path"], waveform, sample_rate, subtype="PCM_16")
    return rows


def _write_guitar_takes(
    plan: GuitarPlan, folder: Path, sample_rate: int, n_of_take: int, exact_onsets: bool
) -> list[dict]:
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    guitar, labels, rng, note_seeds = _start_guitar(plan)
    rows = []
    for first in range(0, len(labels), n_of_take):
        take = slice(first, first + n_of_take)
        audio_path = f"audio/{plan.track}_take{first // n_of_take + 1}.wav"
        waveform, notes = render_take(
            guitar, labels[take], note_seeds[take], sample_rate=sample_rate, rng=rng, exact_onsets=exact_onsets
        )
        sf.write(folder / audio_path, waveform, sample_rate, subtype="PCM_16")
        for number, (pluck, onset, offset) in enumerate(notes, start=first + 1):
            rows.append(_row(plan.track, number, audio_path, pluck, onset, offset))
    return rows


def _row(
    track: str, number: int, audio_path: str, note: ModelledNote | Pluck, onset: float, offset: float
) -> dict[str, object]:
    return {
        "note_id": f"{track}_{number:04d}",
        "audio_path": audio_path,
        "onset_sec": round(float(onset), TIME_DECIMALS),
        "offset_sec": round(float(offset), TIME_DECIMALS),
        "pitch_midi": int(note.pitch_midi),
        "expression_style": note.style,
        "label_category": note.label,
        "track": track,
    }


def _write_table(folder: str | Path, guitars: Iterator, progress: Callable[[int], object] | None) -> pd.DataFrame:
    """Return the events of all guitars, after their table is written too."""
    rows: list[dict] = []
    for rows_of_guitar in guitars:
        rows += rows_of_guitar
        if progress is not None:
            progress(len(rows))
    events = pd.DataFrame(rows, columns=list(COLUMNS))
    events.to_csv(Path(folder) / "metadata.csv", index=False, lineterminator="\n")
    return events
