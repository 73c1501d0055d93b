"""A lock on a folder that one process writes into.

The operating system holds the lock for the process, so a lock never outlives the process that took it: after
a crash or a kill it is free, and the ``.lock`` file that was left means nothing. POSIX has record locks, Windows
locks of bytes (``msvcrt.locking``); on a file system without either there is none.
"""

import os
import socket
from contextlib import contextmanager, suppress
from pathlib import Path

from guitarclf.errors import RunError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
try:
    import msvcrt
except ImportError:  # elsewhere
    msvcrt = None  # type: ignore[assignment]

LOCK_NAME = ".lock"
LOCKED_BYTE = 2**20  # on Windows; far past the text, which a lock on its bytes would keep others from reading
_held: set[str] = set()  # POSIX locks do not keep a process out of what it holds itself


@contextmanager
def locked(folder):
    """Hold a folder's lock in a ``with`` block; RunError if another process, or this one, holds it."""
    folder = Path(folder).absolute()
    path = folder / LOCK_NAME
    if str(path) in _held:
        raise _taken(path)
    is_new = not folder.exists()
    handle = _take(path)
    _held.add(str(path))
    try:
        yield
    finally:
        _held.discard(str(path))
        _release(handle, path)
        if is_new:
            with suppress(OSError):  # it is empty only if nothing came of it
                folder.rmdir()


def require_unlocked(folder) -> None:
    """Raise RunError if the folder is locked."""
    path = Path(folder).absolute() / LOCK_NAME
    if str(path) in _held:
        raise _taken(path)
    if not path.is_file():
        return
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return  # gone again, or in a folder that writing will find fault with
    try:
        _lock(handle, path)
    finally:
        os.close(handle)


def _take(path: Path) -> int:
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RunError(f"The output folder {path.parent} must be writable. {error.strerror}.") from error
        try:
            _lock(handle, path)
            if _is_still(path, handle):
                os.ftruncate(handle, 0)
                with suppress(OSError):  # a full disk: the lock holds without its text
                    os.write(handle, f"{os.getpid()} {socket.gethostname()}\n".encode())
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    try:
        if fcntl is not None:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            _lock_byte(handle, msvcrt.LK_NBLCK)
    except (BlockingIOError, PermissionError) as error:
        os.lseek(handle, 0, os.SEEK_SET)
        raise _taken(path, os.read(handle, 200)) from error
    except OSError:
        return  # a file system without locks


def _lock_byte(handle: int, mode: int) -> None:
    """Lock or unlock LOCKED_BYTE, as Windows does it: from where the handle stands, and past the end if need be."""
    os.lseek(handle, LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(handle, mode, 1)  # type: ignore[attr-defined]
    finally:
        os.lseek(handle, 0, os.SEEK_SET)


def _release(handle: int, path: Path) -> None:
    """Remove the lock's file and let go of it; what fails leaves a file that means nothing."""
    if fcntl is None and msvcrt is not None:
        # Windows removes no file that is open, be it by whoever waits for the lock: this one, closed, may go.
        with suppress(OSError):
            _lock_byte(handle, msvcrt.LK_UNLCK)
        os.close(handle)
        with suppress(OSError):
            path.unlink()
        return
    # Removed while it is held: whoever opened it in between finds that it is no longer the folder's.
    with suppress(OSError):
        path.unlink()
    os.close(handle)


def _is_still(path: Path, handle: int) -> bool:
    """Return whether the file that was opened is the one that is there, and not one just removed."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _taken(path: Path, text: bytes = b"") -> RunError:
    words = text.decode("utf-8", "replace").split()
    who = f"Process {words[0]} on {words[1]}" if len(words) == 2 else "Another run"
    return RunError(
        f"The output folder {path.parent} must be written by one process at a time. {who} is at it. "
        "Wait for it to end, or choose another --output-dir."
    )
