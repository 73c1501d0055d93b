"""Ten epochs of training, whole processes: the plain program, this package, and the floor, in turn.

    python benchmarks/training.py [--repeats 3] [--plain-epochs 2]

The plain program does the same work in every epoch, so it is run for a few epochs and scaled: its time is that of
its start (an epoch less than measured) plus ten times the time of an epoch. DataLoader workers 0 and 2 are tried
once, and the better one counts. Outside the model's steps is what is left of a run's time without ten times the
floor's steps and validation: imports, audio, features, the loop, callbacks, saving, the figures at the end.
"""

import argparse
import datetime
import json
import shutil
import statistics
from functools import partial
from itertools import pairwise
from pathlib import Path

import material
import pandas as pd
from measure import Row, empty_cache, row, run, timed

EPOCHS = 10
RUN = Path("runs/benchmarks/run")
STEADY_FROM = 3  # epoch


def ours(folder: Path) -> None:
    """Train ten epochs with an empty feature cache."""
    shutil.rmtree(RUN, ignore_errors=True)
    cache = empty_cache()
    data = ("--metadata-path", folder / "metadata.csv", "--audio-root", folder, "--output-dir", RUN)
    settings = ("--set", f"net.max_epochs={EPOCHS}", "--set", "training.patience=0")
    run("-m", "guitarclf", "-q", "train", *data, *settings, **cache)
    shutil.rmtree(cache["GUITARCLF_CACHE"])


def plain(folder: Path, epochs: int, workers: int) -> float:
    """Return the seconds of ten epochs of the plain program, scaled from a few."""
    one = timed(lambda: run("benchmarks/plain.py", "train", folder, "--epochs", 1, "--workers", workers))
    if epochs == 1:
        return one * EPOCHS
    more = timed(lambda: run("benchmarks/plain.py", "train", folder, "--epochs", epochs, "--workers", workers))
    per_epoch = (more - one) / (epochs - 1)
    return one + (EPOCHS - 1) * per_epoch


def floor() -> tuple[float, float]:
    """Return the seconds of the floor for an epoch of the last run: of its steps, and of its validation."""
    sides = pd.read_csv(RUN / "splits.csv")["split"].value_counts()
    rows = ("--rows", sides["train"], "--valid-rows", sides.get("val", 0))
    return tuple(json.loads(run("benchmarks/floor.py", *rows)))


def epoch_seconds() -> float:
    """Return the median time from one epoch's line in the log to the next: callbacks and saving included."""
    lines = [line for line in (RUN / "run.log").read_text(encoding="utf-8").splitlines() if " INFO epoch " in line]
    times = [datetime.datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f") for line in lines]
    gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
    return statistics.median(gaps[STEADY_FROM - 2 :])


def better_workers(folder: Path) -> int:
    """Return the number of DataLoader workers with which the plain program is faster."""
    one_epoch = ("benchmarks/plain.py", "train", folder, "--epochs", 1, "--workers")
    return min((0, 2), key=lambda workers: timed(lambda: run(*one_epoch, workers)))


def measure(repeats: int = 3, plain_epochs: int = 2) -> list[Row]:
    """Return the rows of both kinds of data."""
    rows = []
    for name, folder, reach in (("snippets", material.snippets(), ">= 2.5"), ("tracks", material.tracks(), ">= 15")):
        workers = better_workers(folder)
        times = {"plain": [], "ours": [], "steps": [], "epoch": [], "bare epoch": []}
        for _ in range(repeats):
            times["plain"].append(plain(folder, plain_epochs, workers))
            times["ours"].append(timed(partial(ours, folder)))
            steps, validation = floor()
            times["steps"].append(EPOCHS * steps)
            times["epoch"].append(epoch_seconds())
            times["bare epoch"].append(steps + validation)
        what = f"train 10 epochs, {name}, whole process: plain / ours"
        rows.append(row(what, reach, (f"plain ({workers} workers)", times["plain"]), ("ours", times["ours"])))
    # The last kind is the tracks.
    models = [EPOCHS * bare for bare in times["bare epoch"]]
    around = [whole - bare for whole, bare in zip(times["ours"], models, strict=True)]
    what = "of that run, seconds outside the model's steps / floor"
    rows.append(row(what, "<= 0.35", ("outside", around), ("floor", times["steps"])))
    what = "steady epoch, validation and callbacks included: ours / floor"
    rows.append(row(what, "<= 1.1", ("ours", times["epoch"]), ("floor", times["bare epoch"])))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plain-epochs", type=int, default=2)
    arguments = parser.parse_args()
    print(*measure(arguments.repeats, arguments.plain_epochs), sep="\n")
