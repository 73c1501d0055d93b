"""Files and folders that appear whole or not at all.

What is written goes under another name beside the target, is brought to the disk, and is renamed to the target, which
is one step on POSIX and on NTFS. A process that is killed leaves the target as it was, and a file or folder beside it
that ends in UNFINISHED, for :func:`sweep`.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from guitarclf.files.wording import explained

UNFINISHED = ".unfinished"
ADVICE = "What was there before is as it was. Make room, or choose another place."


def write_bytes(path, content: bytes) -> None:
    """Write a whole file or leave what was there; RunError if it cannot be written."""
    path = Path(os.path.realpath(path))  # a link stays, and what it points at is replaced
    unfinished = _beside(path)
    with explained(f"{path} must be writable", ADVICE):
        if path.exists() and not path.is_file():
            path.write_bytes(content)  # a terminal, a pipe or /dev/null, which must not be replaced
            return
        try:
            unfinished.write_bytes(content)
            _sync(unfinished)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        _sync_folder(path.parent)


def write_text(path, text: str) -> None:
    """Write a whole file of UTF-8 text or leave what was there."""
    write_bytes(path, text.encode("utf-8"))


@contextmanager
def whole_folder(path) -> Iterator[Path]:
    """Give a folder to write into, which takes the place of ``path`` when the block ends without an error."""
    path = Path(path)
    unfinished, replaced = _beside(path), _beside(path.with_name(f"{path.name}.replaced"))
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


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")


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
