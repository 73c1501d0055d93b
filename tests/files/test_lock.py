"""Locks where there is no fcntl: on Windows, played by a fake msvcrt and a file system that keeps open files."""

import errno
import os
from pathlib import Path

import pytest

from guitarclf.errors import RunError
from guitarclf.files import lock
from guitarclf.files.lock import LOCK_NAME, locked, require_unlocked


class Windows:
    """What `msvcrt` and the file system of Windows do with the handles of one file."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self):
        self.holder: dict[tuple[int, int], int] = {}  # (file, byte) -> handle
        self.open: dict[int, int] = {}  # handle -> file
        self.locking_error: OSError | None = None

    def locking(self, handle, mode, n_bytes):
        if self.locking_error is not None:
            raise self.locking_error
        file, place = os.fstat(handle).st_ino, os.lseek(handle, 0, os.SEEK_CUR)
        assert n_bytes == 1
        if mode == self.LK_UNLCK:
            if self.holder.get((file, place)) != handle:
                raise PermissionError(errno.EACCES, "Permission denied")
            del self.holder[file, place]
        elif self.holder.setdefault((file, place), handle) != handle:
            raise PermissionError(errno.EACCES, "Permission denied")

    def close(self, handle):
        self.open.pop(handle, None)
        self.holder = {place: holder for place, holder in self.holder.items() if holder != handle}

    def require_closed(self, path):
        if os.stat(path).st_ino in self.open.values():
            raise PermissionError(errno.EACCES, "The process cannot access the file because it is being used")


@pytest.fixture
def windows(monkeypatch):
    fake = Windows()
    os_open, os_close, unlink = os.open, os.close, Path.unlink

    def open_file(path, flags, mode=0o777):
        handle = os_open(path, flags, mode)
        fake.open[handle] = os.fstat(handle).st_ino
        return handle

    def close_file(handle):
        fake.close(handle)
        os_close(handle)

    def remove(path, missing_ok=False):
        fake.require_closed(path)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(lock, "fcntl", None)
    monkeypatch.setattr(lock, "msvcrt", fake)
    monkeypatch.setattr(os, "open", open_file)
    monkeypatch.setattr(os, "close", close_file)
    monkeypatch.setattr(Path, "unlink", remove)
    monkeypatch.delattr(os, "pread")  # Windows has none
    return fake


def another_process(folder, text=b"77 elsewhere\n") -> int:
    """Hold a folder's lock as another process does; return its handle."""
    handle = os.open(Path(folder) / LOCK_NAME, os.O_RDWR | os.O_CREAT)
    os.write(handle, text)
    os.lseek(handle, lock.LOCKED_BYTE, os.SEEK_SET)
    lock.msvcrt.locking(handle, lock.msvcrt.LK_NBLCK, 1)
    return handle


def test_windows_keeps_a_second_process_out_and_says_who_is_there(windows, tmp_path):
    other = another_process(tmp_path)
    for ask in (require_unlocked, lambda folder: locked(folder).__enter__()):
        with pytest.raises(RunError, match=r"by one process at a time\. Process 77 on elsewhere is at it\. Wait for"):
            ask(tmp_path)
    os.close(other)  # as when it dies
    require_unlocked(tmp_path)
    with locked(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text().startswith(f"{os.getpid()} ")


def test_windows_holds_a_byte_past_the_text_while_the_block_runs(windows, tmp_path):
    with locked(tmp_path / "run"):
        assert [place for _, place in windows.holder] == [lock.LOCKED_BYTE]
        handle = os.open(tmp_path / "run" / LOCK_NAME, os.O_RDWR)
        with pytest.raises(PermissionError, match="Permission denied"):
            lock._lock_byte(handle, windows.LK_NBLCK)
        os.close(handle)
    assert windows.holder == {}
    assert windows.open == {}
    assert list(tmp_path.iterdir()) == []  # the file, which Windows keeps while it is open, and the folder are gone


def test_windows_is_free_again_after_an_error(windows, tmp_path):
    with pytest.raises(ValueError, match="wrong"), locked(tmp_path):
        raise ValueError("wrong")
    with locked(tmp_path):
        assert windows.holder
    assert windows.holder == {}


def test_windows_leaves_the_file_to_whoever_has_opened_it_in_between(windows, tmp_path):
    with locked(tmp_path):
        waiting = os.open(tmp_path / LOCK_NAME, os.O_RDWR)
    lock._lock_byte(waiting, windows.LK_NBLCK)
    with pytest.raises(RunError, match="must be written by one process at a time"):
        require_unlocked(tmp_path)
    os.close(waiting)


def test_a_file_system_without_locks_keeps_nobody_out(windows, monkeypatch, tmp_path):
    windows.locking_error = OSError(errno.EINVAL, "Invalid argument")
    with locked(tmp_path):
        monkeypatch.setattr(lock, "_held", set())  # as another process sees it
        require_unlocked(tmp_path)


def test_a_system_without_any_locks_keeps_nobody_out(monkeypatch, tmp_path):
    monkeypatch.setattr(lock, "fcntl", None)
    monkeypatch.setattr(lock, "msvcrt", None)
    with locked(tmp_path / "run"):
        monkeypatch.setattr(lock, "_held", set())
        require_unlocked(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
