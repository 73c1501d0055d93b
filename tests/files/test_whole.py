"""Whole files or none, and folders for one process at a time."""

import errno
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from guitarclf.errors import RunError
from guitarclf.files.lock import LOCK_NAME, locked, require_unlocked
from guitarclf.files.whole import UNFINISHED, sweep, whole_folder, write_bytes, write_text

HOLD = """
import sys, time
from guitarclf.files.lock import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def names(folder) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.fixture
def full_disk(monkeypatch):
    """Nothing reaches the disk any more."""

    def fail(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)


def test_a_file_is_replaced_whole(tmp_path):
    write_text(tmp_path / "a.txt", "first")
    write_text(tmp_path / "a.txt", "é second")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "é second"
    assert names(tmp_path) == ["a.txt"]


def test_on_a_full_disk_what_was_there_stays(tmp_path, full_disk):
    (tmp_path / "a.txt").write_text("first")
    with pytest.raises(RunError, match=r"a\.txt must be writable\. No space left on device\. What was there before"):
        write_text(tmp_path / "a.txt", "second")
    assert (tmp_path / "a.txt").read_text() == "first"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RunError, match=r"a\.txt must be writable\. No such file or directory"):
        write_bytes(tmp_path / "nowhere" / "a.txt", b"")


def test_a_link_keeps_pointing_and_a_device_stays_one(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_text(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "text"
    write_text(os.devnull, "text")
    assert not Path(os.devnull).is_file()


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    for text in ("first", "second"):
        with whole_folder(tmp_path / "model") as folder:
            (folder / text).write_text(text)
    assert names(tmp_path / "model") == ["second"]
    with suppress(KeyboardInterrupt), whole_folder(tmp_path / "model") as folder:
        (folder / "third").write_text("")
        raise KeyboardInterrupt
    assert names(tmp_path) == ["model"]
    assert names(tmp_path / "model") == ["second"]


def test_what_killed_processes_left_is_swept_away(tmp_path):
    (tmp_path / f".a.txt.123{UNFINISHED}").write_text("half")
    (tmp_path / f".model.123{UNFINISHED}").mkdir()
    (tmp_path / "a.txt").write_text("whole")
    sweep(tmp_path)
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_is_locked_once_and_free_again(tmp_path):
    with locked(tmp_path / "run"):
        for ask in (require_unlocked, lambda folder: locked(folder).__enter__()):
            with pytest.raises(RunError, match="must be written by one process at a time"):
                ask(tmp_path / "run")
        (tmp_path / "run" / "a.txt").write_text("")
    assert names(tmp_path / "run") == ["a.txt"]
    with locked(tmp_path / "run"):
        pass


def test_a_folder_made_for_nothing_is_gone_again(tmp_path):
    with locked(tmp_path / "run"):
        pass
    assert names(tmp_path) == []


def test_another_process_is_kept_out_until_the_first_one_dies(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        for ask in (require_unlocked, lambda folder: locked(folder).__enter__()):
            with pytest.raises(RunError, match=f"Process {holder.pid} on .* is at it"):
                ask(tmp_path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert names(tmp_path) == [LOCK_NAME]  # left behind, and of no meaning
    require_unlocked(tmp_path)
    with locked(tmp_path):
        time.sleep(0)
