"""Features of one-second events: a plain librosa loop against this package, on sound made on the spot.

    python benchmarks/features.py [--events 200] [--repeats 3]

Prints the median ratio of interleaved runs; absolute times depend on the machine.
"""

import argparse
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import librosa
import numpy as np

from guitarclf import Config, build_pipeline, read_events
from guitarclf.data.synth import write_snippets, write_tracks


def plain(events):
    """Load the whole file for each event, cut, mel, dB: what a notebook would do."""
    features = []
    for path, onset in zip(events["audio_path"], events["onset_sec"], strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            audio, rate = librosa.load(path, sr=22050)
        start = round(onset * rate)
        window = librosa.util.fix_length(audio[start : start + rate], size=rate)
        window = window / (np.abs(window).max() or 1)
        mel = librosa.feature.melspectrogram(y=window, sr=rate, n_fft=1024, hop_length=256, n_mels=64)
        features.append(librosa.power_to_db(mel, top_db=None))
    return np.stack(features)


def ours(events):
    """The window and logmel steps of the default pipeline."""
    return build_pipeline(Config())[:-1].transform(events)


def seconds(function, events) -> float:
    """Return how long one pass over the events takes."""
    start = time.perf_counter()
    function(events)
    return time.perf_counter() - start


def main():
    """Write both kinds of input, warm up, run in turn, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("snippets", write_snippets), ("tracks", write_tracks)):
            root = Path(folder) / name
            write(root, arguments.events, n_guitars=4, seed=1)
            events = read_events(root / "metadata.csv", audio_root=root)
            seconds(plain, events[:5])
            seconds(ours, events)
            pairs = [(seconds(plain, events), seconds(ours, events)) for _ in range(arguments.repeats)]
            ratio = statistics.median(a / b for a, b in pairs)
            a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
            print(f"{name:9} {len(events)} events: plain {a:6.2f} s   ours {b:6.2f} s   plain / ours {ratio:.1f}")


if __name__ == "__main__":
    main()
