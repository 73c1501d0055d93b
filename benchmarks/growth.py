"""Time and memory against the number of events, log-log, and every slope above 1.1 by name.

    python benchmarks/growth.py [--from 1000] [--to 1000000] [--cold 10000] [--output docs/growth.png]

Each measurement has a process of its own, which makes its input before the clock starts; CPU seconds and the anonymous
memory that is added at the peak (Linux). Sizes go up by tens. What reads sound (features, and predictions of a table)
goes to ``--cold`` events, and what asks for the state of files to ten times as many; the others need no sound. Slopes
are those of a line through the figures that are not of the start alone; where one is above 1.1 all of that work is
measured twice more, and the medians count. The exit code is 1 if one is above 1.1 still. Work of which there are no two
such times is named too: nothing is said of it.
"""

import argparse
import gc
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from memory import anonymous_bytes

STEEP, LEAST_SEC, LEAST_MB = 1.1, 0.05, 20.0  # below these a figure is of the start, not of the work
EVENTS_PER_FILE, N_STORED_FILES, RATE = 20, 2000, 22050


def table_of(folder: Path, n_events: int, *, per_file: int = EVENTS_PER_FILE, step: float = 1.5) -> Path:
    """Write a table of files that are not there, and return its path."""
    from guitarclf.labels import LABELS

    path = folder / "metadata.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("note_id,audio_path,onset_sec,offset_sec,pitch_midi,expression_style,label_category\n")
        for row in range(n_events):
            onset = round(step * (row % per_file), 3)
            label = LABELS[row % len(LABELS)]
            file.write(f"n{row},audio/{row // per_file}.wav,{onset},{onset + 0.7},{40 + row % 40},NO,{label}\n")
    return path


def sound_of(folder: Path, n_files: int, seconds: float) -> None:
    """Write files of decaying noise, no two alike, as if an hour ago."""
    import soundfile as sf

    (folder / "audio").mkdir()
    rng, n_samples = np.random.default_rng(0), round(seconds * RATE)
    decay = 0.3 * np.exp(-np.arange(RATE) / 5000)
    for number in range(n_files):
        path = folder / "audio" / f"{number}.wav"
        with sf.SoundFile(path, "w", RATE, 1, subtype="PCM_16") as file:
            for first in range(0, n_samples, RATE):  # a second at once, as some are hours long
                file.write((rng.standard_normal(RATE) * decay)[: n_samples - first])
        os.utime(path, (time.time() - 3600,) * 2)


def read_table(folder: Path, n_events: int) -> Callable:
    from guitarclf import read_events

    path = table_of(folder, n_events)
    return lambda: read_events(path)


def read_parquet(folder: Path, n_events: int) -> Callable:
    import pandas as pd

    from guitarclf import read_events

    path = folder / "metadata.parquet"
    pd.read_csv(table_of(folder, n_events)).to_parquet(path)
    return lambda: read_events(path)


def validate_rules(folder: Path, n_events: int) -> Callable:
    """Give a table in which one of twenty onsets is no number, and tell so."""
    from guitarclf.data.events import check_events
    from guitarclf.data.rules import as_lines

    path = table_of(folder, n_events)
    path.write_text(path.read_text(encoding="utf-8").replace(",7.5,", ",x7.5,"), encoding="utf-8")
    return lambda: as_lines(check_events(path)[1])


def _split(folder: Path, n_events: int, per_track: int) -> Callable:
    from guitarclf import assign_splits, read_events

    events = read_events(table_of(folder, n_events))
    events["track"] = [f"t{row // per_track}" for row in range(n_events)]
    return lambda: assign_splits(events)


def split_20_notes_a_track(folder: Path, n_events: int) -> Callable:
    return _split(folder, n_events, 20)


def split_a_note_a_track(folder: Path, n_events: int) -> Callable:
    return _split(folder, n_events, 1)


def make_requests(folder: Path, n_events: int) -> Callable:
    from guitarclf import read_events
    from guitarclf.experiment.predict import notes_of_events

    events = read_events(table_of(folder, n_events))
    return lambda: notes_of_events(events)


def _look_up(folder: Path, n_events: int, *, is_there: bool) -> Callable:
    """Make the keys of requests and look them up in a store of as many files as 2,000 writes leave."""
    from guitarclf.audio.windows import Request
    from guitarclf.features.keys import FileStates
    from guitarclf.features.store import StoredRows

    files = [folder / f"{number}.wav" for number in range(100)]
    for file in files:
        file.touch()
        os.utime(file, (time.time() - 3600,) * 2)
    time.sleep(2.1)  # younger files have no key
    requests = [Request(str(files[row % 100]), row / 1000, False, row / 1000 + 0.5) for row in range(n_events)]
    keys = FileStates(lambda request: request.offset).keys(requests)
    stored = StoredRows(folder / "setting", (1,))
    stored.begin({})
    mixed = np.random.default_rng(0).permutation(n_events)
    for rows in np.array_split(mixed, min(N_STORED_FILES, n_events)):
        stored.append([(keys[rows], np.zeros((len(rows), 1), dtype=np.float32))])
    if not is_there:
        requests = [request._replace(onset=request.onset + 1e-4) for request in requests]

    def look_up():
        _, source, _ = stored.find(FileStates(lambda request: request.offset).keys(requests))
        if (source >= 0).all() != is_there:
            raise SystemExit("The look-up did not find what is there")

    return look_up


