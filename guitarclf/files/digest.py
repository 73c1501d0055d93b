"""Digests of files, to tell whether a table or its audio is the same as before."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

from guitarclf.errors import AudioReadError
from guitarclf.files.names import as_path
from guitarclf.files.wording import shown


def file_digest(path) -> str:
    """Return the BLAKE2b digest of a file's bytes, 32 hex digits."""
    try:
        with open(as_path(os.fspath(path)), "rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise AudioReadError(
            f"{shown(path)} must be a readable file. {error.strerror}. Check its permissions."
        ) from error


def text_digest(*texts: str) -> str:
    """Return one digest of some texts in their order."""
    parts = [f"{len(text)}:{text}" for text in texts]
    return hashlib.blake2b("".join(parts).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def joint_digest(paths, *, num_workers: int = 1) -> str:
    """Return one digest of the contents of many files; their names and order, and a name given twice, do not matter."""
    with ThreadPoolExecutor(max_workers=num_workers) as pool:
        digests = sorted(pool.map(file_digest, dict.fromkeys(map(str, paths))))
    return hashlib.blake2b("".join(digests).encode(), digest_size=16).hexdigest()
