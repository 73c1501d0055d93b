"""FeatureStore: features of recordings, kept from one training, search or cross-validation to the next.

Each setting of the parameters has a folder. Its ``*.rows`` hold float32 features one after the other; its
``index.sqlite`` names these files, and tells for each key the file and the place of its row. A file enters the index in
one transaction, once it is whole and on the disk. So any number of processes may read and write, and one that is
killed leaves at worst a file that is not in the index, which trimming removes.
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
from guitarclf.features.keys import NO_KEY, setting_of
from guitarclf.files.caches import cache_folder
from guitarclf.parameters.sections import CACHE_GB

TABLES = """
CREATE TABLE IF NOT EXISTS files (file INTEGER PRIMARY KEY, name TEXT NOT NULL, n_rows INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rows (key BLOB PRIMARY KEY, file INTEGER NOT NULL, place INTEGER NOT NULL) WITHOUT ROWID;
"""
LOOK_UP = """
WITH RECURSIVE wanted (row) AS (SELECT 0 UNION ALL SELECT row + 1 FROM wanted WHERE row + 1 < ?2)
SELECT row, file, place FROM wanted CROSS JOIN rows ON key = substr(?1, 16 * row + 1, 16)
"""  # several times as fast as a query for each key
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

    def open(self, reader: WindowReader, settings: dict, row_shape: tuple[int, ...]) -> "StoredRows":
        """Return the rows of one setting of windows and features; OSError if its folder cannot be made."""
        description = setting_of(reader, settings, row_shape) | {"format": 2}  # version 0.1.0 had no index
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
        """Remove the rows of every setting, and nothing else in the folder; return the bytes freed."""
        sizes = self.sizes()
        for size in sizes:
            shutil.rmtree(size.folder, ignore_errors=True)
        return sum(size.n_bytes for size in sizes)

    def trim(self) -> None:
        """Remove what a crash left behind, and the least recently used files above the limit."""
        kept = []
        for settings in self.folder.glob("*/settings.json"):
            stored = StoredRows(settings.parent)
            if stored.index.exists():
                with suppress(OSError):  # another process may be clearing it
                    kept += [(*use, stored) for use in stored.uses()]
            else:  # of version 0.1.0, whose rows are not found any more
                shutil.rmtree(stored.folder, ignore_errors=True)
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

    def find(self, keys: list[bytes]) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Return (sources, source, place): the row of ``keys[i]`` is ``sources[source[i]][place[i]]``.

        The source of a key without a row is -1.
        """
        source, place = np.full(len(keys), -1, dtype=np.intp), np.zeros(len(keys), dtype=np.intp)
        sources: list[np.ndarray] = []
        names = np.array(keys, dtype="S16")
        order = np.argsort(names)  # that of the index, which is then read once
        with self._transaction() as index:
            lies = index.execute(LOOK_UP, (names[order].tobytes(), len(keys)))
            found = np.fromiter(lies, dtype=[("row", np.intp), ("file", np.intp), ("place", np.intp)])
            files = {file: (name, n_rows) for file, name, n_rows in index.execute("SELECT * FROM files")}
        found["row"] = order[found["row"]]
        for file in files.keys() & set(np.unique(found["file"]).tolist()):
            name, n_rows = files[file]
            path, of_file = self.folder / name, found[found["file"] == file]
            try:
                rows = map_rows(path, (n_rows, *self.row_shape))
            except (OSError, ValueError):  # damaged, or another process has just removed it
                self.remove(name)
                continue
            source[of_file["row"]], place[of_file["row"]] = len(sources), of_file["place"]
            sources.append(rows)
            with suppress(OSError):  # in a folder that can only be read
                os.utime(path)  # the least recently used go first
        return sources, source, place

    def append(self, parts: Iterable[tuple[list[bytes], np.ndarray]]) -> list[np.ndarray]:
        """Write rows as they come, each under its key; return the new files, memory-mapped, with the rows in order.

        A row under NO_KEY is not found again. What came before an error is kept, unless the disk gave the error.
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

    def _write(self, path: Path, parts: Iterable[tuple[list[bytes], np.ndarray]]) -> np.ndarray:
        """Write rows into a new file until it is large enough, and enter it into the index; return them mapped."""
        keys: list[bytes] = []
        try:
            with open(path, "xb") as file:
                for names, rows in parts:
                    file.write(np.ascontiguousarray(rows, dtype=np.float32).data)
                    keys += names
                    if file.tell() >= FILE_BYTES:
                        break
        except BaseException as error:
            if isinstance(error, GuitarclfError) or not isinstance(error, OSError):  # not the disk's
                self._enter(path, keys)
            raise
        return self._enter(path, keys)

    def _enter(self, path: Path, keys: list[bytes]) -> np.ndarray:
        """Enter a file into the index, all at once; return its rows, memory-mapped."""
        with open(path, "rb+") as file:
            os.fsync(file.fileno())  # the index promises rows, also after a power cut
        array = map_rows(path, (len(keys), *self.row_shape))
        with self._transaction() as index:
            number = uuid.uuid4().int >> 65  # no two files have one, not even of an index cleared meanwhile
            index.execute("INSERT INTO files VALUES (?, ?, ?)", (number, path.name, len(keys)))
            rows = ((key, number, place) for place, key in enumerate(keys) if key != NO_KEY)
            index.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", rows)
        return array

    def remove(self, name: str) -> None:
        """Remove a file from the index, and then from the disk."""
        with self._transaction() as index:
            index.execute("DELETE FROM rows WHERE file IN (SELECT file FROM files WHERE name = ?)", (name,))
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


def _default_folder() -> Path:
    """Return ``$GUITARCLF_CACHE``, or the folder for features of this system's user, or a temporary one."""
    given = os.environ.get("GUITARCLF_CACHE")
    return Path(given) if given else cache_folder("features")
