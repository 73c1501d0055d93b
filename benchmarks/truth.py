"""How true modelled notes are: what can be measured of a note, for real ones and modelled ones, by class and style.

    python benchmarks/truth.py metadata.csv audio_root --notes 1500 --seed 3

Prints a Markdown table with a row for each class or style of either: median and, in brackets, 10th and 90th percentile.
What the modelled notes do not cover, no net learns from them; a median need not agree, since guitars differ.
"""

import click
import numpy as np
import pandas as pd
from scipy.signal import find_peaks

from guitarclf.audio.recordings import load_segment
from guitarclf.data.events import read_events
from guitarclf.data.synth import render_notes

SAMPLE_RATE = 22050
FRAME = 0.005  # seconds over which the level is measured
SPECTRUM = slice(round(0.04 * SAMPLE_RATE), round(0.3 * SAMPLE_RATE))  # after the attack
N_FFT = 16384
STRONG_DB = -25.0  # peaks of the spectrum that high below the highest are counted
LOW_HZ, NODE_HZ = 500.0, (1500.0, 4500.0)


def describe(waveform):
    """Return what is measured of a note of one second, as a dict; `waveform` starts at its onset."""
    n_frame = round(FRAME * SAMPLE_RATE)
    frames = waveform[: len(waveform) // n_frame * n_frame].reshape(-1, n_frame)
    level = np.convolve(np.sqrt(np.mean(frames**2, axis=1)), [0.25, 0.5, 0.25], mode="same")
    level_db = 20 * np.log10(level / level.max() + 1e-9)
    start = int(level_db.argmax())
    power = np.abs(np.fft.rfft(np.hanning(SPECTRUM.stop - SPECTRUM.start) * waveform[SPECTRUM], N_FFT)) ** 2 + 1e-20
    frequencies = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    power[frequencies < 30] = 1e-20
    spectrum_db = 10 * np.log10(power / power.max())
    peaks, _ = find_peaks(spectrum_db, height=STRONG_DB, prominence=8, distance=round(20 * N_FFT / SAMPLE_RATE))
    low, node = frequencies < LOW_HZ, (frequencies >= NODE_HZ[0]) & (frequencies < NODE_HZ[1])
    return {
        "T20, s": (np.flatnonzero(level_db > -20)[-1] - start) * FRAME,
        "T30, s": (np.flatnonzero(level_db > -30)[-1] - start) * FRAME,
        "centroid, Hz": np.sum(frequencies * power) / power.sum(),
        "below 500 Hz, dB": 10 * np.log10(power[low].sum() / power.sum()),
        "1.5-4.5 kHz, dB": 10 * np.log10(power[node].sum() / power.sum()),
        "strong partials": len(peaks),
    }


def real_notes(table, audio_root):
    """Return a table of what is measured of each note of a table, with its class, style and track."""
    events = read_events(table, audio_root=audio_root)
    rows = [
        describe(load_segment(event.audio_path, event.onset_sec, 1.0, sample_rate=SAMPLE_RATE))
        for event in events.itertuples()
    ]
    return with_names(rows, events)


def modelled_notes(n_notes, seed):
    """Return the same of modelled notes, ten a guitar."""
    waveforms, events = render_notes(n_notes, n_guitars=max(1, n_notes // 10), seed=seed, sample_rate=SAMPLE_RATE)
    return with_names([describe(waveform) for waveform in waveforms], events)


def with_names(rows, events):
    """Return the rows as a table with the columns that tell the notes apart."""
    names = events[["track", "label_category", "expression_style", "pitch_midi"]].reset_index(drop=True)
    return pd.concat([names, pd.DataFrame(rows)], axis=1)


def to_markdown(groups):
    """Return a row for each (name, notes)."""
    columns = list(groups[0][1].columns[4:])
    lines = ["| notes | n | 0.3 s and more | " + " | ".join(columns) + " |", "|---" * (3 + len(columns)) + "|"]
    for name, notes in groups:
        cells = []
        for column in columns:
            low, middle, high = notes[column].quantile([0.1, 0.5, 0.9])
            digits = 2 if abs(middle) < 3 else 0
            cells.append(f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})")
        lines.append(f"| {name} | {len(notes)} | {(notes['T30, s'] >= 0.3).mean():.2f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


@click.command()
@click.argument("table")
@click.argument("audio_root")
@click.option("--notes", "n_notes", default=1500, show_default=True, help="Modelled notes to measure.")
@click.option("--seed", default=3, show_default=True)
def main(table, audio_root, n_notes, seed):
    """Measure the notes of a table and modelled ones, and print a row for each class and style."""
    groups = []
    for origin, notes in (("real", real_notes(table, audio_root)), ("modelled", modelled_notes(n_notes, seed))):
        groups += [(f"{origin} {label}", part) for label, part in notes.groupby("label_category")]
        styles = notes[notes["expression_style"].isin(["PM", "ST", "NO"])]
        groups += [(f"{origin} {style}", part) for style, part in styles.groupby("expression_style")]
    click.echo(to_markdown(sorted(groups, key=lambda group: group[0].split()[::-1])))


if __name__ == "__main__":
    main()
