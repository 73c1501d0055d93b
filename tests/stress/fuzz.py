"""Feed mutated files to everything that reads one: ``tests/stress/fuzz.py --cases 20000`` (``make fuzz N=20000``).

Every case is drawn from the seed and its number, so that ``--first NUMBER --cases 1`` plays one again. A case is
sound if it is read, or refused with one of our errors; it fails with any other exception, a warning, more than
10 s, or a peak of memory 1 GiB above the start. Valid files are mutated, half of the bundles with their
checksums computed anew, so that mutations get past them. Parquet is read in a process of its own, whose crash is a
failure. ``--commands`` runs some through real commands.
"""

import argparse
import contextlib
import faulthandler
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

from fuzz_child import MAX_GROWTH, Child, outcome, peak_memory
from fuzz_mutations import mutated
from fuzz_targets import read_bundle, targets

from guitarclf.errors import GuitarclfError

HANG_SEC = 10.0


def raise_hang(number, frame):
    raise TimeoutError(f"it took more than {HANG_SEC} s")


class Fuzzer:
    """Runs cases in a folder of its own, and counts what became of them."""

    def __init__(self, folder, seed: int = 0, only: str | None = None):
        self.folder, self.seed, self.only = Path(folder), seed, only
        self.targets = targets()
        self.child = Child(hang_sec=HANG_SEC)
        self.counts: Counter = Counter()
        self.failures: list[str] = []
        (self.folder / "good.wav").write_bytes(self.targets["sound"].files["pcm.wav"])

    def draw(self, number: int, *, for_command=False):
        """Return the case of a number: (target's name, target, mutated file, random generator)."""
        rng = random.Random(f"{self.seed} {number}")
        names = [name for name, target in self.targets.items() if target.command or not for_command]
        name = self.only or rng.choice(names)
        target = self.targets[name]
        file_name = rng.choice(list(target.files))
        # Named as a path on the command line might be.
        path = self.folder / file_name
        path.write_bytes(mutated(target.files[file_name], target.words, rng))
        return name, target, path, rng

    def run(self, number: int) -> None:
        """Play one case, in another process if its reader could end this one."""
        name, target, path, rng = self.draw(number)
        if target.in_child:
            what, details = self.child.ask(name, path, rng.random())
        else:
            what, details = self._read_here(target, path, rng)
        if what == "FAILED":
            self.fail(number, name, path, details)
        else:
            self.counts[name, what] += 1

    def _read_here(self, target, path, rng) -> tuple[str, str]:
        signal.signal(signal.SIGALRM, raise_hang)
        signal.setitimer(signal.ITIMER_REAL, HANG_SEC)
        try:
            return outcome(target.read, path, rng, MAX_GROWTH)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def close(self) -> None:
        """End the process beside this one."""
        self.child.close()

    def run_command(self, number: int) -> None:
        """Play one case through a real command."""
        name, target, path, rng = self.draw(number, for_command=True)
        if name == "bundle":
            with contextlib.suppress(GuitarclfError):
                read_bundle(path, rng)
        command = [sys.executable, "-m", "guitarclf", *target.command(path)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=20 * HANG_SEC, cwd=self.folder, check=False
            )
        except subprocess.TimeoutExpired:
            self.fail(number, name, path, "the command hung")
            return
        self.counts[name, f"exit code {done.returncode}"] += 1
        told = done.returncode == 0 or done.stderr.strip().splitlines()[-1:] != []
        if done.returncode not in (0, 1) or "Traceback" in done.stderr or not told:
            self.fail(number, name, path, f"exit code {done.returncode}\n{done.stderr}")

    def fail(self, number, name, path, what) -> None:
        self.counts[name, "FAILED"] += 1
        self.failures.append(f"case {number} of seed {self.seed}, {name} {path.name}: {what}")

    def report(self) -> str:
        """Return the counts by target in lines."""
        names = sorted({name for name, _ in self.counts})
        lines = []
        for name in names:
            own = {what: count for (target, what), count in sorted(self.counts.items()) if target == name}
            lines.append(f"{name:12} " + ", ".join(f"{what} {count}" for what, count in own.items()))
        return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=list(targets()), help="one target, such as parquet")
    parser.add_argument("--commands", type=int, default=0, help="cases through real commands, after the others")
    settings = parser.parse_args()
    warnings.simplefilter("error")
    faulthandler.enable()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        fuzzer = Fuzzer(folder, settings.seed, settings.only)
        for run, n_cases in ((fuzzer.run, settings.cases), (fuzzer.run_command, settings.commands)):
            for number in range(settings.first, settings.first + n_cases):
                faulthandler.dump_traceback_later(30 * HANG_SEC, exit=True)  # a hang that no signal ends
                run(number)
        faulthandler.cancel_dump_traceback_later()
        fuzzer.close()
        print(fuzzer.report())
        print("\n\n".join(fuzzer.failures[:50]))
        print(
            f"{settings.cases} cases and {settings.commands} commands, {len(fuzzer.failures)} failures, "
            f"{time.monotonic() - started:.0f} s, peak memory {peak_memory() / 2**20:.0f} MiB"
        )
    sys.exit(1 if fuzzer.failures else 0)


if __name__ == "__main__":
    main()
