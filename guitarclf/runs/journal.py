"""Answers for a long list, kept on disk as they come, so that a killed command goes on with the rest."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from guitarclf.files.digest import file_digest, text_digest
from guitarclf.errors import RunError

logger = logging.getLogger(__name__)

SYNC_SEC = 1.0  # what a power cut may lose; a kill loses nothing of what was written


def unfinished_path(output) -> Path | None:
    """Return where the answers for an output are kept until all are there; None for a pipe or a device."""
    output = Path(output)
    if output.exists() and not output.is_file():
        return None
    return output.with_name(f".{output.name}.rows")


def prediction_key(model_files, places, *settings) -> str:
    """Return a digest of what answers depend on: the model's files, the list, and other settings."""
    return text_digest(*map(file_digest, sorted(model_files)), *map(repr, places), *map(repr, settings))


def keep_rows(
    predict: Callable[[Sequence], Iterator],
    items: Sequence,
    path,
    key: str,
    *,
    resume: bool,
    to_plain: Callable,
    from_plain: Callable,
    what: str = "events",
) -> Iterator:
    """Yield what is predicted of a list, a part at a time, keeping each part in a file that the caller removes.

    Parameters
    ----------
    predict : callable
        Items -> an iterator of parts, each with a length, in their order.
    items : sequence
        A slice of it is what ``predict`` gets.
    path : str or Path
        One JSON line a part, the first holds ``key``; a line cut short by a kill is dropped.
    key : str
        What the answers depend on; those kept under another are refused.
    resume : bool
        Whether parts that are in the file are taken from there.
    to_plain, from_plain : callable
        A part as what JSON can hold; and (that, the part's items) as the part again.
    what : str
        What the items are called in the log.

    Raises
    ------
    RunError
        If the file cannot be written, or was kept under another key.
    """
    path = Path(path)
    try:
        kept, n_bytes = _read(path, key) if resume else ([], 0)
        n_done = 0
        for n_items, plain in kept:
            yield from_plain(plain, items[n_done : n_done + n_items])
            n_done += n_items
        if n_done:
            logger.info("%d of %d %s were done before", n_done, len(items), what)
        with path.open("r+b" if n_bytes else "wb") as file:
            file.truncate(n_bytes)
            file.seek(n_bytes)
            if not n_bytes:
                _append(file, {"key": key})
            synced = time.monotonic()
            for part in predict(items[n_done:]):
                _append(file, {"n_items": len(part), "part": to_plain(part)})
                if time.monotonic() - synced > SYNC_SEC:
                    os.fsync(file.fileno())
                    synced = time.monotonic()
                yield part
    except OSError as error:
        if isinstance(error, RunError) or error.strerror is None:
            raise
        raise RunError(
            f"{path} must be writable, to keep what is done. {error.strerror}. Make room, and go on with --resume."
        ) from error


def _append(file, content: dict) -> None:
    file.write(json.dumps(content).encode() + b"\n")
    file.flush()


def _read(path: Path, key: str) -> tuple[list[tuple[int, object]], int]:
    """Return (length, plain part) of each part that was kept, and how many bytes of the file they are."""
    if not path.is_file():
        return [], 0
    parts, n_bytes = [], 0
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True)):
        try:
            content = json.loads(line) if line.endswith(b"\n") else {}
            found = content["key"] if number == 0 else (int(content["n_items"]), content["part"])
        except (ValueError, KeyError, TypeError):
            break  # cut short; what follows it cannot be trusted
        if number == 0 and found != key:
            raise RunError(
                f"{path} must hold rows of the same model, events and settings to go on with. It holds others. "
                "Leave out --resume to begin again."
            )
        parts += [found] if number else []
        n_bytes += len(line)
    return parts, n_bytes
