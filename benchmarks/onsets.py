"""Precision, recall and F of the onsets that are found, against those of any table, and how fast they are found.

    python benchmarks/onsets.py metadata.csv audio_root [--tolerance 0.05] [--librosa]

Onsets are matched and pooled over the recordings as `guitarclf.evaluation.timeline` does (extra `score`), by kind of
file. `python benchmarks/material.py minutes chords` makes modelled minutes and chords, `python benchmarks/phrases.py`
phrases of single notes; tables of IDMT-SMT-GUITAR come from `guitarclf import idmt`. `--librosa` adds librosa's
`onset_detect` with its defaults, and with superflux (Boeck and Widmer 2013) as librosa's example of it has it.
"""

import time
from pathlib import Path

import click
import numpy as np
import pandas as pd

from guitarclf.audio.onset_times import onsets_of
from guitarclf.audio.recordings import load_segment, open_recording
from guitarclf.data.events import read_events
from guitarclf.evaluation.timeline import score_timeline


def by_ours(path: str) -> np.ndarray:
    """Return the onsets of a recording in seconds."""
    with open_recording(path) as recording:
        return np.array([onset.time for onset in onsets_of(recording)])


def by_librosa(path: str) -> np.ndarray:
    """Return the onsets of a recording that librosa finds."""
    import librosa

    return librosa.onset.onset_detect(y=_sound(path, 22050), sr=22050, units="time")


def by_librosa_superflux(path: str) -> np.ndarray:
    """Return the onsets that librosa finds with the settings of its example of superflux."""
    import librosa

    rate, hop = 44100, 220
    mel = librosa.feature.melspectrogram(
        y=_sound(path, rate), sr=rate, n_fft=2048, hop_length=hop, fmin=27.5, fmax=16000, n_mels=138
    )
    envelope = librosa.onset.onset_strength(S=librosa.power_to_db(mel, ref=np.max), sr=rate, lag=2, max_size=3)
    return librosa.onset.onset_detect(onset_envelope=envelope, sr=rate, hop_length=hop, units="time")


def _sound(path: str, rate: int) -> np.ndarray:
    with open_recording(path) as recording:
        duration = recording.frames / recording.samplerate
    return load_segment(path, 0, duration, sample_rate=rate)


METHODS = {"ours": by_ours, "librosa": by_librosa, "librosa superflux": by_librosa_superflux}


@click.command(help=__doc__)
@click.argument("table", type=click.Path(exists=True))
@click.argument("audio_root", type=click.Path(exists=True))
@click.option("--tolerance", default=0.05, show_default=True, help="Seconds.")
@click.option("--librosa", is_flag=True, help="Score librosa too.")
def main(table, audio_root, tolerance, librosa) -> None:
    click.echo(f"{'method':18} {'kind':6} {'files':>5} {'true':>6} {'P':>6} {'R':>6} {'F':>6} {'s of sound / s':>14}")
    events = read_events(table, audio_root=audio_root)
    files = {}
    for path in events["audio_path"].unique():
        with open_recording(path) as recording:
            files[path] = Path(path).suffix[1:], recording.frames / recording.samplerate
    for name in METHODS if librosa else ["ours"]:
        for kind in sorted({kind for kind, _ in files.values()}):
            paths = [path for path in files if files[path][0] == kind]
            start, found = time.perf_counter(), []
            for path in paths:
                found += [(path, onset, "general_note") for onset in METHODS[name](path)]
            spent, duration = time.perf_counter() - start, sum(files[path][1] for path in paths)
            found = pd.DataFrame(found, columns=["audio_path", "onset_sec", "label_category"])
            score = score_timeline(events, found, tolerance=tolerance, recordings=paths).onsets
            figures = f"{score.n_true:6d} {score.precision:6.3f} {score.recall:6.3f} {score.f1:6.3f}"
            click.echo(f"{name:18} {kind:6} {len(paths):5d} {figures} {duration / spent:14.0f}")


if __name__ == "__main__":
    main()
