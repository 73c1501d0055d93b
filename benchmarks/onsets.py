"""Precision, recall and F of the onsets that are found, against those of any table, and how fast they are found.

    python benchmarks/onsets.py metadata.csv audio_root [--tolerance 0.05] [--librosa]

An onset is found if one lies within 50 ms of it, each being the other's only partner, as mir_eval counts. Hits are
pooled over the recordings, by kind of file. `python benchmarks/phrases.py` makes phrases of single notes; tables of
IDMT-SMT-GUITAR come from `guitarclf import idmt`. `--librosa` adds librosa's `onset_detect` with its defaults.
"""

import time
from collections import defaultdict

import click
import numpy as np

from guitarclf.audio.onset_times import onsets_of
from guitarclf.audio.recordings import load_segment, open_recording
from guitarclf.data.events import read_events


def n_hits(found: np.ndarray, true: np.ndarray, tolerance: float) -> int:
    """Return how many of two rising lists of onsets have a partner: the largest matching, which is greedy here."""
    hits = place = 0
    for onset in true:
        while place < len(found) and found[place] < onset - tolerance:
            place += 1
        if place < len(found) and found[place] <= onset + tolerance:
            hits, place = hits + 1, place + 1
    return hits


def by_superflux(path: str) -> np.ndarray:
    """Return the onsets of a recording in seconds."""
    with open_recording(path) as recording:
        return np.array([onset.time for onset in onsets_of(recording)])


def by_librosa(path: str) -> np.ndarray:
    """Return the onsets of a recording that librosa finds."""
    import librosa

    with open_recording(path) as recording:
        duration = recording.frames / recording.samplerate
    sound = load_segment(path, 0, duration, sample_rate=22050)
    return librosa.onset.onset_detect(y=sound, sr=22050, units="time")


@click.command(help=__doc__)
@click.argument("table", type=click.Path(exists=True))
@click.argument("audio_root", type=click.Path(exists=True))
@click.option("--tolerance", default=0.05, show_default=True, help="Seconds.")
@click.option("--librosa", is_flag=True, help="Score librosa too.")
def main(table, audio_root, tolerance, librosa) -> None:
    methods = {"superflux": by_superflux} | ({"librosa": by_librosa} if librosa else {})
    click.echo(f"{'method':10} {'kind':8} {'files':>5} {'onsets':>6} {'P':>6} {'R':>6} {'F':>6} {'s of sound / s':>14}")
    events = read_events(table, audio_root=audio_root)
    for name, method in methods.items():
        counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(6))
        for path, notes in events.groupby("audio_path"):
            with open_recording(path) as recording:
                kind, duration = recording.format, recording.frames / recording.samplerate
            start, true = time.perf_counter(), np.unique(notes["onset_sec"])
            found = method(path)
            spent = time.perf_counter() - start
            hits = n_hits(found, true, tolerance)
            counts[kind] += [1, len(true), len(found), hits, duration, spent]
        for kind, (files, n_true, n_found, hits, duration, spent) in counts.items():
            precision, recall = hits / max(1, n_found), hits / n_true
            scores = f"{precision:6.3f} {recall:6.3f} {2 * hits / (n_found + n_true):6.3f}"
            click.echo(f"{name:10} {kind:8} {files:5.0f} {n_true:6.0f} {scores} {duration / spent:14.0f}")


if __name__ == "__main__":
    main()
