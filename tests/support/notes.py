"""Sound made on the spot, and small tables of notes."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile as sf

from guitarclf.data.events import EVENT_COLUMNS, read_events

RATE = 22050
STYLE_OF = {"harmonic": "HA", "dead_note": "DN", "general_note": "NO"}


def decaying_sine(frequency, duration=1.0, *, sample_rate=RATE, amplitude=0.5, decay=0.4, onset=0.0) -> np.ndarray:
    """Return a sine that starts at `onset` (s) and falls to 1/e in `decay` (s), float32."""
    time = np.arange(round(duration * sample_rate)) / sample_rate - onset
    envelope = np.where(time >= 0, np.exp(-np.maximum(time, 0) / decay), 0)
    return (amplitude * envelope * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def noise_click(rng, duration=1.0, *, sample_rate=RATE, amplitude=0.5, decay=0.01) -> np.ndarray:
    """Return a burst of noise that falls to 1/e in `decay` (s), float32."""
    time = np.arange(round(duration * sample_rate)) / sample_rate
    return (amplitude * np.exp(-time / decay) * rng.uniform(-1, 1, len(time))).astype(np.float32)


def partial_series(frequency, duration=1.0, *, n_partials=8, amplitude=0.5, decay=0.4, **settings) -> np.ndarray:
    """Return decaying partials of a fundamental, the n-th 1/n as loud and dying sooner, float32."""
    return np.sum(
        [
            decaying_sine(n * frequency, duration, amplitude=amplitude / n, decay=decay / n**0.5, **settings)
            for n in range(1, n_partials + 1)
        ],
        axis=0,
        dtype=np.float32,
    )


@dataclass(frozen=True)
class NoteTable:
    """A small data set on disk: `path` the CSV, `audio_root` its folder of WAVs, `events` as read."""

    path: Path
    audio_root: Path
    events: pd.DataFrame


def render_note(label, midi, duration, amplitude, rng) -> np.ndarray:
    """Return one note of a class: a high sine, a click, or a series of partials."""
    if label == "dead_note":
        return noise_click(rng, duration, amplitude=amplitude)
    frequency = 440 * 2 ** ((midi - 69) / 12)
    if label == "harmonic":
        return decaying_sine(4 * frequency, duration, amplitude=amplitude)
    return partial_series(frequency, duration, amplitude=amplitude)


def write_note_table(folder, *, n_notes=30, n_tracks=6, seed=0, extra=None) -> NoteTable:
    """Write notes in turn over the tracks, one WAV each; every track has all three classes.

    `extra` maps more columns to a function of the row's number and its dict.
    """
    rng = np.random.default_rng(seed)
    folder = Path(folder)
    (folder / "audio").mkdir(parents=True)
    rows = []
    for index in range(n_notes):
        label = list(STYLE_OF)[(index // n_tracks + index) % 3]
        midi, duration = int(rng.integers(45, 65)), round(float(rng.uniform(0.6, 1.0)), 3)
        name = f"note{index:03d}.wav"
        waveform = render_note(label, midi, duration, float(rng.uniform(0.1, 0.6)), rng)
        sf.write(folder / "audio" / name, waveform, RATE)
        cells = (f"n{index:03d}", name, 0.0, duration, midi, STYLE_OF[label], label)
        row = dict(zip(EVENT_COLUMNS, cells, strict=True)) | {"track": f"track{index % n_tracks}"}
        rows.append(row | {column: make(index, row) for column, make in (extra or {}).items()})
    write_rows(folder / "events.csv", rows)
    events = read_events(folder / "events.csv", audio_root=folder / "audio")
    return NoteTable(folder / "events.csv", folder / "audio", events)


def write_rows(path, rows) -> Path:
    """Write dicts as CSV, the columns in the order of the first."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return Path(path)
