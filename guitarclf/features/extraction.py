"""features_of: the features of recordings, on disk or in memory, computed a few events at a time in each thread."""

import logging
import mmap
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from guitarclf.audio.mel import log_mel_channels
from guitarclf.audio.offsets import needs_ends
from guitarclf.audio.windows import Request, WindowReader
from guitarclf.errors import AudioReadError
from guitarclf.features.arrays import FeatureRows, Windows, raise_first
from guitarclf.features.keys import NO_KEY, FileStates
from guitarclf.features.store import FeatureStore
from guitarclf.files.progress import Progress

logger = logging.getLogger(__name__)

EVENTS_AT_ONCE = 16  # events that a thread decodes and transforms before it takes others
IN_MEMORY_BYTES = 256 * 2**20  # features of more than this stay on disk


class Part(NamedTuple):
    """Some rows: their features, and row -> error where reading failed."""

    rows: list[int]
    features: np.ndarray
    errors: dict[int, AudioReadError]


def features_of(windows: Windows, settings: dict, store: FeatureStore | None = None) -> np.ndarray | FeatureRows:
    """Return the log-mel features of recordings, from the store where it has them.

    Parameters
    ----------
    windows : Windows of n_events
    settings : dict
        Keywords of :func:`guitarclf.audio.mel.log_mel_channels`.
    store : FeatureStore or None

    Returns
    -------
    features : float32 array-like of shape (n_events, n_channels, n_mels, n_frames)
        An ndarray up to IN_MEMORY_BYTES. Above it lies on disk: FeatureRows of the store, or without one an
        ndarray that is a memory-mapped file.

    Raises
    ------
    AudioReadError
        Once the others are computed, for the first event that cannot be read.
    """
    n_channels, n_frames = 1 + len(settings["extra_channels"]), 1 + windows.shape[1] // settings["hop_length"]
    shape = (n_channels, settings["n_mels"], n_frames)
    if store is not None:
        try:
            return _stored(windows, settings, shape, store)
        except AudioReadError:
            raise
        except OSError as error:
            logger.warning(
                "The feature cache %s cannot be used: %s. Going on without it.", store.folder, error.strerror or error
            )
    return _computed(windows.reader, windows.requests, settings, shape)


def _stored(windows: Windows, settings: dict, shape: tuple[int, ...], store: FeatureStore) -> np.ndarray | FeatureRows:
    """Return the features from the store, where the missing ones are put first."""
    reader, requests = windows.reader, windows.requests
    stored = store.open(reader, settings, shape)
    states = FileStates(with_offsets=reader.zero_after_offset or needs_ends(settings))
    keys = [states.key(request) for request in requests]
    sources, source, place = stored.find(keys)
    missing = np.flatnonzero(source < 0)
    young = np.array([keys[row] == NO_KEY for row in missing], dtype=bool)
    if not young.all():
        rows: list[int] = []
        files = stored.append(_with_keys(windows, settings, missing[~young].tolist(), keys, states, rows))
        source[rows] = len(sources) + np.repeat(np.arange(len(files)), [len(file) for file in files])
        place[rows] = np.concatenate([np.arange(len(file)) for file in files])
        sources += files
        store.trim()
    if young.any():
        rows = missing[young]
        source[rows], place[rows] = len(sources), np.arange(len(rows))
        sources.append(_computed(reader, [requests[row] for row in rows], settings, shape))
    features = FeatureRows(sources, source, place, shape)
    return np.asarray(features) if features.nbytes <= IN_MEMORY_BYTES else features


def _with_keys(
    windows: Windows, settings: dict, rows: list[int], keys: list[bytes], states: FileStates, done: list[int]
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    """Yield keys and features of some rows; ``done`` gets their numbers in the order in which they come."""
    requests = windows.requests
    errors: dict[int, AudioReadError] = {}
    for part in extract(windows.reader, requests, rows, settings):
        errors |= part.errors
        readable = [at for at, row in enumerate(part.rows) if row not in part.errors]
        if readable:
            read = [part.rows[at] for at in readable]
            unchanged = {path: states.is_unchanged(path) for path in {requests[row].path for row in read}}
            yield [keys[row] if unchanged[requests[row].path] else NO_KEY for row in read], part.features[readable]
            done += read
    raise_first(errors)


def _computed(reader: WindowReader, requests: Sequence[Request], settings: dict, shape: tuple[int, ...]) -> np.ndarray:
    """Return the features as an ndarray; of more than IN_MEMORY_BYTES, one whose memory is a file without a name."""
    whole = (len(requests), *shape)
    if np.prod(whole) * 4 <= IN_MEMORY_BYTES:
        features = np.empty(whole, dtype=np.float32)
    else:
        with tempfile.TemporaryFile(prefix="guitarclf-features-") as file:
            file.truncate(int(np.prod(whole)) * 4)
            # Not np.memmap, whose file joblib would open again by a name that it does not have.
            features = np.ndarray(whole, dtype=np.float32, buffer=mmap.mmap(file.fileno(), int(np.prod(whole)) * 4))
    errors: dict[int, AudioReadError] = {}
    for part in extract(reader, requests, list(range(len(requests))), settings):
        features[part.rows] = part.features
        errors |= part.errors
    raise_first(errors)
    return features


def extract(reader: WindowReader, requests: Sequence[Request], rows: list[int], settings: dict) -> Iterator[Part]:
    """Yield the features of some rows, file by file; no more are in memory than the threads work on."""
    rows = sorted(rows, key=lambda row: requests[row][:2])
    tasks = [rows[first : first + EVENTS_AT_ONCE] for first in range(0, len(rows), EVENTS_AT_ONCE)]

    def run(task: list[int]) -> Part:
        windows, errors = alone.read([requests[row] for row in task])
        ends = alone.ends([requests[row] for row in task], errors) if needs_ends(settings) else None
        errors = {task[position]: error for position, error in errors.items()}
        return Part(task, log_mel_channels(windows, ends=ends, **settings), errors)

    alone = WindowReader(**{**vars(reader), "num_workers": 1})
    with Progress(len(rows), desc="reading audio", unit="event") as bar:
        for part in in_threads(run, tasks, reader.n_threads):
            bar.update(len(part.rows))
            yield part


def in_threads(function: Callable, tasks: list, n_threads: int) -> Iterator:
    """Yield ``function(task)`` in order, computed in threads, at most two tasks a thread ahead."""
    if n_threads == 1 or len(tasks) < 2:
        yield from map(function, tasks)
        return
    with ThreadPoolExecutor(max_workers=n_threads) as pool:
        waiting: deque[Future] = deque()
        for task in tasks:
            waiting.append(pool.submit(function, task))
            if len(waiting) > 2 * n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
