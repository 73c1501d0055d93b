"""What tells a kept row from others: the key of its event, and the setting it was made with.

A row belongs to one event's audio (path, size, times of the last change, inode), its place in it, every parameter
that shapes it, and the code that computes it. Change any of these and it is computed anew.

A file changed twice within the clock's grain may look unchanged. So a file that was changed less than GRAIN_SEC
before it is read is not kept, nor one that changes while it is read.
"""

import dataclasses
import hashlib
import os
import time
from functools import lru_cache
from pathlib import Path

from guitarclf.audio.windows import Request, WindowReader

NO_KEY = b"\0" * 16  # a row that must not be found again
GRAIN_SEC = 2.0  # the coarsest clock of a file system in use (FAT)
# What computes or refuses a row, beside its parameters: a change in any of these files makes other rows.
CODE = ("audio/recordings.py", "audio/header.py", "audio/offsets.py", "audio/windows.py", "audio/mel.py")
SHAPELESS = ("num_workers", "max_duration")  # parameters of a reader that change no row


class FileStates:
    """The state of each file, asked for once, and the key of each event in it.

    Parameters
    ----------
    with_offsets : bool
        Whether an event's offset shapes its row, and so is part of its key.
    """

    def __init__(self, *, with_offsets: bool = False):
        self.with_offsets = with_offsets
        self.here = os.getcwd()
        self.states: dict[str, bytes | None] = {}

    def key(self, request: Request) -> bytes:
        """Return the key of an event's row; NO_KEY where the file is too young to be told from its next version."""
        if request.path not in self.states:
            self.states[request.path] = file_state(request.path, self.here)
        state = self.states[request.path]
        if state is None:
            return NO_KEY
        place = b"%s\0%r\0%d" % (state, request.onset, request.alone)
        if self.with_offsets:
            place += b"\0%r" % request.offset
        return hashlib.blake2b(place, digest_size=16).digest()

    def is_unchanged(self, path: str) -> bool:
        """Return whether a file is still as it was when its key was made."""
        return file_state(path, self.here) == self.states[path]


def file_state(path: str, here: str) -> bytes | None:
    """Return what tells a file from its other versions; None if it is missing, or may change unnoticed.

    ``here`` is the folder that a relative path is relative to.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    if time.time() - max(status.st_mtime, status.st_ctime) < GRAIN_SEC:
        return None
    whole = path if path.startswith("/") else os.path.join(here, path)
    numbers = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    return b"%s\0%d %d %d %d" % (os.fsencode(whole), *numbers)


def setting_of(reader: WindowReader, settings: dict, row_shape: tuple[int, ...]) -> dict:
    """Return all that the rows of one setting have in common: parameters, shape and code."""
    window = {name: value for name, value in dataclasses.asdict(reader).items() if name not in SHAPELESS}
    logmel = settings | {"extra_channels": list(settings["extra_channels"])}
    return {"window": window, "logmel": logmel, "row_shape": list(row_shape), "code": code_version()}


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return a digest of the code that computes a row and of the libraries it calls."""
    import numpy
    import soundfile
    import soxr

    package = Path(__file__).parent.parent
    digest = hashlib.blake2b(digest_size=8)
    for name in CODE:
        digest.update((package / name).read_bytes())
    for library in (numpy, soundfile, soxr):
        digest.update(f"{library.__name__} {library.__version__}\0".encode())
    return digest.hexdigest()
