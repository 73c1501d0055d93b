"""Predict thousands of times in one process and watch its memory: ``python tests/stress/soak.py --predictions 5000``.

What counts is anonymous memory (Linux; pages of mapped files come and go), after a warm-up of a tenth.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from notes import decaying_sine

from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.experiment.notes import events_of_paths
from guitarclf.experiment.predict import predict_events

MAX_GROWTH = 0.02


def anonymous_bytes() -> int:
    """Return the anonymous memory of this process in bytes."""
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) * 1024


def soak(folder, n_predictions: int) -> list[int]:
    """Predict one file at a time; return the memory after each twentieth of the predictions."""
    folder = Path(folder)
    paths = []
    for number in range(10):
        paths.append(folder / f"{number}.wav")
        soundfile.write(
            paths[-1], decaying_sine(110.0 * (number + 1), 1.0 + number / 5), 22050 if number % 2 else 44100
        )
    paths.append(folder / "bad.wav")
    paths[-1].write_bytes(b"no audio")
    pipeline = load_pipeline("pretrained")
    memory = []
    for number in range(n_predictions):
        table = pd.concat(predict_events(pipeline, events_of_paths([paths[number % len(paths)]])))
        if len(table) != 1:
            raise RuntimeError(f"prediction {number} gave {len(table)} rows")
        if (number + 1) % (n_predictions // 20) == 0:
            memory.append(anonymous_bytes())
    return memory


def growth(memory: list[int]) -> float:
    """Return by what share memory grew after the first tenth: the median of the last quarter over that of the first."""
    after = memory[2:]
    quarter = max(1, len(after) // 4)
    return float(np.median(after[-quarter:]) / np.median(after[:quarter]) - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", type=int, default=5000)
    settings = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        memory = soak(folder, settings.predictions)
    print("MiB after each twentieth: " + " ".join(f"{n_bytes / 2**20:.1f}" for n_bytes in memory))
    print(f"{settings.predictions} predictions, {time.monotonic() - started:.0f} s, growth {growth(memory):.2%}")
    sys.exit(growth(memory) > MAX_GROWTH)


if __name__ == "__main__":
    main()
