"""Digests of files, to tell whether a table or its audio is the same as before."""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from guitarclf.errors import AudioReadError
from guitarclf.files.kept_digests import KeptDigests
from guitarclf.files.names import as_path
from guitarclf.files.places import expect, file_of, version_at
from guitarclf.files.urls import is_url
from guitarclf.files.wording import shown

BLOCK = 2**20  # bytes that are read at once
FILES_AT_ONCE = 64  # that a thread reads as one task


def file_digest(path) -> str:
    """Return the BLAKE2b digest of a file's bytes, 32 hex digits; of one at a URL, of its version."""
    file_name, part = file_of(os.fspath(path))
    if is_url(file_name):
        return text_digest("version", version_at(file_name) or "unknown", part)
    if part:
        return text_digest(table_digest(file_name, *_state(file_name)), part)
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open(as_path(os.fspath(path)), "rb", buffering=0) as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise AudioReadError(
            f"{shown(path)} must be a readable file. {error.strerror}. Check its permissions."
        ) from error
    return digest.hexdigest()


@lru_cache(maxsize=16)  # or a table with sound inside would be read once for each of its rows
def table_digest(path: str, size: int, changed: int) -> str:
    """Return the digest of a file that has a size and was changed then."""
    return file_digest(path)


def _state(path: str) -> tuple[int, int]:
    status = os.stat(as_path(path))
    return status.st_size, status.st_mtime_ns


def text_digest(*texts: str) -> str:
    """Return one digest of some texts in their order."""
    parts = [f"{len(text)}:{text}" for text in texts]
    return hashlib.blake2b("".join(parts).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def joint_digest(paths: Iterable, *, num_workers: int = 1, kept_in: Path | None = None) -> str:
    """Return one digest of the contents of many files; their names and order, and a name given twice, do not matter.

    ``kept_in`` is the database of the digests of files that are as they were; without it all are read.
    """
    names = list(dict.fromkeys(map(str, paths)))
    expect(names)
    kept = None if kept_in is None else KeptDigests(kept_in, {name: as_path(name) for name in names})
    digests = {} if kept is None else kept.found
    computed = _digests([name for name in names if name not in digests], num_workers)
    if kept is not None:
        kept.add(computed)
    every = sorted([*digests.values(), *computed.values()])
    return hashlib.blake2b("".join(every).encode(), digest_size=16).hexdigest()


def _digests(names: list[str], num_workers: int) -> dict[str, str]:
    """Return the digest of each file, by its name."""
    tasks = [names[first : first + FILES_AT_ONCE] for first in range(0, len(names), FILES_AT_ONCE)]
    with ThreadPoolExecutor(max_workers=num_workers) as pool:
        digests = [digest for part in pool.map(lambda task: list(map(file_digest, task)), tasks) for digest in part]
    return dict(zip(names, digests, strict=True))
