"""A lock on a folder that one process writes into.

The operating system holds the lock for the process, so a lock never outlives the process that took it: after
a crash or a kill it is free, and the ``.lock`` file that was left means nothing. On a file system without locks
there is none.
"""

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from guitarclf.errors import RunError

if TYPE_CHECKING:
    from filelock import FileLock

LOCK_NAME = ".lock"
NO_LOCKS = {errno.EINVAL, errno.ENOLCK, errno.ENOTSUP}  # what a file system without locks answers


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Hold a folder's lock in a ``with`` block; RunError if another process, or this one, holds it."""
    path = Path(folder).absolute() / LOCK_NAME
    is_new = not path.parent.exists()
    lock = _file_lock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _acquire(lock, path)
    except RunError:  # an OSError too
        raise
    except OSError as error:
        raise RunError(f"The output folder {path.parent} must be writable. {error.strerror}.") from error
    try:
        with suppress(OSError):  # a full disk, or Windows, which lets nobody write what is locked
            path.write_text(f"{os.getpid()} {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        _release(lock, path)
        if is_new:
            with suppress(OSError):  # it is empty only if nothing came of it
                path.parent.rmdir()


def require_unlocked(folder: str | Path) -> None:
    """Raise RunError if the folder is locked."""
    path = Path(folder).absolute() / LOCK_NAME
    if not path.is_file():
        return
    lock = _file_lock(path)
    try:
        _acquire(lock, path)
    except RunError:  # an OSError too
        raise
    except OSError:
        return  # in a folder that writing will find fault with
    lock.release()


def _file_lock(path: Path) -> "FileLock":
    from filelock import FileLock  # here, for most commands ask for a folder's names and lock none

    return FileLock(path, timeout=0)


def _acquire(lock: "FileLock", path: Path) -> None:
    from filelock import Timeout

    try:
        lock.acquire()
    except Timeout as error:
        raise _taken(path) from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise


def _release(lock: "FileLock", path: Path) -> None:
    """Remove the lock's file and let go of it; what fails leaves a file that means nothing."""
    if sys.platform == "win32":  # which removes no file that is open, be it by whoever waits for the lock
        lock.release()
    # Elsewhere it is removed while it is held: filelock tells whoever opened it in between that it is gone.
    with suppress(OSError):
        path.unlink()
    lock.release()


def _taken(path: Path) -> RunError:
    try:
        words = path.read_text(encoding="utf-8", errors="replace").split()
    except OSError:  # gone again, or on Windows, which lets nobody read what is locked
        words = []
    who = f"Process {words[0]} on {words[1]}" if len(words) == 2 else "Another run"
    return RunError(
        f"The output folder {path.parent} must be written by one process at a time. {who} is at it. "
        "Wait for it to end, or choose another --output-dir."
    )
