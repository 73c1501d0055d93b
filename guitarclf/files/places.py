"""Places: where a recording or a table is, be it a file here, at a URL, or inside a Parquet table at either.

The one door from what users name to a file that can be opened. What is printed and recorded is the name as it was
given; the file is a copy that may be gone tomorrow.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from guitarclf.errors import AudioReadError
from guitarclf.files.names import as_path
from guitarclf.files.urls import is_url
from guitarclf.files.wording import shown

if TYPE_CHECKING:
    from guitarclf.files.inside import Inside

PARQUET = (".parquet", ".pq")
MAGIC = b"PAR1"


def inside_of(path: str) -> "Inside | None":
    """Return which row of which table a path names, None if it is the path of a file, or of nothing."""
    folded = path.lower()
    if ".p" not in folded or not any(f"{suffix}{slash}" in folded for suffix in PARQUET for slash in "/\\"):
        return None
    from guitarclf.files.inside import named

    inside = named(path)
    return inside if inside and (is_url(inside.table) or os.path.isfile(as_path(inside.table))) else None


def local(path: str, **how: Any) -> str:
    """Return the path of a file with the content of a place, fetched if it is not here.

    ``how`` is what :func:`guitarclf.files.remote.local` takes: ``check``, ``most`` and ``fresh``. AudioReadError if it
    cannot be fetched; a path of this machine may be of a file that is not there.
    """
    inside = inside_of(path)
    if inside is not None:
        from guitarclf.files.inside import local as copied

        table = local(inside.table, check=require_parquet)
        return os.fspath(copied(inside, Path(as_path(table)), _version(inside.table)))
    if is_url(path):
        from guitarclf.files import remote

        return os.fspath(remote.local(path, **how))
    return path


def file_of(path: str) -> tuple[str, str]:
    """Return the file, or the URL of one, that a place is in, and which part of it: the row of a table, or ""."""
    inside = inside_of(path)
    return (path, "") if inside is None else (inside.table, str(inside.row))


def version_at(url: str) -> str | None:
    """Return what tells a file at a URL from its other versions; None if it is not there, or the store does not tell.

    The URL, which its content belongs to whatever else is like it, is not in it.
    """
    from guitarclf.files import remote

    try:
        state = remote.state_of(url)
    except AudioReadError:
        return None
    return None if state.version is None else f"{state.version} {state.size}"


def expect(paths: Iterable[str]) -> None:
    """Ask for the versions of all that is at URLs at once, where one after the other would take long."""
    with_scheme = [path for path in dict.fromkeys(paths) if "://" in path]
    urls = [file for file, _ in map(file_of, with_scheme) if is_url(file)]
    if urls:
        from guitarclf.files import remote

        remote.refresh(urls)


def missing(paths: Iterable[str]) -> list[str]:
    """Return the places at which there is no file now, each once; AudioReadError if a store cannot be asked."""
    names = list(dict.fromkeys(paths))
    files = {name: file_of(name)[0] for name in names}
    urls = [file for file in files.values() if is_url(file)]
    states = {}
    if urls:
        from guitarclf.files import remote

        states = remote.ask(urls)
    return [
        name
        for name, file in files.items()
        if (states[file] is None if is_url(file) else not os.path.isfile(as_path(file)))
    ]


def require_parquet(file: BinaryIO) -> None:
    """Raise AudioReadError unless a file begins as Parquet does."""
    if file.read(len(MAGIC)) != MAGIC:
        raise AudioReadError("A Parquet table must begin with PAR1. This one does not. Export it again.")


def _version(table: str) -> str:
    """Return what tells a table from its other versions."""
    if is_url(table):
        return version_at(table) or f"of process {os.getpid()}"
    try:
        status = os.stat(as_path(table))
    except OSError as error:
        raise AudioReadError(f"{shown(table)} must be a readable file. {error.strerror}. Check its path.") from error
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
