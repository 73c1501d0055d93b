"""FeatureStore: features of recordings, kept from one training, search or cross-validation to the next.

Each setting of the parameters has a folder. Its ``*.rows`` hold float32 features one after the other; its
``index.sqlite`` names these files, and has the keys of the rows of each, one after the other too: they are read and
sorted as one array. A file enters the index in one transaction, once it is whole and on the disk. So any number of
processes may read and write, and one that is killed leaves at worst a file that is not in the index, which trimming
removes.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from guitarclf.audio.windows import WindowReader
from guitarclf.errors import GuitarclfError
from guitarclf.features.arrays import map_rows
from guitarclf.features.keys import KEY, is_kept, key_hashes, setting_of
from guitarclf.files.caches import cache_folder
from guitarclf.parameters.sections import CACHE_GB

FORMAT = 3  # of the index; rows under another are not found any more
TABLES = "CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, keys BLOB NOT NULL);"
FILE_BYTES = 256 * 2**20  # a file that has grown this large is closed, and another is begun
BUSY_SEC = 60.0  # how long a transaction waits for those of other processes
STALE_SEC = 86400.0  # a file that is not in the index after this time was left behind by a crash


class StoreSize(NamedTuple):
    """The rows of one setting, as ``guitarclf cache`` shows them."""

    folder: Path
    settings: dict
    n_bytes: int
    last_used: float  # seconds since the epoch


class FeatureStore:
    """The rows of every setting, each in a folder below one.

    Parameters
    ----------
    folder : str or Path
        "auto" is ``$GUITARCLF_CACHE``, or the user's cache folder.
    limit_gb : float
        Size in gigabytes above which trimming removes the least recently used files.
    """

    def __init__(self, folder: str | Path = "auto", limit_gb: float = CACHE_GB):
        self.folder = _default_folder() if str(folder) == "auto" else Path(folder)
        self.limit_gb = limit_gb

    @property
    def digests(self) -> Path:
        """The database in which the digests of files are kept; see `joint_digest`."""
        return self.folder / "digests.sqlite"

    def open(self, reader: WindowReader, settings: dict, row_shape: tuple[int, ...]) -> "StoredRows":
        """Return the rows of one setting of windows and features; OSError if its folder cannot be made."""
        description = setting_of(reader, settings, row_shape) | {"format": FORMAT}
        name = hashlib.blake2b(json.dumps(description, sort_keys=True).encode(), digest_size=12).hexdigest()
        stored = StoredRows(self.folder / name, row_shape)
        stored.begin(description)
        return stored

    def sizes(self) -> list[StoreSize]:
        """Return the size of each setting, the last used first."""
        found = []
        for path in self.folder.glob("*/settings.json"):
            with suppress(OSError, ValueError):  # another process may be clearing it
                files = [file.stat() for file in path.parent.iterdir()]
                settings = json.loads(path.read_text(encoding="utf-8"))
                last_used = max(file.st_mtime for file in files)
                found.append(StoreSize(path.parent, settings, sum(file.st_size for file in files), last_used))
        return sorted(found, key=lambda size: -size.last_used)

    def clear(self) -> int:
        """Remove the rows of every setting and the digests, and nothing else in the folder; return the bytes freed."""
        sizes = self.sizes()
        for path in self.folder.glob(f"{self.digests.name}*"):
            with suppress(OSError):  # Windows keeps what is in use
                path.unlink()
        for size in sizes:
            shutil.rmtree(size.folder, ignore_errors=True)
        return sum(size.n_bytes for size in sizes) - sum(size.n_bytes for size in self.sizes())

    def trim(self) -> None:
        """Remove what a crash left behind, and the least recently used files above the limit."""
        kept = []
        for settings in self.folder.glob("*/settings.json"):
            stored = StoredRows(settings.parent)
            if _is_outdated(stored.index, settings):
                shutil.rmtree(stored.folder, ignore_errors=True)
                continue
            with suppress(OSError):  # another process may be clearing it
                kept += [(*use, stored) for use in stored.uses()]
        total = 0
        for _, n_bytes, name, stored in sorted(kept, key=lambda use: use[:3], reverse=True):  # the last used first
            total += n_bytes
            if total > self.limit_gb * 1e9:
                with suppress(OSError):
                    stored.remove(name)


class StoredRows:
    """The rows of one setting, each of ``row_shape``: a folder of files and their index."""

    def __init__(self, folder: Path, row_shape: tuple[int, ...] = ()):
        self.folder = folder
        self.row_shape = row_shape
        self.index = folder / "index.sqlite"

    def begin(self, description: dict) -> None:
        """Make the index and ``settings.json``, which describes the setting, if they are not there yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with suppress(OSError), self._transaction():
            pass  # this removes a damaged index; any other error comes up again when the index is asked
        path = self.folder / "settings.json"
        if not path.exists():
            part = path.with_name(f"{uuid.uuid4().hex}.part")
            part.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
            os.replace(part, path)

    def uses(self) -> list[tuple[float, int, str]]:
        """Return (last use, bytes, name) of each file in the index, and remove files left behind by a crash."""
        with self._transaction() as index:
            names = {name for (name,) in index.execute("SELECT name FROM files")}
        uses, now = [], time.time()
        for path in self.folder.glob("*.rows"):
            status = path.stat()
            if path.name in names:
                uses.append((status.st_mtime, status.st_size, path.name))
            elif now - status.st_mtime > STALE_SEC:
                path.unlink()
        return uses

    def find(self, keys: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Return (sources, source, place): the row of ``keys[i]`` is ``sources[source[i]][place[i]]``.

        The source of a key without a row is -1. ``keys`` are of dtype KEY.
        """
        with self._transaction() as index:
            files = [(name, _as_keys(blob)) for name, blob in index.execute("SELECT name, keys FROM files")]
        own, lengths = np.concatenate([keys[:0], *(own for _, own in files)]), [len(own) for _, own in files]
        row = _rows_of(keys, own)
        # A row of -1 is one more, of no file.
        file = np.append(np.repeat(np.arange(len(files)), lengths), -1)[row]
        place = np.append(np.concatenate([np.arange(0), *map(np.arange, lengths)]), 0)[row]
        sources, source_of_file = list[np.ndarray](), np.full(len(files) + 1, -1)  # the last stands for no file
        for number in np.unique(file[file >= 0]).tolist():
            path = self.folder / files[number][0]
            try:
                rows = map_rows(path, (lengths[number], *self.row_shape))
            except (OSError, ValueError):  # damaged, or another process has just removed it
                self.remove(path.name)
                continue
            source_of_file[number] = len(sources)
            sources.append(rows)
            with suppress(OSError):  # in a folder that can only be read
                os.utime(path)  # the least recently used go first
        return sources, source_of_file[file], place

    def append(self, parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
        """Write rows as they come, each under its key; return the new files, memory-mapped, with the rows in order.

        A row whose key names no recording is not found again. What came before an error is kept, unless the disk gave
        the error.
        """
        parts, files = iter(parts), []
        for part in parts:
            path = self.folder / f"{uuid.uuid4().hex}.rows"
            try:
                files.append(self._write(path, chain([part], parts)))
            except OSError as error:
                if not isinstance(error, GuitarclfError):  # the disk's
                    path.unlink(missing_ok=True)
                raise
        return files

    def _write(self, path: Path, parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Write rows into a new file until it is large enough, and enter it into the index; return them mapped."""
        keys: list[np.ndarray] = []
        try:
            with open(path, "xb") as file:
                for names, rows in parts:
                    file.write(np.ascontiguousarray(rows, dtype=np.float32).data)
                    keys.append(names)
                    if file.tell() >= FILE_BYTES:
                        break
        except BaseException as error:
            if isinstance(error, GuitarclfError) or not isinstance(error, OSError):  # not the disk's
                self._enter(path, keys)
            raise
        return self._enter(path, keys)

    def _enter(self, path: Path, keys: list[np.ndarray]) -> np.ndarray:
        """Enter a file into the index, all at once; return its rows, memory-mapped."""
        with open(path, "rb+") as file:
            os.fsync(file.fileno())  # the index promises rows, also after a power cut
        array = map_rows(path, (sum(map(len, keys)), *self.row_shape))
        with self._transaction() as index:
            index.execute("INSERT INTO files VALUES (?, ?)", (path.name, np.concatenate(keys).tobytes()))
        return array

    def remove(self, name: str) -> None:
        """Remove a file from the index, and then from the disk."""
        with self._transaction() as index:
            index.execute("DELETE FROM files WHERE name = ?", (name,))
        with suppress(OSError):  # Windows keeps what is in use
            (self.folder / name).unlink()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the index, in one transaction; OSError if it cannot be used. A damaged index is removed."""
        try:
            with closing(sqlite3.connect(self.index, timeout=BUSY_SEC)) as index, index:
                index.executescript(f"{TABLES} BEGIN;")
                yield index
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                for path in self.folder.glob(f"{self.index.name}*"):  # with its journal
                    path.unlink(missing_ok=True)
            raise OSError(f"{self.index}: {error}") from error


def _as_keys(blob: bytes) -> np.ndarray:
    return np.frombuffer(blob, dtype=KEY, count=len(blob) // KEY.itemsize)  # one cut short does not fit its file


def _rows_of(keys: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return for each of ``keys`` the number of an equal one among ``own``, shape (n_keys,); -1 if there is none."""
    if not len(own):
        return np.full(len(keys), -1)
    wanted, there = key_hashes(keys), key_hashes(own)
    order = np.argsort(there)
    row = order[np.minimum(np.searchsorted(there[order], wanted), len(own) - 1)]
    return np.where(is_kept(keys) & _are_equal(own[row], keys), row, -1)


def _are_equal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    whole = np.dtype((np.void, KEY.itemsize))
    return a.view(whole) == b.view(whole)


def _is_outdated(index: Path, settings: Path) -> bool:
    """Return whether rows are of a version that kept them otherwise, so that they are not found any more."""
    if not index.exists():  # 0.1.0
        return True
    with suppress(OSError, ValueError, AttributeError):  # what cannot be read may be of a later version
        return json.loads(settings.read_text(encoding="utf-8")).get("format") == 2
    return False


def _default_folder() -> Path:
    """Return ``$GUITARCLF_CACHE``, or the folder for features of this system's user, or a temporary one."""
    given = os.environ.get("GUITARCLF_CACHE")
    return Path(given) if given else cache_folder("features")
