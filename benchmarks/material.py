"""The data that the benchmarks run on, made on the spot and kept below runs/benchmarks/data.

    python benchmarks/material.py [snippets] [tracks] [minutes] [other_minutes] [chords] [other_chords]

Snippets: 1,000 modelled notes of a second at 44.1 kHz, a file each. Tracks: recordings of a minute with 50 notes
each, 20 of them. Dense: a few such recordings with as many events as asked for, their onsets milliseconds apart.
Minutes: takes of 25 notes with exact onsets, 1,500 notes of 60 guitars, of which 8 % are harmonics and 12 % dead notes.
Chords: 160 strums of two to six strings, a row a string. The other minutes and chords are of other guitars, to choose
parameters on. Long: one recording of so many minutes, the minutes over and over.
"""

import csv
import shutil
import sys
from pathlib import Path

import numpy as np
import soundfile as sf

from guitarclf.data.synth import draw_guitar, write_snippets, write_tracks
from guitarclf.data.synth.guitar import log_uniform
from guitarclf.data.synth.notes import render_pluck
from guitarclf.data.synth.studio import noise_floor, record
from guitarclf.data.synth.techniques import draw_pluck
from guitarclf.labels import LABELS

ROOT = Path("runs/benchmarks/data")
N_EVENTS, N_GUITARS, EVENTS_PER_TRACK, TRACK_SEC = 1000, 20, 50, 60.0
N_DENSE_FILES = 10
PLAYED = {"harmonic": 0.08, "dead_note": 0.12, "general_note": 0.8}  # shares of the classes in minutes
CHORDS_PER_TRACK, RATE = 20, 44100
COLUMNS = ["note_id", "audio_path", "onset_sec", "offset_sec", "pitch_midi", "expression_style", "label_category"]


def snippets() -> Path:
    """Return the folder of the snippets; its table is metadata.csv."""
    return made("snippets", lambda folder: write_snippets(folder, N_EVENTS, n_guitars=N_GUITARS, seed=1))


def tracks() -> Path:
    """Return the folder of the tracks."""
    return made("tracks", _write_tracks)


def dense(n_events: int) -> Path:
    """Return the folder of a table of many events in few files."""
    return made(f"dense_{n_events}", lambda folder: _write_dense(folder, n_events))


def minutes() -> Path:
    """Return the folder of the modelled minutes that are scored."""
    return made("minutes", lambda folder: _write_minutes(folder, 1500, 60, seed=101))


def other_minutes() -> Path:
    """Return the folder of modelled minutes to choose parameters on."""
    return made("other_minutes", lambda folder: _write_minutes(folder, 1500, 60, seed=202))


def chords() -> Path:
    """Return the folder of the chords that are scored."""
    return made("chords", lambda folder: _write_chords(folder, 160, seed=7))


def other_chords() -> Path:
    """Return the folder of chords to choose parameters on."""
    return made("other_chords", lambda folder: _write_chords(folder, 800, seed=8))


def long(n_minutes: int) -> Path:
    """Return the path of one 16-bit recording of so many minutes, at 44.1 kHz."""
    return made(f"long_{n_minutes}", lambda folder: _write_long(folder, n_minutes)) / "long.wav"


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
        writer.writerow(COLUMNS)
        for row in range(n_events):
            onset = round(step * (row // len(sources)), 5)
            name, label = row % len(sources), LABELS[row % len(LABELS)]
            writer.writerow([f"n{row}", f"audio/{name}.wav", onset, round(onset + 0.5, 5), -1, "NO", label])


def _write_minutes(folder: Path, n_events: int, n_guitars: int, seed: int) -> None:
    write_tracks(folder, n_events, n_guitars=n_guitars, shares=PLAYED, seed=seed, exact_onsets=True)


def _write_long(folder: Path, n_minutes: int) -> None:
    takes = [sf.read(path, dtype="int16")[0] for path in sorted((minutes() / "audio").glob("*.wav"))]
    sounding = np.concatenate(takes)
    folder.mkdir(parents=True)
    with sf.SoundFile(folder / "long.wav", "w", RATE, 1, "PCM_16") as file:
        while (left := n_minutes * 60 * RATE - file.frames) > 0:
            file.write(sounding[:left])
    (folder / "metadata.csv").touch()  # the folder is whole


def _write_chords(folder: Path, n_chords: int, seed: int) -> None:
    (folder / "audio").mkdir(parents=True)
    rows = []
    for number in range(n_chords // CHORDS_PER_TRACK):
        rng = np.random.default_rng([seed, number])
        name = f"audio/strum_{number}.wav"
        waveform, strings = _strum(rng)
        sf.write(folder / name, waveform, RATE, subtype="PCM_16")
        rows += [[name, *string] for string in strings]
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, (name, onset, stop, pitch, style) in enumerate(rows):
            writer.writerow([f"s{number}", name, round(onset, 5), round(stop, 5), pitch, style, "general_note"])


def _strum(rng: np.random.Generator) -> tuple[np.ndarray, list[tuple]]:
    """Return a recording of strums, and (onset, stop, pitch, style) of each of their strings.

    The strings of a strum start 3 to 20 ms after each other, and ring until the next one.
    """
    guitar, start, strings, sounds = draw_guitar(rng), 0.3, [], []
    for _ in range(CHORDS_PER_TRACK):
        gap, step, level = log_uniform(rng, 0.3, 1.5), log_uniform(rng, 0.003, 0.02), 10 ** (rng.uniform(-14, 0) / 20)
        plucks = {}
        for _ in range(rng.integers(2, 7)):
            pluck = draw_pluck(guitar, "general_note", rng)
            plucks[pluck.pitch_midi] = pluck
        for place, (pitch, pluck) in enumerate(sorted(plucks.items())):
            onset, stop = start + place * step, start + gap
            sound = render_pluck(pluck, round((stop + 0.2 - onset) * RATE), sample_rate=RATE, rng=rng, noise_rng=rng)
            after_stop = np.arange(len(sound)) / RATE - (stop - onset)
            sounds.append((onset, level * rng.uniform(0.4, 1) * sound * np.exp(-100 * np.maximum(after_stop, 0))))
            strings.append((onset, stop, pitch, pluck.style))
        start += gap
    mix = np.zeros(round((start + 0.5) * RATE))
    for onset, sound in sounds:
        first = round(onset * RATE)
        mix[first : first + len(sound)] += sound
    mix = record(mix / np.abs(mix).max(), guitar, sample_rate=RATE)
    mix += noise_floor(guitar.studio, len(mix), sample_rate=RATE, rng=rng, noise_rng=rng)
    return (mix * guitar.studio.peak / np.abs(mix).max()).astype(np.float32), strings


NAMED = {make.__name__: make for make in (snippets, tracks, minutes, other_minutes, chords, other_chords)}

if __name__ == "__main__":
    for name in sys.argv[1:] or ("snippets", "tracks"):
        print(NAMED[name]())
