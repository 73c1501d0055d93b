"""A lock on a folder that one process writes into.

The operating system frees a lock when its process ends, however it ends; a ``.lock`` file that is left means nothing.
On a file system without locks nobody is kept out.
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
from guitarclf.files.wording import explained

if TYPE_CHECKING:
    from filelock import FileLock

LOCK_NAME = ".lock"
NO_LOCKS = {errno.EINVAL, errno.ENOLCK, errno.ENOTSUP}  # what a file system without locks answers


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Hold a folder's lock in a ``with`` block; RunError if another process, or this one, holds it.

    A folder that is not there is made, and removed at the end if it is empty.
    """
    path = Path(folder).absolute() / LOCK_NAME
    is_new = not path.parent.exists()
    lock = _acquired(path)
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
    """Raise RunError if the folder is locked, or its lock cannot be tried."""
    path = Path(folder).absolute() / LOCK_NAME
    if path.is_file():
        _acquired(path).release()


def _acquired(path: Path) -> "FileLock":
    """Make the folder and return its lock, held; RunError if somebody holds it, or the folder cannot be written."""
    from filelock import FileLock, Timeout  # here, because most commands lock no folder

    lock = FileLock(path, timeout=0)
    with explained(f"The output folder {path.parent} must be writable"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise RunError(
                f"The output folder {path.parent} must be written by one process at a time. {_holder(path)} is at it. "
                "Wait for it to end, or choose another --output-dir."
            ) from error
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
    return lock


def _holder(path: Path) -> str:
    try:
        words = path.read_text(encoding="utf-8", errors="replace").split()
    except OSError:  # gone again, or on Windows, which lets nobody read what is locked
        words = []
    return f"Process {words[0]} on {words[1]}" if len(words) == 2 else "Another run"


def _release(lock: "FileLock", path: Path) -> None:
    """Remove the lock's file and let go of it; what fails leaves a file that means nothing."""
    if sys.platform == "win32":  # which removes no file that is open, be it by whoever waits for the lock
        lock.release()
    # Elsewhere it is removed while it is held: filelock tells whoever opened it in between that it is gone.
    with suppress(OSError):
        path.unlink()
    lock.release()
