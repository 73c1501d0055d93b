"""Digests of files, to tell whether a table or its audio is the same as before."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from guitarclf.errors import AudioReadError
from guitarclf.files.names import as_path
from guitarclf.files.places import file_of, version_at
from guitarclf.files.urls import is_url
from guitarclf.files.wording import shown


def file_digest(path) -> str:
    """Return the BLAKE2b digest of a file's bytes, 32 hex digits; of one at a URL, of its version."""
    file_name, part = file_of(os.fspath(path))
    if is_url(file_name):
        return text_digest("version", version_at(file_name) or "unknown", part)
    if part:
        return text_digest(table_digest(file_name, *_state(file_name)), part)
    try:
        with open(as_path(os.fspath(path)), "rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise AudioReadError(
            f"{shown(path)} must be a readable file. {error.strerror}. Check its permissions."
        ) from error


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


def joint_digest(paths, *, num_workers: int = 1) -> str:
    """Return one digest of the contents of many files; their names and order, and a name given twice, do not matter."""
    with ThreadPoolExecutor(max_workers=num_workers) as pool:
        digests = sorted(pool.map(file_digest, dict.fromkeys(map(str, paths))))
    return hashlib.blake2b("".join(digests).encode(), digest_size=16).hexdigest()
