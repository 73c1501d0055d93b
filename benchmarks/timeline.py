"""What is heard live against what is heard of a file, and what a long recording costs.

    python benchmarks/timeline.py live [--peak DBFS] RECORDING...
    python benchmarks/timeline.py cost [--minutes 120]

`guitarclf annotate RECORDINGS --score TABLE` scores a timeline, `benchmarks/onsets.py` onsets alone; docs/timeline.md
has what was seen.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import material
import numpy as np
import soundfile as sf
import soxr
from measure import Row, machine
from memory import anonymous_bytes
from mir_eval.util import match_events

from guitarclf.audio.recordings import open_recording
from guitarclf.bundle.engines import load_model
from guitarclf.timeline.stream import Listener

LIVE_TOLERANCE = 0.02  # seconds between an event that is found live and the same one of the file


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@click.argument("recordings", nargs=-1, required=True, type=click.Path(exists=True))
@click.option("--model", default="pretrained", show_default=True)
@click.option("--peak", type=float, metavar="DBFS", help="Peak that each stream is brought to; else as it is.")
def live(recordings, model, peak) -> None:
    """Compare the events of recordings with those found as their samples come, a tenth of a second at a time."""
    listener, counts = Listener(load_model(model)), np.zeros(4, dtype=int)
    for path in recordings:
        of_file = list(listener.events_of(path))
        with open_recording(path) as recording:
            sound = recording.read(dtype="float32", always_2d=True)
            if peak is not None:
                sound *= np.float32(10 ** (peak / 20) / np.abs(sound).max())
            streamed = list(listener.events_in([sound], recording.samplerate))
        times = [np.array([event.onset for event in events]) for events in (of_file, streamed)]
        pairs = match_events(*times, LIVE_TOLERANCE)
        n_equal = sum(of_file[i].label == streamed[j].label for i, j in pairs)
        counts += (len(of_file), len(streamed), len(pairs), n_equal)
    n_file, n_live, n_pairs, n_equal = counts.tolist()
    click.echo(f"{n_file} events of files, {n_live} live")
    within = 2 * n_pairs / (n_file + n_live)
    click.echo(Row("events that both have within 20 ms (F1)", within, ">= 0.98", f"{n_pairs} pairs"))
    click.echo(Row("of these, equal labels", n_equal / n_pairs, ">= 0.98", f"{n_equal} pairs"))


@main.command()
@click.option("--minutes", default=120, show_default=True, help="Of the long recording.")
@click.option("--repeats", default=3, show_default=True)
def cost(minutes, repeats) -> None:
    """Measure the memory of a long recording, and the time of 30 minutes against decoding and resampling alone."""
    short, long = (peak_bytes(material.long(length)) for length in (1, minutes))
    figures = f"{long / 1e6:.0f} MB / {short / 1e6:.0f} MB"
    click.echo(
        Row(f"MB more of anonymous memory for {minutes} minutes than for one", (long - short) / 1e6, "<= 20", figures)
    )
    path, listener = material.long(30), Listener(load_model())
    next(listener.events_of(str(material.long(1))))  # what only the first call does
    seconds = [
        (cpu_seconds(lambda: sum(1 for _ in listener.events_of(str(path)))), cpu_seconds(lambda: decode(path)))
        for _ in range(repeats)
    ]
    ours, bare = np.median(seconds, axis=0)
    click.echo(
        Row(
            "30 minutes: events / decoding and resampling alone",
            ours / bare,
            "<= 20",
            f"{ours:.2f} s / {bare:.2f} s of processor time",
        )
    )
    click.echo(f"{machine()['cpu']}, {os.cpu_count()} cores")


def peak_bytes(path: Path) -> int:
    """Return the most anonymous memory that `guitarclf annotate` takes for a recording."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "guitarclf", "-q", "annotate", str(path), "--output-dir", folder]
        process, peak = subprocess.Popen(command), 0
        while process.poll() is None:
            peak = max(peak, anonymous_bytes(process.pid))
            time.sleep(0.01)
    if process.returncode:
        raise SystemExit(process.returncode)
    return peak


def cpu_seconds(function) -> float:
    """Return the processor time of a call, of all threads: what else runs on the machine hardly changes it."""
    start = time.process_time()
    function()
    return time.process_time() - start


def decode(path: Path) -> None:
    """Decode and resample a recording to the rate of the model, and do nothing with it."""
    with sf.SoundFile(path) as file:
        stream = soxr.ResampleStream(file.samplerate, 22050, 1, "float32")
        for block in file.blocks(10 * file.samplerate, dtype="float32"):
            stream.resample_chunk(block)


if __name__ == "__main__":
    main()
