"""What the feature cache spares: a second run on a large table, and a search over settings of the net.

python benchmarks/reuse.py [--events 20000] [--repeats 1]
"""

import argparse
import os
import shutil
import time
from functools import partial

import material
from measure import Row, empty_cache, interleaved, row, run

from guitarclf import build_pipeline, load_config, read_events
from guitarclf.experiment.search import search
from guitarclf.features.logmel import LogMelSpectrogram

SMALL_NET = {
    "net.module.conv_channels": [8, 16],
    "net.module.pools": [[4, 4], [4, 2]],
    "net.module.rnn_hidden_size": 16,
}
# A training that ends at its first step, and prints the seconds since its imports were done.
FIRST_STEP = """
import sys, time
from guitarclf import load_config
from guitarclf.experiment.train import train
from guitarclf.training.net import NoteEventClassifier

class Reached(Exception):
    pass

def step(self, *args, **kwargs):
    raise Reached

NoteEventClassifier.train_step = step
folder, output = sys.argv[1:]
config = {"data.metadata_path": folder + "/metadata.csv", "data.audio_root": folder, "output_dir": output}
config["training.valid_size"] = 0.2
start = time.perf_counter()
try:
    train(load_config(overrides=config))
except Reached:
    print(time.perf_counter() - start)
"""


def to_first_step(folder, cache: dict) -> float:
    """Return the seconds from the end of the imports to the first training step."""
    output = material.ROOT / "first_step"
    shutil.rmtree(output, ignore_errors=True)
    return float(run("-c", FIRST_STEP, folder, output, **cache).split()[-1])


def second_run(n_events: int, repeats: int) -> Row:
    """Return the row of a second run on the same table."""
    folder = material.dense(n_events)
    cold, warm = [], []
    for _ in range(repeats):
        cache = empty_cache()
        cold.append(to_first_step(folder, cache))
        warm.append(to_first_step(folder, cache))
        shutil.rmtree(cache["GUITARCLF_CACHE"])
    return row(
        f"second run, {n_events} events, to the first step: warm / cold", "<= 0.1", ("warm", warm), ("cold", cold)
    )


class Stopwatch:
    """The seconds spent in the features of recordings, wherever a search asks for them."""

    def __init__(self):
        self.seconds, self.whole = 0.0, LogMelSpectrogram.transform

    def __enter__(self):
        def transform(logmel, X):
            start = time.perf_counter()
            features = self.whole(logmel, X)
            self.seconds += time.perf_counter() - start
            return features

        LogMelSpectrogram.transform = transform
        return self

    def __exit__(self, *exception):
        LogMelSpectrogram.transform = self.whole


def search_seconds(folder) -> float:
    """Return the seconds on features of a search and its best run: six nets, three folds, an empty cache."""
    os.environ.update(empty_cache())
    output = material.ROOT / "search"
    shutil.rmtree(output, ignore_errors=True)
    values = {
        "data.metadata_path": str(folder / "metadata.csv"),
        "data.audio_root": str(folder),
        "output_dir": str(output),
        "net.max_epochs": 1,
        "search.params": {"net.lr": [1e-3, 3e-3, 1e-2], "net.module.dropout": [0.0, 0.3]},
        "training.test_size": 0,
    }
    with Stopwatch() as watch:
        search(load_config(overrides=SMALL_NET | values))
    shutil.rmtree(os.environ.pop("GUITARCLF_CACHE"))
    return watch.seconds


def pass_seconds(events) -> float:
    """Return the seconds of one pass over the table without a cache."""
    with Stopwatch() as watch:
        build_pipeline(load_config(overrides={"data.cache": None}))[:-1].transform(events)
    return watch.seconds


def search_row(repeats: int) -> Row:
    """Return the row of a search."""
    folder = material.snippets()
    events = read_events(folder / "metadata.csv", audio_root=folder)
    functions = {"search": partial(search_seconds, folder), "one pass": partial(pass_seconds, events)}
    times = interleaved(functions, repeats)
    return row("search, 6 settings x 3 folds, features: search / one pass", "<= 1.1", *times.items())


def measure(repeats: int = 3, n_events: int = 20_000) -> list[Row]:
    """Return both rows; the large table is run once, however many repeats."""
    return [second_run(n_events, 1), search_row(repeats)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print(*measure(arguments.repeats, arguments.events), sep="\n")
