"""A process that reads files for the fuzzer, so that a crash of a reader in C++ is a finding and not the end.

It is asked with a line of JSON, a target's name, a path and a seed, and answers with one. Its parent sees when it
dies or hangs.
"""

import json
import os
import random
import select
import signal
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

from guitarclf.errors import GuitarclfError

MAX_GROWTH = 2**30  # bytes
MAX_LINES = 21  # of a message


class Child:
    """A process to ask; one that died is replaced at the next question."""

    def __init__(self, command=None, *, hang_sec: float):
        self.command = command or [sys.executable, __file__]
        self.hang_sec = hang_sec
        self.process: subprocess.Popen | None = None

    def ask(self, name: str, path: Path, seed: float) -> tuple[str, str]:
        """Return (what became of it, details): read, refused or FAILED."""
        if self.process is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # it finds what this one finds
            self.process = subprocess.Popen(self.command, env=environment, **pipes)
            self._answer(60)  # that it has begun
        self.process.stdin.write(json.dumps([name, str(path), seed]) + "\n")
        self.process.stdin.flush()
        return self._answer(self.hang_sec)

    def _answer(self, seconds: float) -> tuple[str, str]:
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if ready else ""
        if line:
            return tuple(json.loads(line))
        process = self.process
        if not ready:
            process.kill()
        self.close()
        died = f"the process ended with {_named(process.returncode)}"
        return "FAILED", died if ready else f"it took more than {seconds} s"

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()
            self.process = None


def _named(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def peak_memory() -> int:
    """Return the most memory this process had at once, in bytes (Linux; 0 elsewhere)."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(text.split("VmHWM:")[1].split()[0]) * 1024


def outcome(read, path: Path, rng: random.Random, max_growth: int) -> tuple[str, str]:
    """Return (read, refused or FAILED, details) of one file."""
    before = peak_memory()
    try:
        read(path, rng)
        what = ("read", "")
    except GuitarclfError as error:
        n_lines = len(str(error).splitlines())
        what = ("refused", "") if n_lines <= MAX_LINES else ("FAILED", f"a message of {n_lines} lines")
    except Exception:  # what is looked for
        what = ("FAILED", traceback.format_exc())
    if peak_memory() - before > max_growth:
        return "FAILED", f"its memory grew to {peak_memory() / 2**20:.0f} MiB"
    return what


def main() -> None:
    """Answer what comes on stdin."""
    from fuzz_targets import targets

    warnings.simplefilter("error")
    known = targets()
    print(json.dumps(["begun", ""]), flush=True)
    for line in sys.stdin:
        name, path, seed = json.loads(line)
        print(json.dumps(outcome(known[name].read, Path(path), random.Random(seed), MAX_GROWTH)), flush=True)


if __name__ == "__main__":
    main()
