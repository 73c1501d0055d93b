"""Journal: the finished parts of a long list of work, kept so that a killed command goes on with the rest."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
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

    def go_on(
        self, items: Sequence, work: Callable[[list[int]], Iterable[tuple[int, Any]]]
    ) -> Iterator[tuple[int, Any]]:
        """Yield (place of its first item, part): the parts in the file, then those of the rest, as they come.

        ``work`` is given the places of the items that are left, and yields pairs like these in any order. A part is
        of items that follow each other; its length is their number. RunError if the file cannot be written, has
        another key, or parts of other items.
        """
        with explained(f"{self.path} must be writable, to keep what is done", "Make room, and go on with --resume."):
            kept, n_bytes = _read(self.path, self.key) if self.resume else ([], 0)
            kept = kept or _one_after_another(map(self.to_plain, self.before), map(len, self.before))
            is_left = self._left_by(kept, len(items))
            for first, n_items, plain in kept:
                yield first, self.from_plain(plain, items[first : first + n_items])
            if kept:
                logger.info("%d of %d %s were done before", is_left.count(False), len(items), self.what)
            with self.path.open("r+b" if n_bytes else "wb") as file:
                file.truncate(n_bytes)
                file.seek(n_bytes)
                if not n_bytes:
                    _append(file, {"key": self.key}, *(_line(*part) for part in kept))
                synced = time.monotonic()
                for first, part in work([place for place in range(len(items)) if is_left[place]]):
                    _append(file, _line(first, len(part), self.to_plain(part)))
                    if time.monotonic() - synced > SYNC_SEC:
                        os.fsync(file.fileno())
                        synced = time.monotonic()
                    yield first, part

    def _left_by(self, kept: Iterable[tuple[int, int, Any]], n_items: int) -> list[bool]:
        """Return for each item whether none of the parts in the file has it."""
        is_left = [True] * n_items
        for first, n_of_part, _ in kept:
            if not 0 <= first <= first + n_of_part <= n_items or not all(is_left[first : first + n_of_part]):
                raise RunError(
                    f"{self.path} must hold each of {n_items} {self.what} once. It has {n_of_part} from number "
                    f"{first + 1} on, or again. Begin again with --overwrite."
                )
            is_left[first : first + n_of_part] = [False] * n_of_part
        return is_left


def in_order(parts: Iterable[tuple[int, Any]]) -> Iterator:
    """Yield parts of all items in the order of their places; those that come early wait."""
    early: dict[int, Any] = {}
    place = 0
    for first, part in parts:
        early[first] = part
        while place in early:
            part = early.pop(place)
            place += len(part)
            yield part


def stretches(places: Sequence[int], at_most: int) -> list[range]:
    """Return places, which rise, as ranges without gaps, each of so many at most."""
    cuts = [0, *(at for at in range(1, len(places)) if places[at] != places[at - 1] + 1), len(places)]
    return [
        range(places[at], places[min(at + at_most, end) - 1] + 1)
        for begin, end in pairwise(cuts)
        for at in range(begin, end, at_most)
    ]


def kept_parts(path: Path, key: str) -> list[tuple[int, int, Any]]:
    """Return (place of the first item, number of items, plain part) of each whole part in a journal, which is left
    as it is; RunError if it has another key."""
    return _read(path, key)[0]


def n_kept(path: Path) -> int:
    """Return the number of parts in a journal, 0 if there is none."""
    return max(0, path.read_bytes().count(b"\n") - 1) if path.is_file() else 0


def _line(first: int, n_items: int, plain: Any) -> dict:
    return {"first": first, "n_items": n_items, "part": plain}


def _one_after_another(parts: Iterable, sizes: Iterable[int]) -> list[tuple[int, int, Any]]:
    """Return (place of the first item, number of items, part) of parts that follow each other."""
    sizes = list(sizes)
    return list(zip(accumulate([0, *sizes[:-1]]), sizes, parts, strict=False))


def _append(file, *lines: dict) -> None:
    file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    file.flush()


def _read(path: Path, key: str) -> tuple[list[tuple[int, int, Any]], int]:
    """Return each whole part in a file as `_one_after_another` does, and the number of bytes up to there.

    Versions up to 0.1.0 did not write where a part begins: after the one before.
    """
    if not path.is_file():
        return [], 0
    parts: list[tuple[int, int, Any]] = []
    n_bytes = after = 0
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True)):
        try:
            content = json.loads(line) if line.endswith(b"\n") else {}
            if number:
                first, n_items = int(content.get("first", after)), int(content["n_items"])
                found, after = (first, n_items, content["part"]), first + n_items
            else:
                found = content["key"]
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
