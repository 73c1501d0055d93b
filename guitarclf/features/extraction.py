"""features_of: the features of recordings, on disk or in memory, computed a few events at a time in each thread."""

import dataclasses
import logging
import mmap
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from math import prod

import numpy as np

from guitarclf.audio.mel import log_mel_channels
from guitarclf.audio.offsets import needs_ends
from guitarclf.audio.windows import Request, in_threads
from guitarclf.errors import AudioReadError
from guitarclf.features.arrays import FeatureRows, Windows, raise_first
from guitarclf.features.keys import FileStates, is_kept
from guitarclf.features.store import FeatureStore, StoredRows
from guitarclf.files.places import expect
from guitarclf.files.progress import Progress

logger = logging.getLogger(__name__)

EVENTS_AT_ONCE = 16  # events that a thread decodes and transforms as one task
IN_MEMORY_BYTES = 256 * 2**20  # features of more than this stay on disk


def features_of(windows: Windows, settings: dict, store: FeatureStore | None = None) -> np.ndarray | FeatureRows:
    """Return the log-mel features of recordings, `[n_events, C, F, T]` float32, from the store where it has them.

    Up to IN_MEMORY_BYTES they are an ndarray in memory. Above, they lie on disk: FeatureRows of the store, or without a
    store a memory-mapped ndarray. ``settings`` are the keywords of :func:`guitarclf.audio.mel.log_mel_channels`.

    Raises AudioReadError for the first event that cannot be read, once the others are computed.
    """
    shape = _row_shape(windows, settings)
    if store is not None:
        try:
            return _stored(windows, settings, shape, store)
        except AudioReadError:
            raise
        except OSError as error:
            logger.warning(
                "The feature cache %s cannot be used: %s. Going on without it.", store.folder, error.strerror or error
            )
    return _computed(windows, settings, shape)


def count_stored(windows: Windows, settings: dict, store: FeatureStore) -> int:
    """Return how many of the rows the store has; OSError if it cannot be used."""
    stored, _, keys = _look_up(windows, settings, _row_shape(windows, settings), store)
    return int((stored.find(keys)[1] >= 0).sum())


def _row_shape(windows: Windows, settings: dict) -> tuple[int, int, int]:
    n_channels, n_frames = 1 + len(settings["extra_channels"]), 1 + windows.shape[1] // settings["hop_length"]
    return n_channels, settings["n_mels"], n_frames


def _look_up(
    windows: Windows, settings: dict, shape: tuple[int, ...], store: FeatureStore
) -> tuple[StoredRows, FileStates, np.ndarray]:
    """Return the rows of the setting, the states of the recordings, and the key of each row."""
    stored = store.open(windows.reader, settings, shape)
    has_ends = windows.reader.zero_after_offset or needs_ends(settings)
    states = FileStates(windows.reader.until if has_ends else None)
    expect(request.path for request in windows.requests)
    return stored, states, states.keys(windows.requests)


def _stored(windows: Windows, settings: dict, shape: tuple[int, ...], store: FeatureStore) -> np.ndarray | FeatureRows:
    """Return the features from the store, into which the missing ones are put first."""
    stored, states, keys = _look_up(windows, settings, shape, store)
    sources, source, place = stored.find(keys)
    missing = np.flatnonzero(source < 0)
    young = ~is_kept(keys[missing])
    if not young.all():
        rows = _by_file(windows.requests, missing[~young].tolist())
        files = stored.append(_with_keys(extract(windows, rows, settings), windows.requests, keys, states))
        source[rows] = len(sources) + np.repeat(np.arange(len(files)), [len(file) for file in files])
        place[rows] = np.concatenate([np.arange(len(file)) for file in files])
        sources += files
        store.trim()
    if young.any():
        rows = missing[young].tolist()
        source[rows], place[rows] = len(sources), np.arange(len(rows))
        sources.append(_computed(Windows(windows.reader, [windows.requests[row] for row in rows]), settings, shape))
    features = FeatureRows(sources, source, place, shape)
    return np.asarray(features) if features.nbytes <= IN_MEMORY_BYTES else features


def _with_keys(
    parts: Iterable[tuple[list[int], np.ndarray]], requests: Sequence[Request], keys: np.ndarray, states: FileStates
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (keys, features) for each (rows, features); none of a recording that has changed meanwhile is found."""
    for rows, features in parts:
        changed = {path for path in {requests[row].path for row in rows} if not states.is_unchanged(path)}
        names = keys[rows]
        names["recording"][[requests[row].path in changed for row in rows]] = 0
        yield names, features


def _computed(windows: Windows, settings: dict, shape: tuple[int, ...]) -> np.ndarray:
    """Return the features as an ndarray; if of more than IN_MEMORY_BYTES, its memory is a file without a name."""
    whole = (len(windows), *shape)
    n_bytes = 4 * prod(whole)
    if n_bytes <= IN_MEMORY_BYTES:
        features = np.empty(whole, dtype=np.float32)
    else:
        with tempfile.TemporaryFile(prefix="guitarclf-features-") as file:
            file.truncate(n_bytes)
            # Not np.memmap, whose file joblib would open again by a name that it does not have.
            features = np.ndarray(whole, dtype=np.float32, buffer=mmap.mmap(file.fileno(), n_bytes))
    for rows, part in extract(windows, _by_file(windows.requests, range(len(windows))), settings):
        features[rows] = part
    return features


def _by_file(requests: Sequence[Request], rows: Iterable[int]) -> list[int]:
    """Return rows in the order of their recordings, and in each of their onsets."""
    return sorted(rows, key=lambda row: requests[row][:2])


def extract(windows: Windows, rows: list[int], settings: dict) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield (rows, features) in order, of the rows that can be read; raise AudioReadError at the end for the others.

    No more rows are in memory than the threads work on.
    """
    reader = dataclasses.replace(windows.reader, num_workers=1)
    tasks = [rows[first : first + EVENTS_AT_ONCE] for first in range(0, len(rows), EVENTS_AT_ONCE)]

    def run(task: list[int]) -> tuple[list[int], np.ndarray, dict[int, AudioReadError]]:
        requests = [windows.requests[row] for row in task]
        sound, errors = reader.read(requests)
        ends = reader.ends(requests, errors) if needs_ends(settings) else None
        return task, log_mel_channels(sound, ends=ends, **settings), errors

    failed: dict[int, AudioReadError] = {}
    with Progress(len(rows), desc="reading audio", unit="event") as bar:
        for task, features, errors in in_threads(run, tasks, windows.reader.n_threads):
            bar.update(len(task))
            failed |= {task[at]: error for at, error in errors.items()}
            read = [at for at in range(len(task)) if at not in errors]
            if read:
                yield [task[at] for at in read], features[read]
    raise_first(failed)
