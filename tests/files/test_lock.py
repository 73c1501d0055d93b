"""Locks on folders, with real processes."""

import errno
import os
import subprocess
import sys
from contextlib import contextmanager

import filelock
import pytest

from guitarclf.errors import RunError
from guitarclf.files.lock import LOCK_NAME, locked, require_unlocked

HOLD = """
import sys
from guitarclf.files.lock import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(folder):
    """Yield a process that holds a folder's lock until its input ends."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD, folder], **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield process


def require_refused(folder, who):
    for ask in (require_unlocked, lambda folder: locked(folder).__enter__()):
        with pytest.raises(RunError, match=rf"by one process at a time\. {who} is at it\. Wait for"):
            ask(folder)


def test_a_second_process_is_refused_and_a_killed_one_lets_go(tmp_path):
    with another_process(tmp_path) as process:
        for _ in range(2):  # asking changes neither the lock nor its text
            require_refused(tmp_path, "Another run" if os.name == "nt" else rf"Process {process.pid} on \S+")
        process.kill()
        process.wait()
        assert (tmp_path / LOCK_NAME).exists()
    require_unlocked(tmp_path)
    with locked(tmp_path):
        require_refused(tmp_path, "Another run" if os.name == "nt" else rf"Process {os.getpid()} on \S+")
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ends_leaves_nothing(tmp_path):
    with another_process(tmp_path / "run") as process:
        process.communicate("")
        assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_refused_process_leaves_the_folder_to_its_holder(tmp_path):
    with locked(tmp_path / "run"):
        done = subprocess.run([sys.executable, "-c", HOLD, tmp_path / "run"], capture_output=True, text=True)
        assert done.returncode == 1
        assert "must be written by one process at a time" in done.stderr
        assert (tmp_path / "run" / LOCK_NAME).exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="wrong"), locked(tmp_path):
        raise ValueError("wrong")
    with another_process(tmp_path) as process:
        process.communicate("")


def test_a_file_system_without_locks_keeps_nobody_out(monkeypatch, tmp_path):
    def acquire(lock):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with locked(tmp_path / "run"):
        (tmp_path / "run" / LOCK_NAME).touch()
        require_unlocked(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
