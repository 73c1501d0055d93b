"""Kill a training run at random moments, resume it, and compare: ``tests/stress/kills.py --kills 50`` (``make kills``).

A real ``guitarclf train`` is killed with SIGKILL after a random time, its modules loaded or not, and started again
with ``--resume``, some runs several times over; when it comes to its end its checkpoints, weights and history
must be those of a run that nobody disturbed, byte for byte (durations apart).
"""

import argparse
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from notes import write_note_table
from small import SMALL_NET

# All that has a state; small, so that a run is mostly what may be interrupted: steps, callbacks and writes.
SETTINGS = SMALL_NET | {
    "training.weight_average": 0.9,
    "training.lr_patience": 1,
    "training.patience": 0,
    "net.mixup": 0.3,
    "net.lr": 1e-2,
}
TOO_LONG = 600.0  # seconds for a run of this size, on a busy machine


class Victim:
    """A small table, a command that trains on it, and what an undisturbed run of it wrote."""

    def __init__(self, folder, *, max_epochs: int):
        self.folder = Path(folder)
        self.table = write_note_table(self.folder / "notes")
        self.max_epochs = max_epochs
        self.settings = SETTINGS | {"net.max_epochs": max_epochs}
        self.whole = self.folder / "whole"
        started = time.monotonic()
        process = self.start(self.whole)
        self.seconds_to_begin = self._seconds_until(self.whole / "history.csv", process, started)
        if process.wait(TOO_LONG):
            raise RuntimeError(f"the undisturbed run ended with {process.returncode}; see {self.folder / 'stderr'}")
        self.seconds = time.monotonic() - started
        self.expected = outcome(self.whole)

    def _seconds_until(self, path, process, started) -> float:
        while not path.exists() and process.poll() is None:
            time.sleep(0.01)
        return time.monotonic() - started

    def start(self, run: Path, *more: str) -> subprocess.Popen:
        """Start a run in the background."""
        data = ("--metadata-path", self.table.path, "--audio-root", self.table.audio_root, "--output-dir", run)
        settings = [part for key, value in self.settings.items() for part in ("--set", f"{key}={value}")]
        command = [sys.executable, "-m", "guitarclf", "train", *map(str, data), *settings, *more]
        with open(self.folder / "stderr", "ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})

    def wait_for_a_random_moment(self, rng: random.Random, run: Path, process: subprocess.Popen) -> None:
        """Wait into the start of a run, into some epoch, or into the writing of what comes after the last."""
        if rng.random() < 0.1:
            time.sleep(rng.uniform(0, self.seconds_to_begin))
            return
        done = n_epochs(run)
        wanted = rng.randint(min(done + 1, self.max_epochs), min(done + 8, self.max_epochs))
        while n_epochs(run) < wanted and process.poll() is None:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 1.2 * (self.seconds - self.seconds_to_begin) / self.max_epochs))

    def kill_and_compare(self, rng: random.Random, n_kills: int, run: Path) -> tuple[int, list[str]]:
        """Return (how many kills hit, what differs) of a run killed up to ``n_kills`` times and then left to end."""
        n_hit = 0
        for _ in range(n_kills):
            process = self.start(run, "--resume")
            self.wait_for_a_random_moment(rng, run, process)
            process.send_signal(signal.SIGKILL)
            n_hit += process.wait() == -signal.SIGKILL
        code = self.start(run, "--resume").wait(TOO_LONG)
        if code:
            return n_hit, [f"exit code {code}; see {self.folder / 'stderr'}"]
        found = outcome(run)
        differing = [name for name in self.expected.keys() | found.keys() if self.expected.get(name) != found.get(name)]
        left_over = [path.name for path in run.rglob("*.unfinished")]
        return n_hit, sorted(differing) + left_over


def n_epochs(run: Path) -> int:
    """Return how many epochs the history of a run has."""
    try:
        return max(0, (run / "history.csv").read_bytes().count(b"\n") - 1)
    except FileNotFoundError:
        return 0


def outcome(run: Path) -> dict[str, object]:
    """Return what must be equal: checkpoints, best model, weights byte for byte, and the history without times."""
    files = [*(run / "checkpoints").iterdir(), run / "best_model.pt", run / "model" / "weights.safetensors"]
    found: dict[str, object] = {path.name: path.read_bytes() for path in files}
    with (run / "history.csv").open(newline="") as file:
        found["history"] = [{name: cell for name, cell in row.items() if name != "dur"} for row in csv.DictReader(file)]
    found["files"] = sorted(path.name for path in run.iterdir())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args()
    rng = random.Random(settings.seed)
    n_hit = n_runs = n_equal = 0
    with tempfile.TemporaryDirectory() as folder:
        victim = Victim(folder, max_epochs=settings.epochs)
        print(
            f"undisturbed: {victim.seconds:.1f} s, of which {victim.seconds_to_begin:.1f} to the first epoch",
            flush=True,
        )
        while n_hit < settings.kills:
            run = Path(folder) / "run"
            hit, differing = victim.kill_and_compare(rng, min(rng.choice([1, 2, 3, 5]), settings.kills - n_hit), run)
            n_hit, n_runs, n_equal = n_hit + hit, n_runs + (hit > 0), n_equal + (hit > 0 and not differing)
            print(
                f"{n_hit} kills in {n_runs} runs: {'differing: ' + ', '.join(differing) if differing else 'equal'}",
                flush=True,
            )
            shutil.rmtree(run, ignore_errors=True)
    print(
        f"{n_hit} kills, {n_equal} of {n_runs} runs equal to the undisturbed one bit for bit (numpy {np.__version__})"
    )
    sys.exit(n_equal != n_runs)


if __name__ == "__main__":
    main()
