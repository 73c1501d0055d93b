"""What a cluster costs on one machine: ``benchmarks/cluster.py [--repeats 3]``.

A search of tiny fits with --n-jobs 2 and with --cluster local:2, in turn. Of each the time from the first fit that is
begun to the last that is kept is compared, so that what it takes to start two processes, and to load torch in them, is
told apart. Ratios are those of runs that follow each other; the median is printed, with the lowest and the highest.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from guitarclf.data.synth import write_snippets

SETTINGS = {
    "net.module.conv_channels": "[8,16]",
    "net.module.pools": "[[4,4],[4,2]]",
    "net.module.rnn_hidden_size": 16,
    "net.module.head_hidden_size": 16,
    "net.max_epochs": 3,
    "logmel.n_mels": 32,
    "data.num_workers": 1,
    "search.n_splits": 3,
    "search.params": json.dumps({"net.lr": [1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6]}),
}
N_FITS = 24
WHERE = {"--n-jobs 2": ["--n-jobs", "2"], "--cluster local:2": ["--cluster", "local:2"]}


def times_of(folder: Path, run: str, where: list[str]) -> tuple[float, float]:
    """Return (seconds until the second fit of a search is kept, seconds from there to the last)."""
    data = ["--metadata-path", folder / "notes" / "metadata.csv", "--output-dir", folder / run]
    data += ["--set", f"data.cache={folder / 'cache'}"]
    settings = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "guitarclf", "-q", "search", *map(str, data), *settings, *where]
    journal, began, first = folder / run / "finished_fits.jsonl", time.monotonic(), 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            n_kept = journal.read_bytes().count(b"\n") - 1 if journal.exists() else 0
            if n_kept >= 2 and not first:
                first = time.monotonic()
            if n_kept == N_FITS:
                last = time.monotonic()
                process.wait()
                return first - began, last - first
            time.sleep(0.005)
    raise RuntimeError(f"a search ended with {process.returncode} before its fits were kept")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--notes", type=int, default=200)
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_snippets(folder / "notes", settings.notes, n_guitars=20, seed=0)
        ratios, starts = [], {where: [] for where in WHERE}
        for number in range(settings.repeats):
            seconds = {}
            for place, where in enumerate(WHERE):
                start, seconds[where] = times_of(folder, f"{number}_{place}", WHERE[where])
                starts[where].append(start)
                print(
                    f"{where:18} {start:6.1f} s to the second fit, {seconds[where]:6.1f} s for the others", flush=True
                )
            ratios.append(seconds["--cluster local:2"] / seconds["--n-jobs 2"])
    told = ", ".join(f"{where} {median(found):.1f} s" for where, found in starts.items())
    print(f"{N_FITS} fits on {settings.notes} notes; to the second fit: {told}")
    print(f"the others: {median(ratios):.2f} times as long on the cluster ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
