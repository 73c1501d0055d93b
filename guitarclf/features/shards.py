"""Shelf: the cached features of one set of parameters, as files that are written once and then only read.

A shelf is a folder. A shard in it is two files of one name: ``.rows``, float32 features one after the other, and
``.keys``, the key of each row. A writer fills files that nobody reads (``.part``), and puts the keys in place
last, by renaming. So any number of processes may read and write with no lock: at worst two of them keep the same
row twice.
"""

import json
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from guitarclf.errors import GuitarclfError

SHARD_BYTES = 256 * 2**20  # a shard that has grown this large is published, and another begun
NO_KEY = b"\0" * 16  # a row that must not be found again
KEY = np.dtype([("head", "<u8"), ("tail", "<u8")])


@dataclass(frozen=True)
class Shard:
    """The rows of one shard, memory-mapped, and their keys."""

    rows: np.ndarray
    keys: np.ndarray


class Shelf:
    """The shards of one folder.

    Parameters
    ----------
    folder : Path
    row_shape : tuple of int
        Shape of one event's features.
    """

    def __init__(self, folder: Path, row_shape: tuple[int, ...]):
        self.folder = folder
        self.row_shape = row_shape

    def find(self, keys: list[bytes]) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Return (sources, source, place): where the row of each key lies; source -1 is nowhere."""
        source, place = np.full(len(keys), -1, dtype=np.intp), np.zeros(len(keys), dtype=np.intp)
        wanted, sources = as_keys(keys), []
        for path in sorted(self.folder.glob("*.keys")):
            missing = np.flatnonzero(source < 0)
            if not len(missing):
                break
            shard = self._open(path)
            if shard is None:
                continue
            order = np.argsort(shard.keys["head"], kind="stable")
            at = np.searchsorted(shard.keys["head"], wanted["head"][missing], sorter=order)
            at = order[np.minimum(at, len(order) - 1)]
            is_here = shard.keys[at] == wanted[missing]
            if is_here.any():
                source[missing[is_here]], place[missing[is_here]] = len(sources), at[is_here]
                sources.append(shard.rows)
                with suppress(OSError):
                    os.utime(path)  # the least recently used go first
        source[wanted == as_keys([NO_KEY])] = -1
        return sources, source, place

    def _open(self, path: Path) -> Shard | None:
        """Return a shard; None for one that is incomplete, or that another process has just cleared away."""
        try:
            keys = np.fromfile(path, dtype=KEY)
            return Shard(map_rows(path.with_suffix(".rows"), (len(keys), *self.row_shape)), keys)
        except (OSError, ValueError):
            return None

    def describe(self, settings: dict) -> None:
        """Say what the rows were made with, for people who look into the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "settings.json"
        if not path.exists():
            part = path.with_name(f"settings-{uuid.uuid4().hex}.part")
            part.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
            os.replace(part, path)


class ShelfWriter:
    """Appends rows to a shelf, in a ``with`` block.

    Attributes
    ----------
    sources : list of ndarray
        The shards written, once the block has ended.
    source, place : list of int
        Where each row lies, in the order appended.
    """

    def __init__(self, shelf: Shelf):
        self.shelf = shelf
        self.sources: list[np.ndarray] = []
        self.source: list[int] = []
        self.place: list[int] = []
        self._keys: list[bytes] = []
        self._file = None

    def append(self, keys: list[bytes], rows: np.ndarray) -> None:
        """Write some rows, each under its key."""
        if self._file is None:
            self._path = self.shelf.folder / uuid.uuid4().hex
            self._file = open(f"{self._path}.rows.part", "wb")  # noqa: SIM115  closed in _publish
        self._file.write(np.ascontiguousarray(rows, dtype=np.float32).data)
        self.source += [len(self.sources)] * len(keys)
        self.place += range(len(self._keys), len(self._keys) + len(keys))
        self._keys += keys
        if self._file.tell() >= SHARD_BYTES:
            self._publish()

    def _publish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())  # the keys promise rows, also after a power cut
        self._file.close()
        self._file = None
        as_keys(self._keys).tofile(f"{self._path}.keys.part")
        os.replace(f"{self._path}.rows.part", f"{self._path}.rows")
        self.sources.append(map_rows(f"{self._path}.rows", (len(self._keys), *self.shelf.row_shape)))
        os.replace(f"{self._path}.keys.part", f"{self._path}.keys")
        self._keys = []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        """Publish what was written, also when the pass was cut short: the next one goes on from there."""
        if self._file is None:
            return
        is_disk = kind is not None and issubclass(kind, OSError) and not issubclass(kind, GuitarclfError)
        if not is_disk:
            self._publish()
        else:
            self._file.close()
            for suffix in ("rows", "keys"):
                Path(f"{self._path}.{suffix}.part").unlink(missing_ok=True)


def as_keys(keys: list[bytes]) -> np.ndarray:
    """Return 16-byte keys as an array that can be sorted and compared."""
    return np.frombuffer(b"".join(keys), dtype=KEY)


def map_rows(path, shape: tuple[int, ...]) -> np.ndarray:
    """Return a file of float32 rows, memory-mapped; ValueError unless it is exactly of this shape."""
    if not shape[0] or os.path.getsize(path) != int(np.prod(shape)) * 4:
        raise ValueError(f"{path} does not hold {shape} float32 values")
    return np.asarray(np.memmap(path, dtype=np.float32, mode="r", shape=shape))
