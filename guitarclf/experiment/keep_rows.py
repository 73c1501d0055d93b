"""Predictions of a long list, kept on disk as they come, so that a killed command goes on with the rest."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from guitarclf.data.digest import file_digest, text_digest
from guitarclf.errors import RunError
from guitarclf.persistence import PICKLES, bundle_folder

logger = logging.getLogger(__name__)

Predict = Callable[[pd.DataFrame], Iterator[pd.DataFrame]]


def unfinished_path(output) -> Path:
    """Return where the rows of an output are kept until all are there."""
    output = Path(output)
    return output.with_name(f".{output.name}.rows")


def prediction_key(model, events: pd.DataFrame, *settings) -> str:
    """Return a digest of what predictions depend on: the model's files, the events, other settings."""
    if Path(model).suffix.lower() in PICKLES:
        files = [Path(model)]
    else:
        files = sorted(path for path in bundle_folder(model).iterdir() if path.is_file())
    places = events[["note_id", "audio_path", "onset_sec"]].to_csv(index=False)
    return text_digest(*(file_digest(path) for path in files), places, *map(repr, settings))


def keep_rows(predict: Predict, events: pd.DataFrame, path, key: str, *, resume: bool) -> Iterator[pd.DataFrame]:
    """Yield the predictions of an events table, keeping each chunk in a file until the caller removes it.

    Parameters
    ----------
    predict : callable
        Events -> an iterator of DataFrames, one row an event, in their order.
    events : DataFrame
    path : str or Path
        One JSON line a chunk, the first holds ``key``; a line cut short by a kill is dropped.
    key : str
        What the predictions depend on; rows kept under another are refused.
    resume : bool
        Whether rows that are in the file are taken from there.

    Raises
    ------
    RunError
        If the file cannot be written, or was kept under another key.
    """
    path = Path(path)
    try:
        kept, n_bytes = _read(path, key) if resume else ([], 0)
        yield from kept
        n_done = sum(map(len, kept))
        if n_done:
            logger.info("%d of %d events were done before", n_done, len(events))
        with path.open("r+b" if n_bytes else "wb") as file:
            file.truncate(n_bytes)
            file.seek(n_bytes)
            if not n_bytes:
                _append(file, {"key": key})
            for chunk in predict(events.iloc[n_done:]):
                _append(file, {"rows": chunk.to_dict("list")})
                yield chunk
    except OSError as error:
        if isinstance(error, RunError) or error.strerror is None:
            raise
        raise RunError(
            f"{path} must be writable, to keep what is done. {error.strerror}. Make room, and go on with --resume."
        ) from error


def _append(file, content: dict) -> None:
    file.write(json.dumps(content).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _read(path: Path, key: str) -> tuple[list[pd.DataFrame], int]:
    """Return the chunks that were kept, and how many bytes of the file they are."""
    if not path.is_file():
        return [], 0
    lines = path.read_bytes().splitlines(keepends=True)
    chunks, n_bytes = [], 0
    for number, line in enumerate(lines):
        try:
            content = json.loads(line) if line.endswith(b"\n") else None
            chunk = None if content is None else content["key" if number == 0 else "rows"]
            chunk = chunk if number == 0 or chunk is None else pd.DataFrame(chunk)
        except (ValueError, KeyError, TypeError):
            chunk = None
        if chunk is None:
            break  # cut short; what follows it cannot be trusted
        if number == 0 and chunk != key:
            raise RunError(
                f"{path} must hold rows of the same model, events and settings to go on with. It holds others. "
                "Leave out --resume to begin again."
            )
        chunks += [chunk] if number else []
        n_bytes += len(line)
    return chunks, n_bytes
