"""The key of a stored row, and the description of the setting that it was made with.

A row belongs to one recording (path, size, times of the last change, inode), to the place of one event in it, to every
parameter that shapes it, and to the code that computes it. If any of these changes, it is computed anew.

A file changed twice within the clock's grain may look unchanged. So no row is kept of a file that was changed less
than GRAIN_SEC before it is read, or while it is read.
"""

import hashlib
import os
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy
import soundfile
import soxr

from guitarclf.audio.windows import Request, WindowReader
from guitarclf.files.places import file_of, version_at
from guitarclf.files.urls import is_url
from guitarclf.parameters.rules import plain

NO_KEY = b"\0" * 16  # a row that must not be found again
GRAIN_SEC = 2.0  # the coarsest clock of a file system in use (FAT)
# What computes or refuses a row, beside its parameters: a change in any file of this room makes other rows.
ROOM = "audio"


class FileStates:
    """The state of each recording, asked for once, and the keys of the events in it.

    ``until`` tells until when an event is heard, if that shapes its row, and so is part of its key.
    """

    def __init__(self, until: Callable[[Request], float | None] | None = None):
        self.until = until
        self.here = os.getcwd()
        self.states: dict[str, bytes | None] = {}

    def key(self, request: Request) -> bytes:
        """Return the key of an event's row; NO_KEY if its recording may change unnoticed."""
        if request.path not in self.states:
            self.states[request.path] = self._state(request.path)
        state = self.states[request.path]
        if state is None:
            return NO_KEY
        place = b"%s\0%r\0%d %d" % (state, request.onset, request.alone, request.by_itself)
        if self.until is not None:
            place += b"\0%r" % self.until(request)
        return hashlib.blake2b(place, digest_size=16).digest()

    def is_unchanged(self, path: str) -> bool:
        """Return whether a file is as it was when the first key of its events was made."""
        return self._state(path) == self.states[path]

    def _state(self, path: str) -> bytes | None:
        """Return what tells a file from its other versions; None if it is missing, or may change unnoticed."""
        file, _ = file_of(path)
        if is_url(file):
            version = version_at(file)
            return None if version is None else f"{path}\0{version}".encode("utf-8", "surrogatepass")
        try:
            status = os.stat(file)
        except OSError:
            return None
        if time.time() - max(status.st_mtime, status.st_ctime) < GRAIN_SEC:
            return None
        numbers = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        return b"%s\0%d %d %d %d" % (os.fsencode(os.path.join(self.here, path)), *numbers)


def setting_of(reader: WindowReader, settings: dict, row_shape: tuple[int, ...]) -> dict:
    """Return what all rows of one setting have in common: parameters, shape and code."""
    shaping = {"window": reader.shaping(), "logmel": plain(settings)}
    return shaping | {"row_shape": list(row_shape), "code": code_version()}


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return a digest of the code that computes a row and of the versions of the libraries it calls."""
    package = Path(__file__).parent.parent
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted((package / ROOM).glob("*.py")):
        digest.update(path.read_bytes())
    for library in (numpy, soundfile, soxr):
        digest.update(f"{library.__name__} {library.__version__}\0".encode())
    return digest.hexdigest()
