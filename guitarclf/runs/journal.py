"""Journal: the finished parts of a long list of work, kept so that a killed command goes on with the rest."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guitarclf.errors import RunError
from guitarclf.files.digest import file_digest, text_digest
from guitarclf.files.whole import hidden, is_stream
from guitarclf.files.wording import explained

logger = logging.getLogger(__name__)

SYNC_SEC = 1.0  # what a power cut may lose; a kill loses nothing of what was written


def unfinished_path(output: str | Path) -> Path | None:
    """Return where the predictions for an output are kept until all are there; None for a pipe or a device."""
    return None if is_stream(output) else hidden(Path(output), ".rows")


def prediction_key(model_files: Iterable[Path], places: Iterable, *settings: Any) -> str:
    """Return a digest of what predictions depend on: the model's files, the recordings, and other settings."""
    return text_digest(*map(file_digest, sorted(model_files)), *map(repr, places), *map(repr, settings))


@dataclass(frozen=True, kw_only=True)
class Journal:
    """The finished parts of a list of work, a JSON line each after a first line that says what they depend on.

    Parameters
    ----------
    path : Path
        The file; the caller removes it when it has the whole result. A line cut short by a kill is dropped.
    key : str
        What the work depends on; a file with another key is refused.
    resume : bool
        Whether parts are taken from the file.
    to_plain, from_plain : callable, optional
        part -> what JSON can hold, and (that, the part's items) -> part. Without them parts are written as they are.
    what : str
        What the items are called in the log.
    before : sequence of parts
        Parts from a file of an older version; a new journal begins with them.
    """

    path: Path = field(kw_only=False)
    key: str = field(kw_only=False)
    resume: bool = False
    to_plain: Callable[[Any], Any] = lambda part: part
    from_plain: Callable[[Any, Sequence], Any] = lambda plain, items: plain
    what: str = "events"
    before: Sequence = ()

    def go_on(self, items: Sequence, work: Callable[[Sequence], Iterator]) -> Iterator:
        """Yield the parts of the work in their order: those in the file, then those that ``work`` yields for the rest.

        The length of a part is the number of its items. RunError if the file cannot be written, or has another key.
        """
        with explained(f"{self.path} must be writable, to keep what is done", "Make room, and go on with --resume."):
            kept, n_bytes = _read(self.path, self.key) if self.resume else ([], 0)
            kept = kept or [(len(part), self.to_plain(part)) for part in self.before]
            n_done = 0
            for n_items, plain in kept:
                yield self.from_plain(plain, items[n_done : n_done + n_items])
                n_done += n_items
            if n_done:
                logger.info("%d of %d %s were done before", n_done, len(items), self.what)
            with self.path.open("r+b" if n_bytes else "wb") as file:
                file.truncate(n_bytes)
                file.seek(n_bytes)
                if not n_bytes:
                    _append(file, {"key": self.key}, *({"n_items": n, "part": plain} for n, plain in kept))
                synced = time.monotonic()
                for part in work(items[n_done:]):
                    _append(file, {"n_items": len(part), "part": self.to_plain(part)})
                    if time.monotonic() - synced > SYNC_SEC:
                        os.fsync(file.fileno())
                        synced = time.monotonic()
                    yield part


def n_kept(path: Path) -> int:
    """Return the number of parts in a journal, 0 if there is none."""
    return max(0, path.read_bytes().count(b"\n") - 1) if path.is_file() else 0


def _append(file, *lines: dict) -> None:
    file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    file.flush()


def _read(path: Path, key: str) -> tuple[list[tuple[int, Any]], int]:
    """Return (number of items, plain part) of each whole part in a file, and the number of bytes up to there."""
    if not path.is_file():
        return [], 0
    parts: list[tuple[int, Any]] = []
    n_bytes = 0
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
