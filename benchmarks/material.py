"""The data that the benchmarks run on, made on the spot and kept below runs/benchmarks/data.

    python benchmarks/material.py

Snippets: 1,000 modelled notes of a second at 44.1 kHz, a file each. Tracks: recordings of a minute with 50 notes
each, 20 of them. Dense: a few such recordings with as many events as asked for, their onsets milliseconds apart.
"""

import csv
import shutil
from pathlib import Path

import numpy as np
import soundfile as sf

from guitarclf.data.synth import write_snippets, write_tracks
from guitarclf.labels import LABELS

ROOT = Path("runs/benchmarks/data")
N_EVENTS, N_GUITARS, EVENTS_PER_TRACK, TRACK_SEC = 1000, 20, 50, 60.0
N_DENSE_FILES = 10


def snippets() -> Path:
    """Return the folder of the snippets; its table is metadata.csv."""
    return made("snippets", lambda folder: write_snippets(folder, N_EVENTS, n_guitars=N_GUITARS, seed=1))


def tracks() -> Path:
    """Return the folder of the tracks."""
    return made("tracks", _write_tracks)


def dense(n_events: int) -> Path:
    """Return the folder of a table of many events in few files."""
    return made(f"dense_{n_events}", lambda folder: _write_dense(folder, n_events))


def made(name: str, write) -> Path:
    """Return a folder below ROOT, written unless a whole one is there."""
    folder = ROOT / name
    if not (folder / "metadata.csv").exists():
        shutil.rmtree(folder, ignore_errors=True)
        write(folder)
    return folder


def _write_tracks(folder: Path) -> None:
    write_tracks(folder, N_EVENTS, n_guitars=N_GUITARS, events_per_recording=EVENTS_PER_TRACK, seed=2)
    for path in sorted((folder / "audio").rglob("*.wav")):
        audio, rate = sf.read(path, dtype="int16")
        rest = max(0, round(TRACK_SEC * rate) - len(audio))
        sf.write(path, np.pad(audio, (0, rest)), rate, subtype="PCM_16")


def _write_dense(folder: Path, n_events: int) -> None:
    (folder / "audio").mkdir(parents=True)
    sources = sorted((tracks() / "audio").rglob("*.wav"))[:N_DENSE_FILES]
    for number, source in enumerate(sources):
        audio, rate = sf.read(source, dtype="int16")
        sounding = np.trim_zeros(audio, "b")  # over and over, so that sound lies under every onset
        sf.write(folder / "audio" / f"{number}.wav", np.resize(sounding, len(audio)), rate, subtype="PCM_16")
    per_file = -(-n_events // len(sources))
    step = (TRACK_SEC - 2) / per_file
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["note_id", "audio_path", "onset_sec", "offset_sec", "pitch_midi", "expression_style", "label_category"]
        )
        for row in range(n_events):
            onset = round(step * (row // len(sources)), 5)
            name, label = row % len(sources), LABELS[row % len(LABELS)]
            writer.writerow([f"n{row}", f"audio/{name}.wav", onset, round(onset + 0.5, 5), -1, "NO", label])


if __name__ == "__main__":
    for folder in (snippets(), tracks()):
        print(folder)
