"""FeatureCache: features of recordings, kept from one training, search or cross-validation to the next.

A row belongs to one event's audio (path, size, times of the last change, inode), its place in it, every parameter
that shapes it, and the code that computes it. Change any of these and it is computed anew.

A file changed twice within the clock's grain may look unchanged. So a file that was changed less than GRAIN_SEC
before it is read is not kept, nor one that changes while it is read.
"""

import dataclasses
import hashlib
import json
import logging
import os
import shutil
import sys
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from guitarclf.audio.windows import Request, WindowReader
from guitarclf.features.shards import NO_KEY, Shelf

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "GUITARCLF_CACHE"
GRAIN_SEC = 2.0  # the coarsest clock of a file system in use (FAT)
STALE_PART_SEC = 86400  # a file still being written after a day was left behind
GIGABYTE = 10**9
# What computes or refuses a row, beside its parameters: a change in any of these files makes other rows.
CODE = ("audio/recordings.py", "audio/header.py", "audio/offsets.py", "audio/windows.py", "audio/mel.py")
SHAPELESS = ("num_workers", "max_duration")  # parameters of a reader that change no row


@dataclasses.dataclass(frozen=True)
class ShelfSize:
    """What ``guitarclf cache`` shows of a shelf."""

    folder: Path
    settings: dict
    n_bytes: int
    last_used: float  # seconds since the epoch


class FeatureCache:
    """The shelves below one folder.

    Parameters
    ----------
    folder : str or Path
        "auto" is ``$GUITARCLF_CACHE``, or the user's cache folder.
    limit_gb : float
        Size in gigabytes above which the least recently used shards go.
    """

    def __init__(self, folder="auto", limit_gb: float = 10.0):
        self.folder = default_folder() if str(folder) == "auto" else Path(folder)
        self.limit_gb = limit_gb

    def shelf(self, reader: WindowReader, settings: dict, row_shape: tuple[int, ...]) -> Shelf:
        """Return the shelf of some parameters of windows and features."""
        window = {name: value for name, value in dataclasses.asdict(reader).items() if name not in SHAPELESS}
        description = {"window": window, "logmel": settings | {"extra_channels": list(settings["extra_channels"])}}
        description = {**description, "row_shape": list(row_shape), "code": code_version()}
        name = hashlib.blake2b(json.dumps(description, sort_keys=True).encode(), digest_size=12).hexdigest()
        shelf = Shelf(self.folder / name, row_shape)
        shelf.describe(description)
        return shelf

    def sizes(self) -> list[ShelfSize]:
        """Return what each shelf holds, the last used first."""
        found = []
        for path in self.folder.glob("*/settings.json"):
            with suppress(OSError, ValueError):  # another process may be clearing it
                files = [file.stat() for file in path.parent.iterdir()]
                settings = json.loads(path.read_text(encoding="utf-8"))
                last_used = max(file.st_mtime for file in files)
                found.append(ShelfSize(path.parent, settings, sum(file.st_size for file in files), last_used))
        return sorted(found, key=lambda size: -size.last_used)

    def clear(self) -> int:
        """Remove every shelf; return the bytes freed. Nothing else in the folder is touched."""
        sizes = self.sizes()
        for size in sizes:
            shutil.rmtree(size.folder, ignore_errors=True)
        return sum(size.n_bytes for size in sizes)

    def trim(self) -> None:
        """Remove the least recently used shards until the folder is below its limit, and what a crash left behind."""
        shards, now = [], time.time()
        for path in self.folder.glob("*/*"):
            with suppress(OSError):
                status = path.stat()
                if path.suffix == ".part" and now - status.st_mtime > STALE_PART_SEC:
                    path.unlink()
                elif path.suffix == ".keys":
                    n_bytes = status.st_size + path.with_suffix(".rows").stat().st_size
                    shards.append((status.st_mtime, n_bytes, path))
        total = sum(n_bytes for _, n_bytes, _ in shards)
        for _, n_bytes, path in sorted(shards):
            if total <= self.limit_gb * GIGABYTE:
                break
            for file in (path, path.with_suffix(".rows")):
                with suppress(OSError):  # Windows keeps what is in use
                    file.unlink()
            total -= n_bytes


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


def default_folder() -> Path:
    """Return ``$GUITARCLF_CACHE``, or the folder for caches of this system's user."""
    if os.environ.get(FOLDER_VARIABLE):
        return Path(os.environ[FOLDER_VARIABLE])
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "guitarclf" / "features"
