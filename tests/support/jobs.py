"""Jobs that are sent to other processes."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from guitarclf.errors import AudioReadError
from guitarclf.files.fetched import limit_bytes


@dataclass
class Counting:
    """Return (job, number of calls of this object in this process, process), and note each begin in a file."""

    log: str
    sec: float = 0.0
    n_calls: int = field(default=0, init=False)

    def __call__(self, job):
        with Path(self.log).open("a") as file:
            file.write(f"{job} {os.getpid()}\n")
        time.sleep(self.sec)
        self.n_calls += 1
        return job, self.n_calls, os.getpid()


def ending(job):
    """Square a number; below 0, end the process."""
    if job < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return job**2


def limit(job):
    """Return the bytes that copies of what is at URLs may take in this process."""
    return limit_bytes()


def unreadable(job):
    """Raise AudioReadError for a job."""
    raise AudioReadError(f"{job}.wav must be readable. It is not.")


def broken(job):
    """Raise an error that is none of ours."""
    raise ZeroDivisionError("a bug")
