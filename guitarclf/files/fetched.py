"""Copies of what is elsewhere, whole files in one folder of a bounded size; the least recently used go first.

The name of a copy tells what it is of and which version, so that a copy is never wrong, only gone. One is made under
another name and takes its place when it is whole and on the disk. Any number of processes may make and read copies; of
those that want the same one, the others wait for the first, and a killed one leaves a file that trimming removes.
"""

import hashlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from guitarclf.files.caches import cache_folder
from guitarclf.files.lock import NO_LOCKS
from guitarclf.files.whole import UNFINISHED
from guitarclf.files.wording import explained
from guitarclf.parameters.sections import CACHE_GB

LIMIT = "GUITARCLF_FETCHED_GB"  # set by keep_below, for this process and those it starts
STALE_SEC = 86400.0  # a file that is not whole after this time was left behind by a crash
SHARE = 16  # a process that has added this part of the limit trims
ADVICE = "Make room, or name another folder in GUITARCLF_CACHE."

_added = {"bytes": 0, "trims": 0}  # by this process, since it trimmed last
_adding = threading.Lock()


def folder() -> Path:
    """Return the folder of the copies, below ``$GUITARCLF_CACHE`` or the user's cache folder."""
    return cache_folder("fetched")


def keep_below(gigabytes: float) -> None:
    """Set the size that the folder is kept below, in GB; without it that is the default of ``data.cache_gb``."""
    os.environ[LIMIT] = repr(gigabytes)


def limit_bytes() -> int:
    """Return the size that the folder is kept below."""
    return int(float(os.environ.get(LIMIT, CACHE_GB)) * 1e9)


def name_of(*texts: str) -> str:
    """Return the name of a copy: a digest of what it is of, and of its version."""
    parts = [f"{len(text)}:{text}" for text in texts]
    return hashlib.blake2b("".join(parts).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def found(name: str) -> Path | None:
    """Return the copy of a name, which is now the last used one; None if there is none."""
    path = folder() / name
    try:
        os.utime(path)
    except FileNotFoundError:
        return None
    except OSError:  # of another user, or on a disk that is not to be written
        return path if path.is_file() else None
    return path


def kept(name: str, make: Callable[[Path], object]) -> Path:
    """Return the copy of a name, made first if there is none: ``make`` writes it into the file that it is given."""
    path = found(name)
    if path is not None:
        return path
    with waiting_for(name):
        return found(name) or add(name, make)


def add(name: str, make: Callable[[Path], object]) -> Path:
    """Make the copy of a name and return it."""
    path = folder() / name
    part = path.with_name(f".{name}.{uuid.uuid4().hex}{UNFINISHED}")
    try:
        with explained(f"{path.parent} must be writable", ADVICE):
            make(part)
            with part.open("rb+") as file:
                os.fsync(file.fileno())
                size = os.fstat(file.fileno()).st_size
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    with _adding:
        _added["bytes"] += size
        if _added["bytes"] > limit_bytes() / SHARE or not _added["trims"]:
            _added.update(bytes=0, trims=_added["trims"] + 1)
            trim()
    return path


@contextmanager
def waiting_for(name: str) -> Iterator[None]:
    """Be the only one, of all processes and threads, at the copies of a name in a ``with`` block; wait for others."""
    from filelock import FileLock  # here, because most commands fetch nothing

    path = folder() / f".{name}.lock"
    with explained(f"{path.parent} must be writable", ADVICE):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire()
        except OSError as error:
            if error.errno not in NO_LOCKS:  # where there are none, two may make the same copy
                raise
    try:
        yield
    finally:
        if os.name != "nt":  # filelock tells whoever opened it in between that it is gone
            with suppress(OSError):
                path.unlink()
        lock.release()


def trim() -> None:
    """Remove what crashes left behind, and the least recently used copies above the limit."""
    total, limit, now = 0, limit_bytes(), time.time()
    for used, size, path in sorted(_files(), reverse=True):  # the last used first
        is_whole = not path.name.startswith(".")
        total += size
        if total > limit if is_whole else now - used > STALE_SEC:
            with suppress(OSError):  # Windows keeps what is in use
                path.unlink()
            total -= size


def size() -> tuple[int, int]:
    """Return how many copies there are, and their bytes."""
    sizes = [size for _, size, path in _files() if not path.name.startswith(".")]
    return len(sizes), sum(sizes)


def clear() -> int:
    """Remove all copies; return the bytes freed."""
    freed = 0
    for _, size, path in _files():
        with suppress(OSError):
            path.unlink()
            freed += size
    return freed


def _files() -> list[tuple[float, int, Path]]:
    """Return (last use, bytes, path) of each file."""
    listed = []
    with suppress(FileNotFoundError), os.scandir(folder()) as entries:
        for entry in entries:
            with suppress(OSError):  # another process has just removed it
                status = entry.stat()
                listed.append((status.st_mtime, status.st_size, Path(entry.path)))
    return listed
