"""Files and folders that appear whole or not at all.

What is written goes under another name beside the target, is brought to the disk, and is renamed to the target, which
is one step on POSIX and on NTFS. A process that is killed leaves the target as it was, and a file or folder beside it
that ends in UNFINISHED, for :func:`sweep`.
"""

import hashlib
import io
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TextIO

from guitarclf.files.names import ESCAPE
from guitarclf.files.wording import explained, shown

UNFINISHED = ".unfinished"
MAX_NAME = 200  # bytes; systems allow 255, and an ending is added
OPEN_FILE = re.compile(r"/dev/(std(?:out|err))|/(?:dev|proc/self)/fd/([0-9]+)")
ADVICE = "What was there before is as it was. Make room, or choose another place."


def write_bytes(path, content: bytes) -> None:
    """Write a whole file or leave what was there; RunError if it cannot be written."""
    with explained(f"{shown(path)} must be writable", ADVICE):
        if is_stream(path):
            with _open_stream(path) as file:
                file.write(content)
            return
        path = Path(os.path.realpath(path))  # a link stays, and what it points at is replaced
        unfinished = beside(path)
        try:
            unfinished.write_bytes(content)
            _sync(unfinished)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        _sync_folder(path.parent)


@contextmanager
def whole_text(path) -> Iterator[TextIO]:
    """Give a file to write UTF-8 text into bit by bit, which takes the place of ``path`` when the block ends well."""
    with explained(f"{shown(path)} must be writable", ADVICE):
        if is_stream(path):
            with io.TextIOWrapper(_open_stream(path), encoding="utf-8", errors=ESCAPE, newline="\n") as file:
                yield file
            return
        path = Path(os.path.realpath(path))
        unfinished = beside(path)
        try:
            with unfinished.open("w", encoding="utf-8", errors=ESCAPE, newline="\n") as file:
                yield file
            _sync(unfinished)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        _sync_folder(path.parent)


def write_text(path, text: str) -> None:
    """Write a whole file of UTF-8 text or leave what was there; what is no UTF-8 is escaped as by `as_text`."""
    write_bytes(path, text.encode("utf-8", ESCAPE))


def is_stream(path) -> bool:
    """Return whether a path is a terminal, a pipe, a device or an open file, which is written but never replaced."""
    return OPEN_FILE.fullmatch(os.fspath(path)) is not None or (os.path.exists(path) and not os.path.isfile(path))


def _open_stream(path) -> BinaryIO:
    """Open a stream; an open file goes on where it is, as what was written to it so far must stay."""
    number = OPEN_FILE.fullmatch(os.fspath(path))
    if number is None:
        return open(path, "wb")
    return open(os.dup({"stdout": 1, "stderr": 2}.get(number[1]) or int(number[2])), "wb")


@contextmanager
def whole_folder(path) -> Iterator[Path]:
    """Give a folder to write into, which takes the place of ``path`` when the block ends without an error."""
    path = Path(path)
    unfinished, replaced = beside(path), beside(path, f".replaced{UNFINISHED}")
    with explained(f"{path} must be writable", ADVICE):
        for leftover in (unfinished, replaced):
            shutil.rmtree(leftover, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            yield unfinished
            for file in unfinished.iterdir():
                _sync(file)
            if path.exists():
                os.replace(path, replaced)  # a folder cannot be renamed onto one that holds something
            os.replace(unfinished, path)
        finally:
            for leftover in (unfinished, replaced):
                shutil.rmtree(leftover, ignore_errors=True)
        _sync_folder(path.parent)


def sweep(*folders: Path) -> None:
    """Remove what killed processes left unfinished in folders that this process has locked."""
    for item in chain.from_iterable(folder.glob(f".*{UNFINISHED}") for folder in folders):
        shutil.rmtree(item, ignore_errors=True) if item.is_dir() else item.unlink(missing_ok=True)


def beside(path: Path, ending: str = UNFINISHED) -> Path:
    """Return where what is to become ``path`` is written, a hidden name beside it that no other process uses."""
    return hidden(path, f".{os.getpid()}{ending}")


def hidden(path: Path, ending: str) -> Path:
    """Return the hidden name beside a path that is its own name and an ending, or a digest where that is too long."""
    name = path.name
    if len(os.fsencode(name)) > MAX_NAME:
        name = hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()
    return path.with_name(f".{name}{ending}")


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the system lets a folder be opened."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
