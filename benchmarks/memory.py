"""Peak anonymous memory of `train` on a table of 100,000 events against one of 10,000 (Linux).

    python benchmarks/memory.py [--small 10000] [--large 100000]

The tables have few recordings with onsets milliseconds apart. Memory-mapped files are not counted: the system
takes their pages back when it needs them. A small net, one epoch.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time

import material
from measure import Row, empty_cache
from reuse import SMALL_NET

SETTINGS = SMALL_NET | {"net.max_epochs": 1, "net.batch_size": 256, "training.valid_size": 0.2}


def peak_bytes(n_events: int) -> int:
    """Return the most anonymous memory a training on so many events holds."""
    folder, output = material.dense(n_events), material.ROOT / "memory_run"
    shutil.rmtree(output, ignore_errors=True)
    cache = empty_cache()
    data = ("--metadata-path", folder / "metadata.csv", "--audio-root", folder, "--output-dir", output)
    settings = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "guitarclf", "-q", "train", *map(str, data), *settings]
    process = subprocess.Popen(command, env={**os.environ, **cache}, stderr=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        peak = max(peak, anonymous_bytes(process.pid))
        time.sleep(0.02)
    shutil.rmtree(cache["GUITARCLF_CACHE"])
    if process.returncode:
        raise SystemExit(process.stderr.read())
    return peak


def anonymous_bytes(pid: int) -> int:
    """Return the anonymous memory of a process now; 0 if it has just ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            lines = [line for line in file if line.startswith("RssAnon")]
    except OSError:
        return 0
    return int(lines[0].split()[1]) * 1024 if lines else 0


def measure(small: int = 10_000, large: int = 100_000) -> list[Row]:
    """Return the row."""
    below, above = peak_bytes(small), peak_bytes(large)
    figures = f"{above / 1e6:.0f} MB / {below / 1e6:.0f} MB"
    return [Row(f"peak anonymous memory of train: {large} / {small} events", above / below, "<= 1.3", figures)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=100_000)
    arguments = parser.parse_args()
    print(*measure(arguments.small, arguments.large), sep="\n")