def look_up_found(folder: Path, n_events: int) -> Callable:
    return _look_up(folder, n_events, is_there=True)


def look_up_missing(folder: Path, n_events: int) -> Callable:
    return _look_up(folder, n_events, is_there=False)


def _digest(folder: Path, n_events: int, *, is_warm: bool) -> Callable:
    from guitarclf.files.digest import joint_digest

    (folder / "audio").mkdir()
    paths = [folder / "audio" / f"{number}.wav" for number in range(n_events)]
    for number, path in enumerate(paths):
        path.write_bytes(b"%d" % number * 500)
    time.sleep(2.1)  # the digests of younger files are not kept
    digest = joint_digest(paths, kept_in=folder / "digests.sqlite") if is_warm else None

    def run():
        found = joint_digest(paths, kept_in=folder / "digests.sqlite")
        if digest not in (None, found):
            raise SystemExit("The digest that is kept is another")

    return run


def digest_cold(folder: Path, n_events: int) -> Callable:
    return _digest(folder, n_events, is_warm=False)


def digest_warm(folder: Path, n_events: int) -> Callable:
    return _digest(folder, n_events, is_warm=True)


def _features(folder: Path, n_events: int, *, is_warm: bool) -> Callable:
    from guitarclf import build_pipeline, load_config, read_events

    sound_of(folder, -(-n_events // EVENTS_PER_FILE), 1.5 * EVENTS_PER_FILE)
    events = read_events(table_of(folder, n_events), audio_root=folder)
    time.sleep(2.1)  # features of younger files are not kept
    steps = build_pipeline(load_config(overrides={"data.cache": str(folder / "cache"), "data.num_workers": 1}))[:-1]
    if is_warm:
        steps.transform(events)
    return lambda: steps.transform(events)


def features_cold(folder: Path, n_events: int) -> Callable:
    return _features(folder, n_events, is_warm=False)


def features_warm(folder: Path, n_events: int) -> Callable:
    return _features(folder, n_events, is_warm=True)


def second_start(folder: Path, n_events: int) -> Callable:
    """Do what `train` does on a table of short files, a note each, from the start to the first step, once before."""
    from guitarclf import build_pipeline, load_config
    from guitarclf.data.events import write_events
    from guitarclf.experiment.tables import split_events
    from guitarclf.pipeline import features_to_train_on
    from guitarclf.runs.session import data_digest

    sound_of(folder, n_events, 0.05)
    small = {"window.target_duration": 0.1, "logmel.n_mels": 4, "logmel.hop_length": 2048, "logmel.n_fft": 2048}
    table = {"data.metadata_path": str(table_of(folder, n_events, per_file=1)), "data.cache": str(folder / "cache")}
    config = load_config(overrides=table | small | {"data.num_workers": 1})
    time.sleep(2.1)  # neither digests nor features of younger files are kept

    def start():
        events = split_events(config)
        data_digest(config, events)
        write_events(events, folder / "splits.csv", audio_root=config.data.audio_folder)
        features_to_train_on(build_pipeline(config), events, np.zeros(len(events), dtype=bool))

    start()
    return start


def predict_table(folder: Path, n_events: int) -> Callable:
    from guitarclf import OnnxModel, read_events
    from guitarclf.experiment.predict import notes_of_events, predict_notes

    sound_of(folder, -(-n_events // EVENTS_PER_FILE), 1.5 * EVENTS_PER_FILE)
    events, model = read_events(table_of(folder, n_events), audio_root=folder), OnnxModel("pretrained")
    return lambda: [None for _ in predict_notes(model, notes_of_events(events))]


def validate_table(folder: Path, n_events: int) -> Callable:
    """Check a table of one long recording and all of its sound."""
    from guitarclf.experiment.validate import validate

    sound_of(folder, 1, 0.3 * n_events + 1)
    table = table_of(folder, n_events, per_file=n_events, step=0.3)

    def run():
        if validate(table, folder).problems:
            raise SystemExit("There is nothing wrong with the table")

    return run


WITHOUT_SOUND = (
    *(read_table, read_parquet, validate_rules, split_20_notes_a_track, split_a_note_a_track),
    *(make_requests, look_up_found, look_up_missing),
)
OF_FILES = (digest_cold, digest_warm, second_start)
OF_SOUND = (features_cold, features_warm, predict_table, validate_table)
NAMED = {make.__name__: make for make in (*WITHOUT_SOUND, *OF_FILES, *OF_SOUND)}


def measured(make: Callable, n_events: int) -> tuple[float, float]:
    """Return CPU seconds and MB of anonymous memory added at the peak, of a piece of work in this process."""
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=shared) as name:
        make_small = Path(name) / "small"
        make_small.mkdir()
        make(make_small, 20)()  # imports, and what is made once
        folder = Path(name) / "whole"
        folder.mkdir()
        work, peak, is_done = make(folder, n_events), 0, threading.Event()
        gc.collect()
        before = anonymous_bytes(os.getpid())

        def watch():
            nonlocal peak
            while not is_done.wait(0.005):
                peak = max(peak, anonymous_bytes(os.getpid()))

        watcher = threading.Thread(target=watch)
        watcher.start()
        start = time.process_time()
        work()
        seconds = time.process_time() - start
        is_done.set()
        watcher.join()
    return seconds, max(0, peak - before) / 1e6


def in_own_process(name: str, n_events: int) -> tuple[float, float]:
    """Return what `measured` does, from a fresh process."""
    command = [sys.executable, __file__, "--one", name, str(n_events)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} of {n_events} events\n{done.stderr}")
    seconds, megabytes = map(float, done.stdout.split()[-2:])
    return seconds, megabytes


def slope(sizes: list[int], values: list[float], least: float) -> float:
    """Return the slope of a line through the values of ``least`` or more in a log-log plot; NaN if it has no two."""
    points = [(math.log(size), math.log(value)) for size, value in zip(sizes, values, strict=True) if value >= least]
    return statistics.linear_regression(*zip(*points, strict=True)).slope if len(points) > 1 else math.nan


def measured_at(name: str, sizes: list[int]) -> dict[int, tuple[float, float]]:
    """Return size -> what `measured` does."""
    return {size: in_own_process(name, size) for size in sizes}


def slopes_of(figures: dict[int, tuple[float, float]]) -> list[float]:
    """Return the slopes of time and of memory."""
    sizes, columns = list(figures), zip(*figures.values(), strict=True)
    return [slope(sizes, list(values), least) for values, least in zip(columns, (LEAST_SEC, LEAST_MB), strict=True)]


UNITS = ("CPU seconds", "MB of anonymous memory added; below 0.1 drawn at 0.1")
COLOURS = ("#0072b2", "#c44900", "#00805d", "#cc79a7", "#e69f00", "#56b4e9", "black")  # told apart by the colour-blind
MARKERS = "osv^D<>PX*hdpH"


def draw(figures: dict[str, dict[int, tuple[float, float]]], path: Path) -> None:
    """Draw time and memory against events, log-log."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(13, 6), layout="constrained")
    for place, (axis, unit) in enumerate(zip(axes, UNITS, strict=True)):
        for number, (name, of_size) in enumerate(figures.items()):
            sizes = list(of_size)
            values = [max(of_size[size][place], (0.001, 0.1)[place]) for size in sizes]
            colour, line = COLOURS[number % len(COLOURS)], "-" if number < len(COLOURS) else "--"
            marker = MARKERS[number % len(MARKERS)]
            axis.loglog(sizes, values, line, color=colour, marker=marker, markersize=5, label=name.replace("_", " "))
        first, last = min(map(min, figures.values())), max(map(max, figures.values()))
        low = (0.003, 1.0)[place]
        axis.loglog([first, last], [low, low * last / first], color="0.7", linewidth=4, alpha=0.5, label="slope 1")
        axis.set(xlabel="events", ylabel=unit)
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="first", type=int, default=1000)
    parser.add_argument("--to", dest="last", type=int, default=1_000_000)
    parser.add_argument("--cold", type=int, default=10_000, help="most events whose sound is read")
    parser.add_argument("--only", choices=list(NAMED), action="append", help="measure this, and what else is named")
    parser.add_argument("--output", type=Path, default=Path("docs/growth.png"))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(*measured(NAMED[given.one[0]], int(given.one[1])))
        return 0
    sizes = [given.first * 10**power for power in range(10) if given.first * 10**power <= given.last]
    figures: dict[str, dict[int, tuple[float, float]]] = {}
    steep, unjudged = [], []
    for name, make in NAMED.items():
        if given.only and name not in given.only:
            continue
        most = given.cold if make in OF_SOUND else 10 * given.cold if make in OF_FILES else given.last
        runs = [measured_at(name, [size for size in sizes if size <= most])]
        if any(value > STEEP for value in slopes_of(runs[0])):  # medians of three: one figure may be of another program
            runs += [measured_at(name, list(runs[0])) for _ in range(2)]
        own = figures[name] = {
            size: tuple(map(statistics.median, zip(*(run[size] for run in runs), strict=True))) for size in runs[0]
        }
        slopes = slopes_of(own)
        told = "  ".join(f"{size:>9,}: {seconds:.3f} s {mb:.0f} MB" for size, (seconds, mb) in own.items())
        print(f"{name:24}{told}  slopes {slopes[0]:.2f} {slopes[1]:.2f}", flush=True)
        steep += [
            f"{name}, {what}: {value:.2f}"
            for what, value in zip(("time", "memory"), slopes, strict=True)
            if value > STEEP
        ]
        unjudged += [name] if math.isnan(slopes[0]) else []
        draw(figures, given.output)
    print(f"not judged, with less than two figures of {LEAST_SEC} s: " + (", ".join(unjudged) or "none"))
    print("slopes above 1.1: " + ("; ".join(steep) or "none"))
    return 1 if steep else 0


if __name__ == "__main__":
    sys.exit(main())
