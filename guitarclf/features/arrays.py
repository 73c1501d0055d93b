"""Array-likes whose rows come into memory when they are asked for: windows to be decoded, features on disk."""

import os
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

from guitarclf.audio.windows import Request, WindowReader
from guitarclf.errors import AudioReadError


class RowArray:
    """A float32 array-like that makes its rows when they are indexed; ``np.asarray`` makes them all."""

    dtype = np.dtype(np.float32)

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape

    ndim = property(lambda self: len(self.shape))
    nbytes = property(lambda self: prod(self.shape) * self.dtype.itemsize)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return some rows, by number, as an ndarray."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index):
        first, *rest = index if isinstance(index, tuple) else (index,)
        rows = np.arange(len(self))[first]
        if np.ndim(rows) == 0:
            return self.take(rows[None])[(0, *rest)]
        return self.take(rows)[(slice(None), *rest)]

    def __array__(self, dtype=None, copy=None):
        return self.take(np.arange(len(self))).astype(self.dtype if dtype is None else dtype, copy=False)


class Windows(RowArray):
    """The windows of requests, `[n_events, n_samples]`, decoded when they are indexed.

    Indexing raises AudioReadError for a row whose recording cannot be read.
    """

    def __init__(self, reader: WindowReader, requests: Sequence[Request]):
        super().__init__((len(requests), reader.n_samples))
        self.reader = reader
        self.requests = requests

    def without_ends(self, rows: np.ndarray) -> "Windows":
        """Return the windows with nothing told of where the events of ``rows`` end, bool of shape (n_events,)."""
        endless = [
            request._replace(offset=None, next_onset=None) if is_endless else request
            for request, is_endless in zip(self.requests, rows.tolist(), strict=True)
        ]
        return Windows(self.reader, endless)

    def ending(self, offsets: np.ndarray) -> "Windows":
        """Return the windows of events that end at ``offsets``, in seconds and NaN where that is not known."""
        ends = [None if np.isnan(offset) else float(offset) for offset in offsets]
        pairs = zip(self.requests, ends, strict=True)
        return Windows(self.reader, [request._replace(offset=end, next_onset=None) for request, end in pairs])

    def take(self, rows: np.ndarray) -> np.ndarray:
        windows, errors = self.reader.read([self.requests[row] for row in rows])
        raise_first(errors)
        return windows


class FeatureRows(RowArray):
    """Features, `[n_events, *shape]`, whose rows lie in several arrays, most of them memory-mapped files.

    Row ``i`` is ``sources[source[i]][place[i]]``. A pickle holds the names of the files that are still there, and the
    rows of other sources.
    """

    def __init__(self, sources: list[np.ndarray], source: np.ndarray, place: np.ndarray, shape: tuple[int, ...]):
        super().__init__((len(source), *shape))
        self.sources = sources
        self.source = source
        self.place = place

    def __getitem__(self, index):
        if isinstance(index, tuple) and len(index) == 2 and index[1] is Ellipsis and np.ndim(index[0]) == 1:
            # How scikit-learn takes a fold: its rows stay on disk too.
            return FeatureRows(self.sources, self.source[index[0]], self.place[index[0]], self.shape[1:])
        return super().__getitem__(index)

    def __getstate__(self) -> dict:
        return self.__dict__ | {"sources": [_file_and_shape(array) or array for array in self.sources]}

    def __setstate__(self, state: dict) -> None:
        sources = [map_rows(*source) if isinstance(source, tuple) else source for source in state["sources"]]
        self.__dict__ |= state | {"sources": sources}

    def take(self, rows: np.ndarray) -> np.ndarray:
        source, place = self.source[rows], self.place[rows]
        taken = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        order = np.argsort(source, kind="stable")
        firsts = np.flatnonzero(np.diff(source[order], prepend=-1))  # of the rows of each source
        for same in np.split(order, firsts)[1:]:
            taken[same] = self.sources[source[same[0]]][place[same]]
        return taken


def map_rows(path: str | Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return a file of float32 rows, memory-mapped; ValueError unless it has exactly this shape."""
    if not shape[0] or os.path.getsize(path) != 4 * prod(shape):
        raise ValueError(f"{path} must hold float32 values of shape {shape}. It has {os.path.getsize(path)} bytes.")
    return np.asarray(np.memmap(os.fspath(path), dtype=np.float32, mode="r", shape=shape))


def _file_and_shape(array: np.ndarray) -> tuple | None:
    """Return the arguments of map_rows that give an array again; None if there is no file of it, or none any more."""
    name = array.base.filename if isinstance(array.base, np.memmap) else None
    return (name, array.shape) if name and os.path.exists(name) else None


def raise_first(errors: dict[int, AudioReadError]) -> None:
    """Raise the error of the first row that has one, saying how many there are."""
    if errors:
        more = f" ({len(errors)} events cannot be read)" if len(errors) > 1 else ""
        raise AudioReadError(f"{errors[min(errors)]}{more}")
