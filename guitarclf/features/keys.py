"""The key of a stored row, and the description of the setting that it was made with.

A row belongs to one recording (path, size, times of the last change, inode), to the place of one event in it, to every
parameter that shapes it, and to the code that computes it. If any of these changes, it is computed anew. The first two
are its key, made of a million events at once.

No row is kept of a file that was changed just before it is read, or while it is read (guitarclf/files/state.py).
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy
import numpy as np
import soundfile
import soxr

from guitarclf.audio.windows import Request, WindowReader
from guitarclf.files.state import state_of
from guitarclf.parameters.rules import plain

# The digest of the state of a recording, and of an event in it its onset, until when it is heard (NaN: to the end of
# the window), and whether it is alone (1) and by itself (2).
KEY = np.dtype([("recording", "<u8", (2,)), ("onset", "<f8"), ("until", "<f8"), ("kind", "u1")])
NO_RECORDING = bytes(16)  # of a key whose row must not be found again
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

    def keys(self, requests: Sequence[Request]) -> np.ndarray:
        """Return the keys of events' rows, of dtype KEY; without a recording where that may change unnoticed."""
        keys, paths = np.zeros(len(requests), dtype=KEY), [request.path for request in requests]
        number_of = {path: number for number, path in enumerate(dict.fromkeys(paths))}
        for path in number_of.keys() - self.states.keys():
            self.states[path] = self._state(path)
        if paths:
            digests = np.frombuffer(b"".join(map(self._digest, number_of)), dtype=KEY["recording"])
            keys["recording"] = digests[[number_of[path] for path in paths]]
        keys["onset"] = [request.onset for request in requests]
        keys["kind"] = [request.alone + 2 * request.by_itself for request in requests]
        keys["until"] = np.nan
        if self.until is not None:
            keys["until"] = np.array(list(map(self.until, requests)), dtype=np.float64)  # None becomes NaN
        return keys

    def is_unchanged(self, path: str) -> bool:
        """Return whether a file is as it was when the first key of its events was made."""
        return self._state(path) == self.states[path]

    def _digest(self, path: str) -> bytes:
        found = self.states[path]
        return NO_RECORDING if found is None else hashlib.blake2b(found, digest_size=16).digest()

    def _state(self, path: str) -> bytes | None:
        return state_of(path, self.here)


def is_kept(keys: np.ndarray) -> np.ndarray:
    """Return whether the row of each key may be found again, bool of shape (n_events,)."""
    return np.any(keys["recording"], axis=1)


def key_hashes(keys: np.ndarray) -> np.ndarray:
    """Return 64 bits of each key, shape (n_events,); equal keys have equal ones, and others as good as never."""
    import pandas as pd  # `guitarclf cache` does not wait for it

    recording, words = keys["recording"], {name: keys[name].copy().view(np.uint64) for name in ("onset", "until")}
    columns = {"first": recording[:, 0], "second": recording[:, 1], **words, "kind": keys["kind"]}
    return pd.util.hash_pandas_object(pd.DataFrame(columns), index=False).to_numpy()


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
