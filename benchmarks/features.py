"""Features of one-second events without a cache: a plain librosa loop in one process against this package.

python benchmarks/features.py [--repeats 3]
"""

import argparse
from functools import partial
from pathlib import Path

import material
import numpy as np
from measure import Row, interleaved, row
from plain import Notes

from guitarclf import build_pipeline, load_config, read_events


def ours(folder: Path) -> np.ndarray:
    """Return the features of the default pipeline's window and logmel steps."""
    events = read_events(folder / "metadata.csv", audio_root=folder)
    return np.asarray(build_pipeline(load_config(overrides={"data.cache": None}))[:-1].transform(events))


def plain(folder: Path) -> np.ndarray:
    """Return the features of the plain program's Dataset."""
    notes = Notes(folder)
    return np.stack([notes[index][0].numpy() for index in range(len(notes))])


def measure(repeats: int = 3) -> list[Row]:
    """Return the rows of both kinds of data."""
    rows = []
    for name, folder, reach in (("snippets", material.snippets(), ">= 6"), ("tracks", material.tracks(), ">= 45")):
        times = interleaved({"plain": partial(plain, folder), "ours": partial(ours, folder)}, repeats)
        rows.append(row(f"features, no cache, {name}: plain / ours", reach, *times.items()))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    print(*measure(parser.parse_args().repeats), sep="\n")
