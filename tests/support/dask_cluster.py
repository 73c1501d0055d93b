"""A Dask cluster as users start one: a scheduler and workers that are processes of their own, on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SUPPORT = Path(__file__).parent
PACKAGE = SUPPORT.parent.parent
TOO_LONG = 120.0  # seconds for a process to start, on a busy machine


class DaskCluster:
    """Processes of Dask, which end with the ``with`` block; ``folder`` is for their files.

    ``options`` and ``package``, the folder where guitarclf is found, are of the scheduler.
    """

    def __init__(self, folder: Path, *options: str, package: Path | str = PACKAGE):
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen] = []
        own = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.scheduler = self.start("scheduler", *own, *options, package=package)
        wait_until(lambda: self.file.is_file() and self.file.read_text().endswith("}"), self.scheduler)
        self.address = json.loads(self.file.read_text())["address"]

    def worker(
        self, *options: str, package: Path | str = PACKAGE, env: dict[str, str] | None = None
    ) -> subprocess.Popen:
        """Start a worker of one thread without a nanny, that finds guitarclf in a folder."""
        threads = () if "--nthreads" in options else ("--nthreads", "1")
        nanny = () if "--nanny" in options else ("--no-nanny",)
        own = ("--no-dashboard", "--memory-limit", "0", "--local-directory", str(self.folder))
        return self.start("worker", *threads, *nanny, *own, *options, package=package, env=env)

    def start(self, what: str, *options: str, package: Path | str = PACKAGE, env=None) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--scheduler-file", str(self.file), *options]
        path = os.pathsep.join(map(str, (package, SUPPORT)))
        with (self.folder / f"{what}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env={**os.environ, "PYTHONPATH": path, **(env or {})}
            )
        self.processes.append(process)
        return process

    def __enter__(self) -> "DaskCluster":
        return self

    def __exit__(self, *exception: object) -> None:
        for process in reversed(self.processes):  # workers first
            process.send_signal(signal.SIGKILL)
            process.wait(TOO_LONG)


def wait_until(holds, process: subprocess.Popen | None = None) -> None:
    """Wait until something holds; RuntimeError if that takes too long, or a process ends before."""
    deadline = time.monotonic() + TOO_LONG
    while not holds():
        if time.monotonic() > deadline or (process is not None and process.poll() is not None):
            raise RuntimeError(f"{holds} does not come to hold; see the logs of Dask beside scheduler.json")
        time.sleep(0.02)
