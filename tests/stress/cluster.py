"""Kill workers and clients of a search on a cluster: ``tests/stress/cluster.py --kills 20`` (``make cluster-kills``).

A real ``guitarclf search`` works on two workers of a Dask scheduler. At a random moment a worker is killed with SIGKILL
and another is started, or the search itself is killed, and resumed. Its table, but for times, and the weights of its
best must be those of a search in one process. (Searches begin as forks of a process that has loaded what they load, or
most of the time would go into that.) Workers note each fit that they begin: none whose result had reached the
journal may be begun again, and no more than one for each worker that was killed, or that the killed search had.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd
from dask_cluster import DaskCluster
from notes import write_note_table
from small import SMALL_NET

N_WORKERS = 2
N_SPLITS, RATES = 2, [1e-2, 3e-3, 1e-3, 1e-5]
SETTINGS = SMALL_NET | {
    "net.max_epochs": 2,
    "search.n_splits": N_SPLITS,
    "search.params": json.dumps({"net.lr": RATES}),
}
FITS = [(number, fold) for number in range(len(RATES)) for fold in range(N_SPLITS)]  # in the order of the journal
LOADED = ["distributed", "guitarclf.cli.search", "guitarclf.experiment.search", "guitarclf.cluster"]
TOO_LONG = 600.0  # seconds for a search of this size, on a busy machine


def command(arguments: list[str], log: str) -> None:
    """Run a command of the command line in this process, and end it; what it prints goes to a file."""
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    from guitarclf.cli import main

    main(arguments, prog_name="guitarclf")


class Searches:
    """A small table, two workers that count their fits, and what a search in one process found."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.log = self.folder / "fits.log"
        self.table = write_note_table(self.folder / "notes")
        self.whole = self.folder / "whole"
        self.require_end(self.start(self.whole, "--n-jobs", "1"))
        self.expected = outcome(self.whole)
        (self.folder / "dask").mkdir()
        self.dask = DaskCluster(self.folder / "dask")
        self.workers = [self.add_worker() for _ in range(N_WORKERS)]
        self.sec = self.undisturbed_seconds()

    def add_worker(self) -> subprocess.Popen:
        preload = Path(__file__).parent / "count_fits.py"
        env = {"FITS_LOG": str(self.log), "OMP_NUM_THREADS": "1"}
        return self.dask.worker("--preload", str(preload), env=env)

    def start(self, run: Path, *more: str):
        """Start a search in a process of its own."""
        data = ("--metadata-path", self.table.path, "--audio-root", self.table.audio_root, "--output-dir", run)
        settings = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
        arguments = ["search", *map(str, data), *settings, *more]
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(LOADED)
        process = context.Process(target=command, args=(arguments, str(self.folder / "stderr")))
        process.start()
        return process

    def start_on_cluster(self, run: Path, *more: str):
        return self.start(run, "--cluster", str(self.dask.file), *more)

    def require_end(self, process) -> None:
        process.join(TOO_LONG)
        if process.exitcode != 0:
            raise RuntimeError(
                f"a search ended with {process.exitcode}: {(self.folder / 'stderr').read_text()[-2000:]}"
            )

    def undisturbed_seconds(self) -> float:
        """Return how long the fits of a search on the cluster take, having seen that it is as in one process."""
        run, began = self.folder / "undisturbed", 0.0
        process = self.start_on_cluster(run)
        while process.is_alive() and len(kept(run)) < len(FITS):
            began = began or (time.monotonic() if self.n_begun() else 0.0)
            time.sleep(0.005)
        seconds = time.monotonic() - began
        self.require_end(process)
        if outcome(run) != self.expected:
            raise RuntimeError("an undisturbed search on a cluster differs from one in one process")
        return seconds

    def n_begun(self) -> int:
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def begun(self) -> Counter:
        """Return how often each fit was begun since the log is there."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return Counter((int(number), int(fold)) for number, fold in map(str.split, lines))

    def wait_for_a_random_moment(self, rng: random.Random, run: Path, process) -> None:
        """Wait until some fits are kept, and then for a part of a fit."""
        wanted = rng.randrange(len(FITS))
        while len(kept(run)) < wanted and process.is_alive():
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 2 * self.sec / len(FITS)))

    def kill_a_worker(self, rng: random.Random, run: Path) -> list[str]:
        """Return what is wrong with a search of which a worker is killed at a random moment."""
        self.log.unlink(missing_ok=True)
        process = self.start_on_cluster(run)
        while not self.n_begun() and process.is_alive():
            time.sleep(0.002)
        self.wait_for_a_random_moment(rng, run, process)
        before, begun = kept(run), self.begun()
        victim = self.workers.pop(rng.randrange(N_WORKERS))
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self.workers.append(self.add_worker())
        self.require_end(process)
        return self.complaints(run, before, begun, may_be_lost=1)

    def kill_the_client(self, rng: random.Random, run: Path) -> list[str]:
        """Return what is wrong with a search that is killed at a random moment, and resumed."""
        self.log.unlink(missing_ok=True)
        process = self.start_on_cluster(run)
        self.wait_for_a_random_moment(rng, run, process)
        process.kill()
        process.join()
        before, begun = kept(run), self.begun()
        self.require_end(self.start_on_cluster(run, "--resume"))
        return self.complaints(run, before, begun, may_be_lost=N_WORKERS)

    def complaints(self, run: Path, before: set, begun: Counter, may_be_lost: int) -> list[str]:
        """Return in what a search differs from the one in one process, and which fits were made once too often."""
        now = self.begun()
        again = sorted(fit for fit in before if now[fit] > begun[fit])
        n_lost = now.total() - len(FITS)
        complaints = [f"{name} differs" for name, found in outcome(run).items() if found != self.expected[name]]
        complaints += [f"fitted again: {again}"] if again else []
        complaints += [f"{n_lost} fits lost"] if not 0 <= n_lost <= may_be_lost else []
        return complaints

    def close(self) -> None:
        self.dask.__exit__()


def kept(run: Path) -> set[tuple[int, int]]:
    """Return the fits whose scores are in the journal of a search."""
    try:
        lines = (
            (run / "finished_fits.jsonl").read_bytes().split(b"\n")[1:-1]
        )  # the first is the key, the last cut short
    except FileNotFoundError:
        return set()
    return {FITS[json.loads(line)["first"]] for line in lines}


def outcome(run: Path) -> dict[str, object]:
    """Return what must be equal: the table without times, the weights of the best."""
    table = pd.read_csv(run / "search_results.csv", dtype=str).drop(columns="mean_fit_sec")
    return {"table": table.to_csv(), "weights": (run / "best" / "model" / "weights.safetensors").read_bytes()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of a worker, and of the client")
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args()
    rng, n_wrong = random.Random(settings.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GUITARCLF_CACHE"] = str(Path(folder, "cache"))
        searches = Searches(folder)
        print(f"{len(FITS)} fits on {N_WORKERS} workers, undisturbed: {searches.sec:.1f} s", flush=True)
        try:
            for number in range(1, settings.kills + 1):
                for kill in (searches.kill_a_worker, searches.kill_the_client):
                    complaints = kill(rng, run := Path(folder, "run"))
                    n_wrong += bool(complaints)
                    told = "; ".join(complaints) or f"equal, {searches.begun().total()} fits begun"
                    print(f"{kill.__name__} {number}: {told}", flush=True)
                    shutil.rmtree(run)
        finally:
            searches.close()
    print(f"{settings.kills} workers and {settings.kills} clients killed: {n_wrong} searches wrong")
    sys.exit(n_wrong > 0)


if __name__ == "__main__":
    main()
